//! The 503 answers of `bank` itself: a problem (RFC 9457) that has only a status and a detail.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

/// A response with this `problem`; the client should retry after a second.
pub fn response(problem: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(problem.as_bytes()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    for (name, value) in
        [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store"), (RETRY_AFTER, "1")]
    {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
