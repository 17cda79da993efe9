//! A request's deadline, and the instance's circuit breaker.
//!
//! After [`MISSES_TO_OPEN`] missed deadlines in a row the breaker is open for [`OPEN_FOR`]: calls fail at once, and
//! nothing is sent. Then it is half-open: one call goes through as a probe, the others still fail at once. If the
//! probe is answered, the breaker closes; if not, it is open for as long again. An error counts as an answer: a store
//! that refuses at once delays nobody. Only a call that was sent can miss a deadline. A request that ran out of time
//! before, behind others or between two calls, says nothing about the store.

use std::cell::Cell;
use std::time::Duration;

pub use batch::Missed;

/// How many missed deadlines in a row open it.
pub const MISSES_TO_OPEN: u32 = 3;
/// How long it stays open before a probe goes through.
pub const OPEN_FOR: Duration = Duration::from_millis(500);

/// What the breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// One call, the probe.
    HalfOpen,
}

/// The circuit breaker of an instance, shared by its concurrent requests. Times are those of [`CallContext::now`].
#[derive(Debug, Default)]
pub struct Breaker {
    misses: Cell<u32>,
    /// When a probe may be sent, if it is open.
    opens_until: Cell<Option<Duration>>,
    probing: Cell<bool>,
    failures: Cell<u64>,
}

impl BreakerState {
    /// The state's name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            misses: Cell::new(0),
            opens_until: Cell::new(None),
            probing: Cell::new(false),
            failures: Cell::new(0),
        }
    }

    /// How many calls have failed or were slow: since then the store may not answer any more.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// Notes that a call failed or was slow: the store that answered before may be gone.
    pub fn note_failure(&self) {
        self.failures.update(|failures| failures.wrapping_add(1));
    }

    /// Its state at `now`.
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.opens_until.get() {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Lets a call through, or not. The time is a call of the host, so it is asked for only if it matters.
    fn admit(&self, context: &impl CallContext) -> Option<Pass<'_>> {
        let state =
            if self.opens_until.get().is_some() { self.state(context.now()) } else { BreakerState::Closed };
        let probe = match state {
            BreakerState::Closed => false,
            BreakerState::Open => return None,
            BreakerState::HalfOpen if self.probing.replace(true) => return None,
            BreakerState::HalfOpen => true,
        };
        Some(Pass { breaker: self, probe })
    }

    /// Notes an answer. Returns whether this closed the breaker.
    fn note_answer(&self) -> bool {
        self.misses.set(0);
        self.opens_until.take().is_some()
    }

    /// Notes a missed deadline. Returns whether this opened the breaker.
    fn note_miss(&self, now: Duration) -> bool {
        self.note_failure();
        let before = self.state(now);
        let misses = self.misses.get().saturating_add(1);
        self.misses.set(misses);
        if misses >= MISSES_TO_OPEN {
            self.opens_until.set(Some(now.saturating_add(OPEN_FOR)));
        }
        misses >= MISSES_TO_OPEN && before != BreakerState::Open
    }
}

/// A call in flight. If a probe is given up, another one may be sent.
struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.probing.set(false);
        }
    }
}

/// What bounds the calls of one request: its deadline, and the clock and the breaker of its instance.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait CallContext {
    /// Waits a little after a lost swap; see [`crate::Store::step_aside`].
    async fn step_aside(&self, _together: u32) {}

    /// The time since a fixed moment, the same for all requests of an instance.
    fn now(&self) -> Duration;

    /// The instance's breaker.
    fn breaker(&self) -> &Breaker;

    /// Waits for `call` until the request's deadline: `None` if that came first. If no time is left, the call is not
    /// begun.
    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T>;

    /// Called when the breaker has changed.
    fn changed(&self, _state: BreakerState) {}
}

