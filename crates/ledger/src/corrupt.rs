//! Why a stored document is refused.

/// A stored document breaks its own rules. Says which, never what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored document is corrupt: {0}")]
pub struct Corrupt(pub &'static str);
