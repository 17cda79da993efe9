//! A body on its way: a host's, or natively a test's.

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Body, sleep};

#[cfg(target_arch = "wasm32")]
pub use crate::wasi::Body;
#[cfg(target_arch = "wasm32")]
pub use spin_sdk::time::sleep;

/// Why it ended before it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The client went away, or its framing is wrong.
    BrokenOff,
    /// It did not come in time.
    Late,
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::future::pending;
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::BodyExt as _;
    use http_body_util::combinators::UnsyncBoxBody;

    use super::Cut;

    /// Natively only tests run, and they bring time of their own.
    pub async fn sleep(_: Duration) {
        pending().await
    }

    /// The body of a request that was made natively.
    pub struct Body(UnsyncBoxBody<Bytes, Cut>);

    impl Body {
        /// Whatever fails in it, it has broken off.
        pub fn new(body: impl http_body::Body<Data = Bytes> + Send + 'static) -> Self {
            Self(body.map_err(|_| Cut::BrokenOff).boxed_unsync())
        }

        /// What comes next, in parts of its own; nothing at the end.
        pub async fn next(&mut self, _most: usize) -> Result<Option<Vec<u8>>, Cut> {
            let frame = self.0.frame().await.transpose()?;
            Ok(frame.map(|frame| frame.into_data().unwrap_or_default().into()))
        }
    }
}
