//! Why a request has no whole body.

/// Why a body ended before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client went away, or its framing is wrong.
    BrokenOff,
    /// It did not come in time.
    Late,
}
