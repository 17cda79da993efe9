//! JSON with the headers that every response carries.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::Serialize;

/// The header that names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A wallet as it is shown.
#[derive(Serialize)]
pub struct WalletView<'a> {
    pub user: &'a str,
    pub balance: String,
    pub seq: u64,
    pub hash: String,
}

/// A committed operation as it is shown.
#[derive(Serialize)]
pub struct OperationView<'a> {
    pub user: &'a str,
    pub balance: String,
    pub entry: EntryView<'a>,
}

/// An entry as it is shown.
#[derive(Serialize)]
pub struct EntryView<'a> {
    pub seq: u64,
    pub id: &'a str,
    pub kind: &'a str,
    pub amount: String,
    pub balance: String,
    pub at: &'a str,
    pub hash: String,
}

/// 200 with a document.
pub fn answer(request: &HeaderMap, document: &impl Serialize) -> Response {
    raw(request, serde_json::to_vec(document).unwrap_or_default().into())
}

/// 200 with JSON that is ready.
pub fn raw(request: &HeaderMap, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, request_id(request));
    response
}

/// Says so when an answer is given again.
pub fn replayed(mut response: Response, replayed: bool) -> Response {
    if replayed {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// May be kept for a minute.
pub fn cached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}

fn request_id(request: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(allowed)
    };
    let made = || HeaderValue::from_str(&fresh_id()).unwrap_or(HeaderValue::from_static("none"));
    request.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(made)
}

/// 32 random hex digits.
pub fn fresh_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}
