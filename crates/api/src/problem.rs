//! Problems (RFC 9457): the catalogue of their codes, and the conversion of every failure.

use std::borrow::Cow;

use eventlog::Level;
use http::StatusCode;
use serde::Serialize;

#[cfg(feature = "openapi")]
use crate::schema;
use crate::view::ChecksView;
use crate::{Answer, Scope, clock};

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
    challenge: Challenge,
    replayed: bool,
}

/// What a client must send when it tries again (RFC 6750, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    /// No token.
    None,
    /// A bearer token.
    Token,
    /// A valid bearer token.
    GoodToken,
    /// A bearer token with this scope.
    Scope(Scope),
}

impl Challenge {
    /// The header `www-authenticate`. No detail holds a quote or a backslash.
    fn value(self, detail: &str) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::None => return None,
            Self::Token => "Bearer".into(),
            Self::GoodToken => {
                ["Bearer error=\"invalid_token\", error_description=\"", detail, "\""].concat().into()
            }
            Self::Scope(Scope::Read) => "Bearer error=\"insufficient_scope\", scope=\"wallet:read\"".into(),
            Self::Scope(Scope::Write) => "Bearer error=\"insufficient_scope\", scope=\"wallet:write\"".into(),
        })
    }
}

/// What some codes tell beside the common members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProblemMembers))]
pub struct Members {
    /// What the wallet holds, where a withdrawal or deposit was refused.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Money>, nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Box<str>>,
    /// What was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Money>, nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Box<str>>,
    /// Where the store does not answer: what became of this request, and of no other.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::StorageOutcome>, nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Where the bank is not ready: what was asked, and what it said.
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<ChecksView>,
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub struct ProblemDocument<'a> {
    /// Where the kind of problem is explained, on this service.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ProblemType))]
    r#type: String,
    /// The kind in words: the same for every occurrence.
    title: &'static str,
    /// The answer's HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    status: u16,
    /// This occurrence in words, for people.
    detail: &'a str,
    /// The kind: never changes its meaning.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ProblemCode))]
    code: &'static str,
    /// The request's id, to be told when asking for help.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::RequestId))]
    request_id: &'a str,
    #[serde(flatten)]
    members: &'a Members,
}

impl Problem {
    /// A problem with this code, explained by `detail`.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            members: Members::default(),
            allow: None,
            challenge: Challenge::None,
            replayed: false,
        }
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
        eventlog::event(Level::Error, "internal-error", [("cause", cause.into())]);
        // Not that nothing was changed: an attempt may have been made before the fault.
        Self::new(Code::InternalError, Code::InternalError.detail())
    }

    /// The bank cannot serve, since its store is not `ok` but this: 503 `storage-unavailable`.
    #[must_use]
    pub fn not_ready(store: &'static str) -> Self {
        let detail = match store {
            "read-only" => "The store answers reads and takes no writes.",
            "too-few-replicas" => "Too few replicas of the store have a write in time.",
            _ => "The store does not answer.",
        };
        let members =
            Members { outcome: Some("none"), checks: Some(ChecksView { store }), ..Members::default() };
        Self { members, ..Self::new(Code::StorageUnavailable, detail) }
    }

    /// The request has no bearer token: 401 `missing-identity`, with a challenge (RFC 6750, section 3).
    #[must_use]
    pub fn no_token() -> Self {
        let detail = "Send a bearer token in the header Authorization.";
        Self { challenge: Challenge::Token, ..Self::new(Code::MissingIdentity, detail) }
    }

    /// The bearer token of the request is not valid: 401 `invalid-identity`.
    pub fn bad_token(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidIdentity, detail).with_token_challenge()
    }

    /// The same problem, with a challenge for a valid bearer token.
    pub(crate) fn with_token_challenge(self) -> Self {
        Self { challenge: Challenge::GoodToken, ..self }
    }

    /// The token does not carry this scope: 403 `insufficient-scope`.
    pub(crate) fn scope(scope: Scope) -> Self {
        let detail = match scope {
            Scope::Read => "The token does not carry the scope wallet:read.",
            Scope::Write => "The token does not carry the scope wallet:write.",
        };
        Self { challenge: Challenge::Scope(scope), ..Self::new(Code::InsufficientScope, detail) }
    }

    /// Something that the request needs does not answer, and nothing was done: 503 with the outcome `none`.
    pub fn untouched(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let members = Members { outcome: Some("none"), ..Members::default() };
        Self { members, ..Self::new(code, detail) }
    }

    /// The same problem, marked as a replay if it is one.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// What kind of problem it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a client may be told under this code, as JSON for people to read.
    #[must_use]
    pub fn example(code: Code) -> String {
        let members = match code {
            Code::InsufficientFunds => Members::of_a_refusal("5.00", "7.50"),
            Code::LimitExceeded => Members::of_a_refusal("999999999999999.00", "7.50"),
            Code::StorageUnavailable => Members { outcome: Some("unknown"), ..Members::default() },
            _ => Members::default(),
        };
        let problem = Self { members, ..Self::new(code, code.detail()) };
        // Strings and numbers: serde_json has nothing to fail on.
        serde_json::to_string_pretty(&problem.document("0757b76db7da26a881ff5df725bdf6d5"))
            .unwrap_or_default()
    }

    fn document<'a>(&'a self, request_id: &'a str) -> ProblemDocument<'a> {
        ProblemDocument {
            r#type: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            request_id,
            members: &self.members,
        }
    }

    /// The problem as an answer to the request with this id.
    #[must_use]
    pub fn into_answer(self, request_id: &str) -> Answer {
        let code = self.code;
        let answer = Answer::problem(code.status(), &self.document(request_id))
            .replayed(self.replayed)
            .with_log_code(code.as_str(), self.members.outcome);
        let answer = match self.allow {
            Some(allow) => answer.with("allow", allow),
            None => answer,
        };
        let answer = match self.challenge.value(&self.detail) {
            Some(challenge) => answer.with("www-authenticate", challenge),
            None => answer,
        };
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            return answer.with("retry-after", clock::jittered(1).to_string());
        }
        answer
    }
}

impl Members {
    fn of_a_refusal(balance: impl Into<Box<str>>, amount: impl Into<Box<str>>) -> Self {
        Self { balance: Some(balance.into()), amount: Some(amount.into()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
