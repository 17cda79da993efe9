//! The body of a request as `wasi:http` has it.

use spin_sdk::wasip3::http::types::{ErrorCode, Request, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};
use spin_sdk::wasip3::wit_future;

use super::error::BodyError;

/// A request's body. The host sends nothing of it before it is read.
pub struct Body {
    unread: Option<Request>,
    read: Option<Reading>,
}

struct Reading {
    parts: StreamReader<u8>,
    trailers: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// Tells the host, when it is dropped, that nothing was wrong with the request.
    _result: FutureWriter<Result<(), ErrorCode>>,
}

impl Body {
    /// The body of this request.
    pub(crate) fn new(request: Request) -> Self {
        Self { unread: Some(request), read: None }
    }

    /// The next bytes, at most `most`; none at the end.
    pub async fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>, BodyError> {
        if let Some(request) = self.unread.take() {
            let (result, told) = wit_future::new(|| Ok(()));
            let (parts, trailers) = Request::consume_body(request, told);
            self.read = Some(Reading { parts, trailers: Some(trailers), _result: result });
        }
        let reading = self.read.as_mut().ok_or(BodyError::BrokenOff)?;
        let (result, part) = reading.parts.read(Vec::with_capacity(most)).await;
        if !part.is_empty() {
            return Ok(Some(part));
        }
        match (result, reading.trailers.take()) {
            // Only the trailers tell whether the body was complete.
            (StreamResult::Dropped, Some(trailers)) => {
                trailers.await.map(|_| None).map_err(|error| match error {
                    ErrorCode::ConnectionReadTimeout => BodyError::Late,
                    _ => BodyError::BrokenOff,
                })
            }
            (StreamResult::Dropped, None) => Ok(None),
            _ => Err(BodyError::BrokenOff),
        }
    }
}
