//! The store's calls below the adapters, with a planted bug. What the bugs do is in `raw.rs` and `nodes.rs`.

use std::cell::Cell;

use store::breaker::Breaker;

use super::bug::Bug;

/// The store's calls, with a mistake in their use.
#[derive(Debug)]
pub struct BuggyRaw<R> {
    pub(super) raw: R,
    pub(super) bug: Bug,
    pub(super) own: Breaker,
    pub(super) missed: Cell<bool>,
}

impl<R> BuggyRaw<R> {
    /// The calls of `raw`, made with this mistake.
    pub fn new(raw: R, bug: Bug) -> Self {
        Self { raw, bug, own: Breaker::new(), missed: Cell::new(false) }
    }
}
