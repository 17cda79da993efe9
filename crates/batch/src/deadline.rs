//! How long a request in a batch may wait.

use std::pin::Pin;
use std::time::Duration;

/// Work for other requests that goes on after its own request was answered.
pub type RemainingWork = Pin<Box<dyn Future<Output = ()>>>;

/// A request with a deadline of its own.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait TimedRequest {
    /// When its time is over, on a clock that all requests of an instance share.
    fn deadline(&self) -> Duration;

    /// The same request with another deadline.
    #[must_use]
    fn until(&self, deadline: Duration) -> Self;

    /// Waits for `call` until the deadline: `None` if that came first. If no time is left, the call is not begun.
    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T>;

    /// Runs `rest`, even after this request was answered.
    fn spawn(&self, rest: RemainingWork);
}

/// A request without a deadline, which leaves no work for others: one on a store in memory.
pub trait NoDeadline: Clone {}

impl<R: NoDeadline> TimedRequest for R {
    fn deadline(&self) -> Duration {
        Duration::MAX
    }

    fn until(&self, _: Duration) -> Self {
        self.clone()
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }

    fn spawn(&self, _: RemainingWork) {}
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Nothing was sent for it, and nothing will be.
    Unsent,
    /// It was sent, and may be carried out or have been.
    Unanswered,
}
