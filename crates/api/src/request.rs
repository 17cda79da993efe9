//! A request as the routes see it.

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use ledger::{IdempotencyKey, User};

use crate::limits::{BODY_BYTES, REQUEST_ID_LENGTH};
use crate::log::{self, Noted};
use crate::{Code, Problem, clock};

/// The headers that may name the user.
const USER_HEADERS: [&str; 3] = ["user_id", "user-id", "x-user-id"];

/// What a client wants of a path. `HEAD` is a `Get`: the host leaves the body out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET` or `HEAD`.
    Get,
    /// `POST`.
    Post,
}

/// A body that arrives, whatever host it comes from.
type Incoming = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request whose head has been read and whose body has not.
#[derive(Debug)]
pub struct Request {
    id: String,
    parts: Parts,
    body: Incoming,
    noted: Noted,
}

impl Request {
    /// A request as a host hands it over.
    pub fn new<B>(request: http::Request<B>) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let id = sane_id(&parts.headers).map_or_else(clock::fresh_id, str::to_owned);
        Self { id, parts, body: body.map_err(Into::into).boxed_unsync(), noted: Noted::default() }
    }

    /// The request's id: the caller's, where it sent a sane one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The method, as it was sent.
    pub(crate) fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// What the log knows of the user.
    pub(crate) fn noted(&self) -> Noted {
        self.noted.clone()
    }

    /// The path, as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// What a path that serves both is asked for.
    ///
    /// # Errors
    /// 405 `method-not-allowed`.
    pub fn verb(&self) -> Result<Verb, Problem> {
        match self.parts.method {
            Method::GET | Method::HEAD => Ok(Verb::Get),
            Method::POST => Ok(Verb::Post),
            _ => Err(Problem::method_not_allowed("GET, HEAD, POST")),
        }
    }

    /// For a path that is only read.
    ///
    /// # Errors
    /// 405 `method-not-allowed`.
    pub fn get(&self) -> Result<(), Problem> {
        match self.parts.method {
            Method::GET | Method::HEAD => Ok(()),
            _ => Err(Problem::method_not_allowed("GET, HEAD")),
        }
    }

    /// For a path that only takes.
    ///
    /// # Errors
    /// 405 `method-not-allowed`.
    pub fn post(&self) -> Result<(), Problem> {
        if self.parts.method == Method::POST { Ok(()) } else { Err(Problem::method_not_allowed("POST")) }
    }

    /// A query parameter; `None` when it was not sent.
    ///
    /// # Errors
    /// 400 `malformed-request` when it was sent twice.
    pub fn query(&self, name: &str) -> Result<Option<String>, Problem> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(sent, _)| sent == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        if values.next().is_some() {
            return Err(Problem::malformed(format!("The query parameter {name} was sent twice.")));
        }
        Ok(value)
    }

    /// The value of a header that was sent once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// Whether the client has what goes by this entity tag already. Tags are compared weakly (RFC 9110,
    /// section 13.1.2).
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        let sent = self.header(header::IF_NONE_MATCH.as_str()).unwrap_or_default();
        sent.split(',').map(str::trim).any(|one| one == "*" || weak(one) == weak(tag))
    }

    /// The user that the request is for. The one place where identity is read.
    ///
    /// # Errors
    /// 401 `missing-identity` or `invalid-identity`.
    pub fn user(&self) -> Result<User, Problem> {
        let headers = &self.parts.headers;
        let mut names = USER_HEADERS.iter().flat_map(|name| headers.get_all(*name));
        let Some(first) = names.next() else {
            return Err(Problem::new(Code::MissingIdentity, "Name a user in the header user_id."));
        };
        if names.any(|other| other != first) {
            return Err(Problem::new(Code::InvalidIdentity, "Two headers name two users."));
        }
        let user = first.to_str().ok().and_then(|name| name.parse().ok()).ok_or_else(|| {
            Problem::new(Code::InvalidIdentity, "A user is 1 to 64 characters of A-Z, a-z, 0-9 and ._@-.")
        })?;
        self.noted.replace(Some(log::user(&user)));
        Ok(user)
    }

    /// The idempotency key: raw, or as a quoted string (RFC 9651, String), which is the same key.
    ///
    /// # Errors
    /// 400 `invalid-idempotency-key`; `malformed-request` when the header was sent twice.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = self.parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Problem::malformed("The header Idempotency-Key was sent twice."));
        }
        let key = value.to_str().ok().and_then(unquote).and_then(|key| key.parse().ok());
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
    /// 413 `payload-too-large` past 4 KiB; 400 `malformed-request` when it breaks off.
    pub async fn body(self) -> Result<Bytes, Problem> {
        let too_large = || Problem::new(Code::PayloadTooLarge, "A body may have 4096 bytes.");
        let broke_off = || Problem::malformed("The body broke off.");
        let length =
            self.header(header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > BODY_BYTES) {
            return Err(too_large());
        }
        let mut frames = Limited::new(self.body, BODY_BYTES);
        let mut body = Vec::new();
        // To wait for the end, and for trailers, costs as much as all the rest of reading.
        while length.is_none_or(|length| body.len() < length) {
            match frames.frame().await {
                Some(Ok(frame)) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
                Some(Err(_)) => return Err(broke_off()),
                None if length.is_none() => break,
                None => return Err(broke_off()),
            }
        }
        Ok(body.into())
    }

    /// The whole body, which must say that it is JSON.
    ///
    /// # Errors
    /// As [`Request::body`]; 415 `unsupported-media-type`.
    pub async fn json_body(self) -> Result<Bytes, Problem> {
        let content_type = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json");
        let nothing_said = content_type.is_empty();
        let body = self.body().await?;
        if is_json || (nothing_said && body.is_empty()) {
            return Ok(body);
        }
        Err(Problem::new(Code::UnsupportedMediaType, "Send the body as application/json."))
    }
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn sane_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=REQUEST_ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed)).then_some(id)
}

/// The string's characters where `text` is a quoted string, else `text`; `None` where a quoted string
/// is begun and not well ended.
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
