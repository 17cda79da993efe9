//! A body on its way: a host's, or natively a test's.

use crate::wasi;

/// It ended before it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

/// A body that comes in parts.
pub enum Body {
    /// Through `wasi:http`.
    Wasi(wasi::Body),
    /// Of a request that was made natively.
    #[cfg(not(target_arch = "wasm32"))]
    Native(http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BrokenOff>),
}

impl Body {
    /// What comes next, as a rule at most `most` bytes of it; nothing at the end.
    ///
    /// # Errors
    /// [`BrokenOff`].
    pub async fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>, BrokenOff> {
        match self {
            Self::Wasi(body) => body.next(most).await,
            #[cfg(not(target_arch = "wasm32"))]
            Self::Native(body) => {
                let frame = http_body_util::BodyExt::frame(body).await.transpose()?;
                Ok(frame.map(|frame| frame.into_data().unwrap_or_default().into()))
            }
        }
    }
}
