//! Problems (RFC 9457), the catalogue of their codes, and every failure's way into it.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{Answer, clock};

mod catalogue;
mod convert;

pub use catalogue::Code;

/// A failure as the client is told of it. The code never changes its meaning; the detail is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    members: Members,
    allow: Option<&'static str>,
    replayed: bool,
}

/// What some codes tell beside the common members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(flatten)]
    members: &'a Members,
}

impl Problem {
    /// A problem with this code, explained by `detail`.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), members: Members::default(), allow: None, replayed: false }
    }

    /// The request itself is wrong: 400 `malformed-request`.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::MalformedRequest, detail)
    }

    /// Nothing is at this path: 404 `not-found`.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "Nothing is at this path.")
    }

    /// The path serves other methods: 405 `method-not-allowed`.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("This path serves {allow}.");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// A fault of ours: 500 `internal-error`. The cause goes to the log and to nobody else.
    #[must_use]
    pub fn internal(cause: &str) -> Self {
        let line = serde_json::json!({ "level": "error", "event": "internal-error", "cause": cause });
        eprintln!("{line}");
        Self::new(Code::InternalError, "This is our fault, not yours. Nothing was changed.")
    }

    /// The same problem, saying so when it is given again under an idempotency key.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// What kind of problem it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The problem as an answer to the request with this id.
    #[must_use]
    pub fn into_answer(self, request_id: &str) -> Answer {
        let code = self.code;
        let document = Document {
            r#type: format!("/problems/{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: &self.detail,
            code: code.as_str(),
            request_id,
            members: &self.members,
        };
        let answer = Answer::problem(code.status(), &document).replayed(self.replayed);
        let answer = match self.allow {
            Some(allow) => answer.with(header::ALLOW, HeaderValue::from_static(allow)),
            None => answer,
        };
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            return answer.with(header::RETRY_AFTER, HeaderValue::from(clock::jittered(1)));
        }
        answer
    }
}

#[cfg(test)]
mod tests;
