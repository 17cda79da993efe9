//! The body of a request while it arrives: from a host, or natively from a test.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Body, sleep};

#[cfg(target_arch = "wasm32")]
pub use spin_sdk::time::sleep;
#[cfg(target_arch = "wasm32")]
pub use wasi::Body;

/// Why a body ended before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client went away, or its framing is wrong.
    BrokenOff,
    /// It did not come in time.
    Late,
}
