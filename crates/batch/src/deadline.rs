//! How long a request in a batch may wait.

use std::pin::Pin;
use std::time::Duration;

/// What is left to do for others once a request was answered.
pub type Rest = Pin<Box<dyn Future<Output = ()>>>;

/// A request with a deadline of its own.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait Deadline {
    /// When its time is over, on a clock that all requests of an instance share.
    fn deadline(&self) -> Duration;

    /// The same request with another deadline.
    #[must_use]
    fn until(&self, deadline: Duration) -> Self;

    /// Waits for `call`, but not past the deadline: `None` when that came first. A call that has no time
    /// left is not begun.
    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T>;

    /// Goes on with `rest`, also after this request was answered.
    fn spawn(&self, rest: Rest);
}

/// A request without a deadline, which leaves nothing to do for others: one on a store in memory.
pub trait NoDeadline: Clone {}

impl<R: NoDeadline> Deadline for R {
    fn deadline(&self) -> Duration {
        Duration::MAX
    }

    fn until(&self, _: Duration) -> Self {
        self.clone()
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }

    fn spawn(&self, _: Rest) {}
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Nothing was sent for it, and nothing will be.
    Unsent,
    /// What it asks was sent, and may be carried out, or may have been.
    Unanswered,
}
