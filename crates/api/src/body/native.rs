//! The body of a request that a test made.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::error::BodyError;

/// Only tests run natively, and they bring a clock of their own.
pub async fn sleep(_: Duration) {
    pending().await
}

/// The body of a request that was made natively.
pub struct Body(UnsyncBoxBody<Bytes, BodyError>);

impl Body {
    /// Any error in it counts as broken off.
    pub fn new(body: impl http_body::Body<Data = Bytes> + Send + 'static) -> Self {
        Self(body.map_err(|_| BodyError::BrokenOff).boxed_unsync())
    }

    /// The next part; none at the end.
    pub async fn next(&mut self, _most: usize) -> Result<Option<Vec<u8>>, BodyError> {
        let frame = self.0.frame().await.transpose()?;
        Ok(frame.map(|frame| frame.into_data().unwrap_or_default().into()))
    }
}
