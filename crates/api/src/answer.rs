//! Answers: JSON and pages, with the headers that every response carries.
//!
//! `content-length` is always set. Without it Spin ends the body with a separate chunk, and every request on a kept
//! connection waits for the client's delayed ACK (docs/spin.md, fact 13).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

/// Header fields of an answer: names in lower case, values of visible ASCII characters and spaces.
pub type Fields = Vec<(&'static str, Cow<'static, str>)>;

/// What goes back to the client.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    fields: Fields,
    body: AnswerBody,
    log_members: LogMembers,
}

/// The body of an answer.
pub enum AnswerBody {
    /// All bytes at once.
    Whole(Bytes),
    /// This many bytes, in pieces that are made while the client reads them.
    Pieces(usize, Box<dyn Iterator<Item = Vec<u8>>>),
}

impl AnswerBody {
    /// The length in bytes.
    fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(length, _) => *length,
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next piece; none at the end.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Whole(bytes) => {
                Some(std::mem::take(bytes).into()).filter(|bytes: &Vec<u8>| !bytes.is_empty())
            }
            Self::Pieces(_, pieces) => pieces.next(),
        }
    }
}

impl From<Vec<u8>> for AnswerBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.len())
    }
}

/// What the log line of an answer says about it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogMembers {
    /// A problem's code.
    pub code: Option<&'static str>,
    /// The `outcome` of a 503: whether a write may have happened.
    pub outcome: Option<&'static str>,
    /// It is a replay: it was given before, under the same idempotency key.
    pub replayed: bool,
    /// The age of what it shows, if that was fetched elsewhere.
    pub age_seconds: Option<u64>,
}

impl Answer {
    /// 200 with `document` as JSON.
    #[must_use]
    pub fn json(document: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, "application/json", AnswerBody::Whole(encode(document)))
    }

    /// 200 with a page.
    #[must_use]
    pub fn html(page: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "text/html; charset=utf-8", AnswerBody::Whole(page.into()))
    }

    /// 200 with a file of this media type.
    #[must_use]
    pub fn file(media_type: &'static str, body: impl Into<AnswerBody>) -> Self {
        Self::new(StatusCode::OK, media_type, body.into())
    }

    /// 200 without a body.
    #[must_use]
    pub fn bare() -> Self {
        Self::empty(StatusCode::OK)
    }

    /// 304: the client has the current version.
    #[must_use]
    pub fn not_modified() -> Self {
        Self::empty(StatusCode::NOT_MODIFIED)
    }

    /// A status and nothing else.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            fields: Fields::new(),
            body: AnswerBody::Whole(Bytes::new()),
            log_members: LogMembers::default(),
        }
    }

    /// 308: the resource is at this path.
    #[must_use]
    pub fn moved(path: &'static str) -> Self {
        Self::empty(StatusCode::PERMANENT_REDIRECT).with("location", path)
    }

    /// A problem document under its status.
    pub(crate) fn problem(status: StatusCode, document: &impl Serialize) -> Self {
        Self::new(status, "application/problem+json", AnswerBody::Whole(encode(document)))
    }

    fn new(status: StatusCode, content_type: &'static str, body: AnswerBody) -> Self {
        let fields = vec![("content-type", content_type.into())];
        Self { status, fields, body, log_members: LogMembers::default() }
    }

    /// Adds a header: a name in lower case, and a value of visible ASCII characters.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds this header to `vary`: the answer depends on it.
    #[must_use]
    pub fn varying(mut self, on: &'static str) -> Self {
        match self.fields.iter_mut().find(|(name, _)| *name == "vary") {
            Some((_, value)) => *value = format!("{value}, {on}").into(),
            None => self.fields.push(("vary", on.into())),
        }
        self
    }

    /// Marks it as a replay, if it is one.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        if !replayed {
            return self;
        }
        let log_members = LogMembers { replayed, ..self.log_members };
        Self { log_members, ..self }.with("idempotent-replayed", "true")
    }

    /// Notes the age of what it shows, for the log.
    #[must_use]
    pub fn aged(mut self, age_seconds: u64) -> Self {
        self.log_members.age_seconds = Some(age_seconds);
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What the log line says about it.
    pub(crate) fn log_members(&self) -> LogMembers {
        self.log_members
    }

    /// Notes which problem it is, for the log.
    pub(crate) fn with_log_code(self, code: &'static str, outcome: Option<&'static str>) -> Self {
        let log_members = LogMembers { code: Some(code), outcome, ..self.log_members };
        Self { log_members, ..self }
    }

    /// Status, header fields and body of the response to the request with this id.
    #[must_use]
    pub fn into_parts(self, request_id: &str) -> (StatusCode, Fields, AnswerBody) {
        let Self { status, mut fields, body, .. } = self;
        fields.push(("content-length", body.len().to_string().into()));
        fields.push(("x-content-type-options", "nosniff".into()));
        if !fields.iter().any(|(name, _)| *name == "cache-control") {
            fields.push(("cache-control", "no-store".into()));
        }
        fields.push(("x-request-id", request_id.to_owned().into()));
        (status, fields, body)
    }

    /// The response, for tests.
    #[cfg(test)]
    pub(crate) fn into_response(self, request_id: &str) -> http::Response<Bytes> {
        let (status, fields, mut body) = self.into_parts(request_id);
        let response = http::Response::builder().status(status);
        fields
            .iter()
            .fold(response, |response, (name, value)| response.header(*name, &**value))
            .body(std::iter::from_fn(|| body.next_piece()).flatten().collect())
            .unwrap()
    }
}

