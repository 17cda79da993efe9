//! What is answered instead (RFC 9457).

use crate::answer;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::{Refusal, RefusedOperation};
use serde_json::{Value, json};

/// A problem document to be.
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Value,
    replayed: bool,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: &str) -> Self {
        Self { status, code, detail: detail.to_owned(), members: Value::Null, replayed: false }
    }

    /// 400: no request of the contract.
    pub fn malformed(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
    }

    /// 400: no amount.
    pub fn invalid_amount() -> Self {
        let detail = "An amount is a positive decimal of at most 8 places.";
        Self::new(StatusCode::BAD_REQUEST, "invalid-amount", detail)
    }

    /// 400: no key.
    pub fn invalid_key() -> Self {
        let detail = "A key is 1 to 255 visible characters.";
        Self::new(StatusCode::BAD_REQUEST, "invalid-idempotency-key", detail)
    }

    /// 401: nobody, or more than one.
    pub fn identity(code: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "Say who you are in the header user_id.")
    }

    /// 415: no JSON.
    pub fn media_type() -> Self {
        let detail = "The body is application/json.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// 422: the key is taken.
    pub fn key_reuse() -> Self {
        let detail = "The key was used for another request.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reuse", detail)
    }

    /// 503: no rates.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "rates-unavailable", "There are no rates yet.")
    }

    /// 500: ours.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", "Something broke.")
    }

    /// 422: the rules of money say no.
    pub fn refused(refused: &RefusedOperation, replayed: bool) -> Self {
        let RefusedOperation { amount, balance, refusal, .. } = refused;
        let detail = format!("The balance is {balance}; {amount} was asked for.");
        let members = json!({"balance": balance.to_string(), "amount": amount.to_string()});
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.as_str(), &detail);
        let members = if *refusal == Refusal::InsufficientFunds { members } else { Value::Null };
        Self { members, replayed, ..problem }
    }
}

impl From<redis::RedisError> for Problem {
    fn from(error: redis::RedisError) -> Self {
        if error.to_string().contains("would overflow") {
            let detail = "The total would pass its limit.";
            return Self::new(StatusCode::UNPROCESSABLE_ENTITY, "limit-exceeded", detail);
        }
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable", "Redis does not answer.")
    }
}

impl From<ledger::Corrupt> for Problem {
    fn from(_: ledger::Corrupt) -> Self {
        Self::internal()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, detail, members, replayed } = self;
        let mut title = code.replace('-', " ");
        title.get_mut(..1).map(str::make_ascii_uppercase).unwrap_or_default();
        let mut document = json!({
            "type": format!("/problems/{code}"), "title": title, "status": status.as_u16(),
            "detail": detail, "code": code, "request_id": answer::fresh_id(),
        });
        if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
            document.extend(members);
        }
        let mut response = answer::answer(&HeaderMap::new(), &document);
        *response.status_mut() = status;
        let media = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
        answer::replayed(response, replayed)
    }
}
