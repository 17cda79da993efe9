//! The calls of one request: their deadline, the breaker of their server, and what is logged of their failures.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use batch::{RemainingWork, TimedRequest};
use eventlog::Level;

use super::server::Server;
use super::settings;
use crate::breaker::{Breaker, BreakerState, CallContext};
use crate::reason::Reason;
use crate::redis::cluster::Node;
use crate::trouble::Notice;

/// After a lost swap a request waits for a random part of this many times the time that it has lost. That is little
/// if two compete. If a crowd does, and keeps the processor and the store busy, it is much.
const BACKOFF_FACTOR: u32 = 4;
const MAX_BACKOFF: Duration = Duration::from_millis(300);

thread_local! {
    static BEGAN: Instant = Instant::now();
}

/// The time since the instance began.
pub(super) fn since_began() -> Duration {
    BEGAN.with(Instant::elapsed)
}

/// The calls of one request, under its deadline and its instance's breaker.
pub struct StoreRequest {
    time: Rc<Time>,
    server: Rc<Server>,
}

/// The time of a request.
struct Time {
    /// The time of the whole request.
    all: Duration,
    /// On the clock of [`since_began`].
    deadline: Duration,
    /// Goes off at the deadline. The first call that waits starts it, and the next ones go on with it: to start a timer
    /// and to give it up are three calls of the host.
    timer: Cell<Option<Timer>>,
}

type Timer = Pin<Box<dyn Future<Output = ()>>>;

impl Time {
    fn until(all: Duration, deadline: Duration) -> Rc<Self> {
        Rc::new(Self { all, deadline, timer: Cell::new(None) })
    }

    /// Whether a call's `timer` has gone off. A call that begins to wait gets the request's, if no other call waits
    /// with it, or another one for the time that is `left`.
    ///
    /// It is not a part of its generic callers, so that a component contains it once.
    #[inline(never)]
    fn poll(&self, timer: &mut Option<Timer>, left: Duration, context: &mut Context<'_>) -> Poll<()> {
        let begin = || self.timer.take().unwrap_or_else(|| Box::pin(spin_sdk::time::sleep(left)));
        timer.get_or_insert_with(begin).as_mut().poll(context)
    }

    /// Keeps the timer of a call that was answered for the next one.
    #[inline(never)]
    fn keep(&self, timer: Option<Timer>) {
        if timer.is_some() {
            self.timer.set(timer);
        }
    }
}

impl StoreRequest {
    /// A request of this much time, which begins now, to the server that the settings name.
    pub(super) fn new(all: Duration) -> Self {
        let deadline = since_began().saturating_add(all);
        Self { time: Time::until(all, deadline), server: Server::at(&Node::default()) }
    }

    /// The same request, to another server.
    pub(super) fn on(&self, server: Rc<Server>) -> Self {
        Self { time: Rc::clone(&self.time), server }
    }

    /// Makes a call. If it is given up after the deadline has passed, it counts as not answered in time.
    pub(super) async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let mut waits = PendingCall { request: self, answered: false };
        let answer = call.await;
        waits.answered = true;
        answer
    }

    /// Notes that a call has failed; `wrote` tells whether it was a write.
    pub(super) fn call_failed(&self, reason: Reason, wrote: bool) {
        self.log(self.server.trouble.note_failure(since_began(), reason, wrote));
    }

    /// Notes that a call was answered; `wrote` tells whether it was a write.
    pub(super) fn call_answered(&self, wrote: bool) {
        self.log(self.server.trouble.note_answer(since_began, wrote));
    }

    fn log(&self, line: Option<Notice>) {
        let Some(Notice { reason, failures }) = line else { return };
        let (level, state) = if reason.is_some() { (Level::Warn, "failing") } else { (Level::Info, "well") };
        let mut members = vec![("state", state.into()), ("store", settings::backend().as_str().into())];
        members.extend(reason.map(|reason| ("reason", reason.as_str().into())));
        members.push(("failures", failures.into()));
        eventlog::event(level, "store", members);
    }
}

/// A call under way.
struct PendingCall<'a> {
    request: &'a StoreRequest,
    answered: bool,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        // A client that goes away is no failure.
        if !self.answered && since_began() >= self.request.time.deadline {
            self.request.call_failed(Reason::TIMED_OUT, false);
        }
    }
}

impl CallContext for StoreRequest {
    fn now(&self) -> Duration {
        since_began()
    }

    fn breaker(&self) -> &Breaker {
        &self.server.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let left = self.time.deadline.checked_sub(since_began())?;
        let mut call = pin!(call);
        // A timer begins when it is polled first. One for a call that does not wait would begin with the next call, and
        // go off late.
        let mut timer = None;
        // `futures::select` is some hundred bytes more for each kind of call.
        let answer = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => self.time.poll(&mut timer, left, context).map(|()| None),
        })
        .await;
        if answer.is_some() {
            self.time.keep(timer);
        }
        answer
    }

    async fn step_aside(&self, together: u32) {
        let left = self.time.deadline.saturating_sub(since_began());
        let lost = self.time.all.saturating_sub(left).checked_div(together).unwrap_or_default();
        let longest = lost
            .saturating_mul(BACKOFF_FACTOR)
            .min(left.saturating_sub(left.checked_div(4).unwrap_or_default()))
            .min(MAX_BACKOFF);
        let longest_us = u64::try_from(longest.as_micros()).unwrap_or_default();
        let wait_us = getrandom::u64().unwrap_or_default().checked_rem(longest_us).unwrap_or_default();
        spin_sdk::time::sleep(Duration::from_micros(wait_us)).await;
    }

    fn changed(&self, state: BreakerState) {
        let level = if state == BreakerState::Closed { Level::Info } else { Level::Warn };
        eventlog::event(level, "breaker", [("state", state.as_str().into())]);
    }
}

impl TimedRequest for StoreRequest {
    fn deadline(&self) -> Duration {
        self.time.deadline
    }

    fn until(&self, deadline: Duration) -> Self {
        let is_the_same = deadline == self.time.deadline;
        let time = if is_the_same { Rc::clone(&self.time) } else { Time::until(self.time.all, deadline) };
        Self { time, server: Rc::clone(&self.server) }
    }

    fn in_time<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        self.by_deadline(call)
    }

    fn spawn(&self, rest: RemainingWork) {
        // It is a part of the request's task, which the host lets run on after the response.
        spin_sdk::wasip3::spawn(rest);
    }
}
