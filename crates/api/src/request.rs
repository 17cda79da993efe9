//! A request, as routes read it.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use futures::future::{Either, select};
use ledger::{IdempotencyKey, User};

use crate::body::{Body, BodyError, sleep};
use crate::headers::{Headers, text};
use crate::limits::{BODY_TIMEOUT, MAX_BODY_BYTES, MAX_REQUEST_ID_LENGTH};
use crate::{Code, Problem, clock};

/// The headers that may name the user.
const USER_HEADERS: [&str; 3] = ["user_id", "user-id", "x-user-id"];

/// What a client wants of a path. `HEAD` is a `Get`: the host leaves the body out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET` or `HEAD`.
    Get,
    /// `POST`.
    Post,
}

/// The user's name for the log, set when the user is known.
pub(crate) type LoggedUser = Rc<RefCell<Option<String>>>;

/// A request whose head has been read and whose body has not.
pub struct Request {
    id: Rc<str>,
    method: String,
    path: String,
    query: String,
    headers: Headers,
    body: Body,
    noted: LoggedUser,
}

impl Request {
    /// A request of a test.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(request: http::Request<impl http_body::Body<Data = Bytes> + Send + 'static>) -> Self {
        let (head, body) = request.into_parts();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        let headers = Headers::new(head.headers.iter().map(field).collect());
        let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        Self::of(head.method.as_str().to_owned(), &target, headers, Body::new(body))
    }

    /// A request with this head, and a body to come.
    pub(crate) fn of(method: String, target: &str, headers: Headers, body: Body) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = if path.is_empty() { "/" } else { path };
        let id = sane_id(&headers).map_or_else(|| clock::fresh_id().into(), Rc::from);
        let noted = LoggedUser::default();
        Self { id, method, path: path.to_owned(), query: query.to_owned(), headers, body, noted }
    }

    /// The request's id: the client's, if it sent a sane one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same, for code that outlives the request.
    pub(crate) fn shared_id(&self) -> Rc<str> {
        Rc::clone(&self.id)
    }

    /// The method, as it was sent.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The user's name for the log.
    pub(crate) fn logged_user(&self) -> LoggedUser {
        self.noted.clone()
    }

    /// The path, as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The method, for a path that serves `GET` and `POST`.
    ///
    /// # Errors
    ///
    /// 405 `method-not-allowed`.
    pub fn route_method(&self) -> Result<Method, Problem> {
        match self.method() {
            "GET" | "HEAD" => Ok(Method::Get),
            "POST" => Ok(Method::Post),
            _ => Err(Problem::method_not_allowed("GET, HEAD, POST")),
        }
    }

    /// For a path that serves `GET` only.
    ///
    /// # Errors
    ///
    /// 405 `method-not-allowed`.
    pub fn get(&self) -> Result<(), Problem> {
        match self.method() {
            "GET" | "HEAD" => Ok(()),
            _ => Err(Problem::method_not_allowed("GET, HEAD")),
        }
    }

    /// For a path that serves `POST` only.
    ///
    /// # Errors
    ///
    /// 405 `method-not-allowed`.
    pub fn post(&self) -> Result<(), Problem> {
        if self.method == "POST" { Ok(()) } else { Err(Problem::method_not_allowed("POST")) }
    }

    /// A query parameter; `None` when it was not sent.
    ///
    /// # Errors
    /// 400 `malformed-request` when it was sent twice.
    pub fn query(&self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = form_urlencoded::parse(self.query.as_bytes()).filter(|(sent, _)| sent == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        if values.next().is_some() {
            return Err(Problem::malformed(format!("The query parameter {name} was sent twice.")));
        }
        Ok(value)
    }

    /// The value of a header that was sent exactly once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// Whether the client already has the version with this entity tag. Tags are compared weakly (RFC 9110, section
    /// 13.1.2).
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        let sent = self.headers.all("if-none-match").filter_map(text).flat_map(|value| value.split(','));
        sent.map(str::trim).any(|one| one == "*" || strip_weak(one) == strip_weak(tag))
    }

    /// The user in the headers, if there is one.
    ///
    /// # Errors
    ///
    /// 401 `invalid-identity` if it is not a user's name, or if two headers differ.
    pub(crate) fn user_in_headers(&self) -> Result<Option<User>, Problem> {
        let mut names = USER_HEADERS.iter().flat_map(|name| self.headers.all(name));
        let Some(first) = names.next() else { return Ok(None) };
        if names.any(|other| other != first) {
            return Err(Problem::new(Code::InvalidIdentity, "Two headers name two users."));
        }
        text(first).and_then(|name| name.parse().ok()).map(Some).ok_or_else(|| {
            Problem::new(
                Code::InvalidIdentity,
                "A user is 1 to 128 characters of A-Z, a-z, 0-9 and ._~@+|:/=-.",
            )
        })
    }

    /// Notes the user for the log.
    pub(crate) fn note(&self, user: String) {
        self.noted.replace(Some(user));
    }

    /// The bearer token (RFC 6750, section 2.1).
    ///
    /// # Errors
    /// 401 `missing-identity` where there is none, or something of another scheme; `invalid-identity` where there are
    /// two, or none behind the name of the scheme.
    pub fn bearer(&self) -> Result<&str, Problem> {
        let mut values = self.headers.all("authorization");
        let Some(value) = values.next() else { return Err(Problem::no_token()) };
        let (scheme, token) = text(value).and_then(|value| value.split_once(' ')).unwrap_or_default();
        let is_one = values.next().is_none();
        match token.trim_matches(' ') {
            _ if is_one && !scheme.is_empty() && !scheme.eq_ignore_ascii_case("bearer") => {
                Err(Problem::no_token())
            }
            token if is_one && !scheme.is_empty() && !token.is_empty() => Ok(token),
            _ => Err(Problem::bad_token("The header Authorization must hold one bearer token.")),
        }
    }

    /// The idempotency key: raw, or as a quoted string (RFC 9651, String), which is the same key.
    ///
    /// # Errors
    /// 400 `invalid-idempotency-key`; `malformed-request` when the header was sent twice.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = self.headers.all("idempotency-key");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Problem::malformed("The header Idempotency-Key was sent twice."));
        }
        let key = text(value).and_then(unquote).and_then(|key| key.parse().ok());
        key.map(Some).ok_or_else(|| {
            Problem::new(
                Code::InvalidIdempotencyKey,
                "An idempotency key is 1 to 255 visible ASCII characters, raw or as a quoted string.",
            )
        })
    }

    /// The whole body.
    ///
    /// # Errors
    /// 413 `payload-too-large` past 4 KiB; 408 `request-timeout` when it does not come within 10 s; 400
    /// `malformed-request` when it breaks off.
    pub async fn body(self) -> Result<Bytes, Problem> {
        self.body_before(sleep(BODY_TIMEOUT)).await
    }

    /// The whole body, if it arrives before `late` is ready.
    async fn body_before(self, late: impl Future<Output = ()>) -> Result<Bytes, Problem> {
        // The timer starts only if there is something to wait for: the body is polled first.
        match select(pin!(self.whole_body()), pin!(late)).await {
            Either::Left((body, _)) => body,
            Either::Right(_) => Err(body_problem(BodyError::Late)),
        }
    }

    async fn whole_body(mut self) -> Result<Bytes, Problem> {
        let too_large = || Problem::new(Code::PayloadTooLarge, "A body may have 4096 bytes.");
        let length = self.header("content-length").and_then(|length| length.parse::<u64>().ok());
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        // Waiting for the end and for trailers would cost as much as all other reading.
        while length.is_none_or(|length| body.len() < length) {
            let most = length.unwrap_or(MAX_BODY_BYTES).saturating_sub(body.len()).max(1);
            match self.body.next(most).await.map_err(body_problem)? {
                Some(part) => body.extend_from_slice(&part),
                None if length.is_none() => break,
                None => return Err(body_problem(BodyError::BrokenOff)),
            }
            if body.len() > MAX_BODY_BYTES {
                return Err(too_large());
            }
        }
        Ok(body.into())
    }

    /// The whole body, which must say that it is JSON, and must not be compressed.
    ///
    /// # Errors
    /// As [`Request::body`]; 415 `unsupported-media-type`.
    pub async fn json_body(self) -> Result<Bytes, Problem> {
        let says_json = self.has_json_type();
        let is_plain = self.headers.all("content-encoding").all(is_identity);
        let body = self.body().await?;
        if is_plain && says_json.unwrap_or(body.is_empty()) {
            return Ok(body);
        }
        Err(Problem::new(Code::UnsupportedMediaType, Code::UnsupportedMediaType.detail()))
    }

    /// Whether every media type that was sent is JSON; `None` if none was sent.
    fn has_json_type(&self) -> Option<bool> {
        let types = self.headers.all("content-type").filter(|value| !value.is_empty());
        types.map(is_json).reduce(|one, other| one && other)
    }
}

fn body_problem(error: BodyError) -> Problem {
    match error {
        BodyError::BrokenOff => Problem::malformed("The body broke off."),
        BodyError::Late => Problem::new(Code::RequestTimeout, Code::RequestTimeout.detail()),
    }
}

/// Whether this media type is JSON, whatever its parameters. A value that is not text is not a media type.
fn is_json(content_type: &[u8]) -> bool {
    let essence = text(content_type).unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn is_identity(content_coding: &[u8]) -> bool {
    content_coding.eq_ignore_ascii_case(b"identity")
}

fn strip_weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn sane_id(headers: &Headers) -> Option<&str> {
    let id = headers.first("x-request-id")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=MAX_REQUEST_ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed)).then_some(id)
}

/// The characters of the string if `text` is a quoted string, otherwise `text`; `None` if a quoted string is not well
/// formed.
fn unquote(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let inner = rest.strip_suffix('"')?;
    let mut characters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            _ => plain.push(character),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