/// Makes a call within the deadline, if the breaker allows it.
///
/// # Errors
///
/// [`Missed`].
pub async fn ask<T>(context: &impl CallContext, call: impl Future<Output = T>) -> Result<T, Missed> {
    let breaker = context.breaker();
    let pass = breaker.admit(context).ok_or(Missed::Unsent)?;
    let sent = Cell::new(false);
    let sending = async {
        sent.set(true);
        if pass.probe {
            context.changed(BreakerState::HalfOpen);
        }
        call.await
    };
    let answer = context.by_deadline(sending).await;
    if !sent.get() {
        return Err(Missed::Unsent);
    }
    let changed = match &answer {
        Some(_) => breaker.note_answer().then_some(BreakerState::Closed),
        None => breaker.note_miss(context.now()).then_some(BreakerState::Open),
    };
    changed.into_iter().for_each(|state| context.changed(state));
    answer.ok_or(Missed::Unanswered)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::{Context, Waker};

    use futures::executor::block_on;

    use super::*;

    /// Time stands still unless a test moves it; a call that waits has missed its deadline.
    struct Instance {
        breaker: Breaker,
        now: Cell<Duration>,
        /// No request has time left.
        late: Cell<bool>,
        changes: std::cell::RefCell<Vec<BreakerState>>,
    }

    impl Instance {
        fn new() -> Self {
            Self {
                breaker: Breaker::new(),
                now: Cell::new(Duration::ZERO),
                late: Cell::new(false),
                changes: std::cell::RefCell::default(),
            }
        }

        fn pass(&self, ms: u64) {
            self.now.update(|now| now.saturating_add(Duration::from_millis(ms)));
        }

        fn miss(&self) -> Result<(), Missed> {
            block_on(ask(self, pending()))
        }

        fn answer(&self) -> Result<(), Missed> {
            block_on(ask(self, ready(())))
        }

        fn state(&self) -> BreakerState {
            self.breaker.state(self.now.get())
        }
    }

    impl CallContext for Instance {
        fn now(&self) -> Duration {
            self.now.get()
        }

        fn breaker(&self) -> &Breaker {
            &self.breaker
        }

        async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
            if self.late.get() {
                return None;
            }
            match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
                std::task::Poll::Ready(answer) => Some(answer),
                std::task::Poll::Pending => None,
            }
        }

        fn changed(&self, state: BreakerState) {
            self.changes.borrow_mut().push(state);
        }
    }

    #[test]
    fn every_state_has_its_name() {
        assert_eq!(
            [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen].map(BreakerState::as_str),
            ["closed", "open", "half-open"]
        );
    }

    #[test]
    fn every_change_is_told_once() {
        let instance = Instance::new();
        (0..3).for_each(|_| assert!(instance.miss().is_err()));
        assert!(instance.answer().is_err());
        instance.pass(500);
        assert!(instance.miss().is_err());
        instance.pass(500);
        assert!(instance.answer().is_ok());
        assert!(instance.answer().is_ok());
        let told = [
            BreakerState::Open,
            BreakerState::HalfOpen,
            BreakerState::Open,
            BreakerState::HalfOpen,
            BreakerState::Closed,
        ];
        assert_eq!(*instance.changes.borrow(), told);
    }

    #[test]
    fn three_missed_deadlines_in_a_row_open_it_and_an_answer_between_does_not() {
        let instance = Instance::new();
        for _ in 0..2 {
            assert_eq!(instance.miss(), Err(Missed::Unanswered));
            assert_eq!(instance.miss(), Err(Missed::Unanswered));
            assert_eq!(instance.answer(), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(instance.state(), BreakerState::Closed);
            assert_eq!(instance.miss(), Err(Missed::Unanswered));
        }
        assert_eq!(instance.state(), BreakerState::Open);
    }

    #[test]
    fn a_deadline_that_passed_before_anything_was_sent_is_none_that_the_store_missed() {
        let instance = Instance::new();
        instance.late.set(true);
        for _ in 0..9 {
            assert_eq!(instance.answer(), Err(Missed::Unsent));
        }
        instance.late.set(false);
        assert_eq!((instance.state(), instance.breaker.failures()), (BreakerState::Closed, 0));
        assert_eq!(instance.answer(), Ok(()));
    }

    #[test]
    fn while_it_is_open_nothing_is_sent() {
        let instance = Instance::new();
        (0..3).for_each(|_| assert!(instance.miss().is_err()));
        instance.pass(499);
        assert_eq!(instance.answer(), Err(Missed::Unsent));
        instance.pass(1);
        assert_eq!(instance.state(), BreakerState::HalfOpen);
        assert_eq!(instance.answer(), Ok(()));
        assert_eq!(instance.state(), BreakerState::Closed);
    }

    #[test]
    fn one_probe_at_a_time_goes_through_and_one_that_is_missed_opens_it_again() {
        let instance = Instance::new();
        (0..3).for_each(|_| assert!(instance.miss().is_err()));
        instance.pass(500);
        let probe = instance.breaker.admit(&instance);
        assert!(probe.is_some());
        assert_eq!(instance.answer(), Err(Missed::Unsent), "only one at a time");
        drop(probe);
        assert_eq!(instance.miss(), Err(Missed::Unanswered), "a probe that was given up leaves room");
        assert_eq!(instance.state(), BreakerState::Open);
        instance.pass(500);
        assert_eq!(instance.answer(), Ok(()));
        assert_eq!(instance.state(), BreakerState::Closed);
    }

    #[test]
    fn an_answer_to_a_call_from_before_it_opened_closes_it() {
        let instance = Instance::new();
        (0..3).for_each(|_| assert!(instance.miss().is_err()));
        assert!(instance.breaker.note_answer());
        assert_eq!(instance.state(), BreakerState::Closed);
        assert_eq!(instance.miss(), Err(Missed::Unanswered));
        assert_eq!(instance.state(), BreakerState::Closed, "it takes three again");
    }
}
