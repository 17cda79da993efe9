//! The body of a request while it arrives: from a host, or natively from a test.

mod error;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasi;

pub use error::BodyError;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Body, sleep};

#[cfg(target_arch = "wasm32")]
pub use spin_sdk::time::sleep;
#[cfg(target_arch = "wasm32")]
pub use wasi::Body;