fn encode(document: &impl Serialize) -> Bytes {
    // Documents of strings and numbers: serde_json cannot fail on them.
    serde_json::to_vec(document).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_response_carries_the_common_headers() {
        let response = Answer::json(&"ok").into_response("r-1");
        for (name, value) in [
            ("content-length", "4"),
            ("content-type", "application/json"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("x-request-id", "r-1"),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
    }

    #[test]
    fn each_kind_of_answer_says_what_it_is() {
        let ok = |answer: Answer| answer.into_response("r");
        for (response, content_type) in [
            (ok(Answer::json(&1)), "application/json"),
            (ok(Answer::html("<p>")), "text/html; charset=utf-8"),
            (ok(Answer::file("image/png", Vec::new())), "image/png"),
        ] {
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], content_type);
        }
        let unchanged = ok(Answer::not_modified());
        assert_eq!(unchanged.status(), 304);
        assert!(!unchanged.headers().contains_key("content-type"));
    }

    #[test]
    fn an_answer_without_a_body_has_a_length_all_the_same() {
        for answer in [Answer::moved("/docs"), Answer::not_modified()] {
            assert!(format!("{answer:?}").contains("body: 0 bytes"), "{answer:?}");
            let response = answer.into_response("r");
            assert_eq!(response.headers()["content-length"], "0");
            assert!(response.body().is_empty());
        }
        assert_eq!(Answer::moved("/docs").into_response("r").headers()["location"], "/docs");
    }

    #[test]
    fn an_answer_tells_the_log_how_old_it_is_where_that_is_known() {
        let answer = Answer::json(&1);
        assert_eq!(answer.log_members().age_seconds, None);
        assert_eq!(answer.aged(61).replayed(true).log_members().age_seconds, Some(61));
    }

    #[test]
    fn only_what_is_given_again_says_so() {
        for (replayed, said) in [(false, None), (true, Some("true"))] {
            let response = Answer::json(&1).replayed(replayed).into_response("r");
            let header = response.headers().get("idempotent-replayed");
            assert_eq!(header.map(|value| value.to_str().unwrap()), said);
        }
    }

    #[test]
    fn a_route_may_say_otherwise_about_caching() {
        let answer = Answer::json(&1).with("cache-control", "public, max-age=5");
        assert_eq!(answer.into_response("r").headers()["cache-control"], "public, max-age=5");
    }
}
