//! A body on its way: a host's, or natively a test's.

#[cfg(not(target_arch = "wasm32"))]
pub use native::Body;

#[cfg(target_arch = "wasm32")]
pub use crate::wasi::Body;

/// It ended before it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;
    use http_body_util::combinators::UnsyncBoxBody;

    use super::BrokenOff;

    /// The body of a request that was made natively.
    pub struct Body(UnsyncBoxBody<Bytes, BrokenOff>);

    impl Body {
        /// Whatever fails in it, it has broken off.
        pub fn new(body: impl http_body::Body<Data = Bytes> + Send + 'static) -> Self {
            Self(body.map_err(|_| BrokenOff).boxed_unsync())
        }

        /// What comes next, in parts of its own; nothing at the end.
        pub async fn next(&mut self, _most: usize) -> Result<Option<Vec<u8>>, BrokenOff> {
            let frame = self.0.frame().await.transpose()?;
            Ok(frame.map(|frame| frame.into_data().unwrap_or_default().into()))
        }
    }
}
