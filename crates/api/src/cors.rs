//! CORS (Fetch standard, section 3.3): which pages may call the API from a browser. The setting `cors_origins`
//! lists their origins, separated by spaces.
//!
//! If it is empty, no answer has a CORS header. Otherwise every answer to a page of a listed origin allows it,
//! problems included, and its preflight is answered before any route. A page of another origin gets no such header,
//! so its browser keeps the answer from it. Cookies are never used, so credentials are never allowed.

use http::StatusCode;
use settings::{Origin, Rule as _};

use crate::{Answer, Request};

/// What the setting allows, for the log.
#[cfg(target_arch = "wasm32")]
pub(crate) const ALLOWED: &str =
    "origins http://host or https://host, with a port or without, and spaces between them";
/// The methods that a page may use.
const METHODS: &str = "GET, HEAD, POST";
/// The request headers that a page may send: everything that the bank reads, and the rest of a trace context.
const HEADERS: &str = "authorization, content-type, idempotency-key, if-none-match, traceparent, tracestate, user-id, \
    user_id, x-request-id, x-user-id";
/// The response headers that a page may read, beside those that every page may.
const EXPOSED: &str = "allow, etag, idempotent-replayed, retry-after, www-authenticate, x-request-id";
/// How long a browser may keep the answer to a preflight.
const MAX_AGE_SECONDS: &str = "600";

/// The origins whose pages may call the API, as browsers name them.
#[derive(Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// The origins in a setting, and the words in it that are not origins.
    pub fn parse(setting: &str) -> (Self, Vec<&str>) {
        let (mut origins, mut bad) = (Vec::new(), Vec::new());
        for word in setting.split_ascii_whitespace() {
            match origin(word) {
                Some(origin) => origins.push(origin),
                None => bad.push(word),
            }
        }
        (Self(origins), bad)
    }

    /// What `request` is granted. Browsers send `Origin` when a page of another origin makes the request.
    pub(crate) fn grant(&self, request: &Request) -> Grant {
        match request.header("origin") {
            _ if self.0.is_empty() => Grant::NotConfigured,
            Some(origin) if self.0.iter().any(|named| named == origin) => Grant::To(origin.to_owned()),
            _ => Grant::Refused,
        }
    }
}

/// Which CORS headers an answer gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// None: the setting names no origin.
    NotConfigured,
    /// None, but the answer depends on the origin.
    Refused,
    /// Those that allow pages of this origin.
    To(String),
}

impl Grant {
    /// The answer to a preflight, which asks what a page may send. It is 200, since a 204 may not have a length.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Answer> {
        let asks = request.method() == "OPTIONS" && request.header("access-control-request-method").is_some();
        (asks && matches!(self, Self::To(_))).then(|| {
            Answer::empty(StatusCode::OK)
                .with("access-control-allow-methods", METHODS)
                .with("access-control-allow-headers", HEADERS)
                .with("access-control-max-age", MAX_AGE_SECONDS)
        })
    }

    /// Adds the CORS headers of this grant to the answer.
    pub(crate) fn add_headers(self, answer: Answer) -> Answer {
        match self {
            Self::NotConfigured => answer,
            Self::Refused => answer.varying("origin"),
            Self::To(origin) => answer
                .varying("origin")
                .with("access-control-allow-origin", origin)
                .with("access-control-expose-headers", EXPOSED),
        }
    }
}

/// `http://host` or `https://host`, with or without a port, as browsers send it: in lower case, without the default
/// port, without a slash at the end.
fn origin(word: &str) -> Option<String> {
    if !Origin(&["http", "https"]).allows(word) {
        return None;
    }
    let mut origin = word.to_ascii_lowercase();
    if origin.ends_with('/') {
        origin.pop();
    }
    let usual = if origin.starts_with("https") { ":443" } else { ":80" };
    if origin.ends_with(usual) {
        origin.truncate(origin.len().saturating_sub(usual.len()));
    }
    Some(origin)
}

#[cfg(test)]
mod tests;
