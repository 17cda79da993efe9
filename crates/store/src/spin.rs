//! The port inside a component, on the adapter that the setting `store` names: [`crate::kv`] or [`crate::redis`].
//!
//! An instance keeps its store open: opening costs a call, and on Redis a round trip. It keeps nothing that must be
//! true (docs/spin.md, fact 12).

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use batch::{Deadline, RemainingWork};
use eventlog::Level;
use futures::future::select_ok;

use crate::breaker::{Breaker, BreakerState, Limits};
use crate::keys::Opening;
use crate::kv::Kv;
use crate::reason::Reason;
use crate::redis::Redis;
use crate::redis::cluster::Node;
use crate::trouble::Notice;
use crate::{
    Added, Before, Counter, Document, Election, NotIncremented, Store, Swap, Unavailable, ValueWithTotal,
    keys,
};

mod kv;
mod redis;
mod settings;

use redis::Server;
use settings::Backend;

/// The store for one request.
pub enum OpenStore {
    /// `store = kv`.
    Kv(Kv<StoreRequest>),
    /// `store = redis`.
    Redis(Redis<StoreRequest>),
    /// The setting `store` names neither: nothing is stored, nothing is read.
    Neither,
}

/// After a lost swap a request waits for a random part of this many times the time that it has lost. That is little
/// if two compete. If a crowd does, and keeps the processor and the store busy, it is much.
const BACKOFF_FACTOR: u32 = 4;
const MAX_BACKOFF: Duration = Duration::from_millis(300);

thread_local! {
    static BEGAN: Instant = Instant::now();
}

/// The store for one request, whose deadline begins now.
pub async fn open() -> OpenStore {
    let settings = settings::settings().await;
    if settings.backend == Backend::Redis {
        redis::name_nodes().await;
    }
    let deadline = since_began().saturating_add(settings.deadline);
    let time = Time::until(settings.deadline, deadline);
    let request = StoreRequest { time, server: Server::at(&Node::default()) };
    match settings.backend {
        Backend::Kv => OpenStore::Kv(Kv::new(request)),
        Backend::Redis => OpenStore::Redis(Redis::new(request)),
        Backend::Unknown => OpenStore::Neither,
    }
}

/// How far the store is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It answers.
    All,
    /// It answers reads and refuses writes, because it is a replica.
    ReadOnly,
    /// It answers, but fewer replicas than `redis_wait_replicas` have a write in time.
    TooFewReplicas,
}

/// Whether the store answers within the deadline, and takes a write; in a cluster, whether one of a few nodes does.
/// Other answers to the write, such as that the store is full, leave it ready: reads go on. The first check of an
/// instance also logs the store's risks.
///
/// # Errors
///
/// [`Unavailable::Untouched`] if it does not answer.
pub async fn ready() -> Result<Readiness, Unavailable> {
    let store = Rc::new(open().await);
    let is_redis = matches!(*store, OpenStore::Redis(_));
    let keys = if is_redis { redis::readiness_keys() } else { vec![crate::keys::ready()] };
    let write = |key: &Document| {
        let (store, key) = (Rc::clone(&store), key.clone());
        Box::pin(async move { store.set(&key, b"ready").await })
    };
    match select_ok(keys.iter().map(write)).await {
        Ok(((), others)) => {
            // Giving them up would drop the connections of other requests.
            for other in others {
                spin_sdk::wasip3::spawn(async { _ = other.await });
            }
            if is_redis {
                redis::log_risks();
            }
            Ok(Readiness::All)
        }
        Err(_) if redis::is_read_only() => Ok(Readiness::ReadOnly),
        Err(Unavailable::Unknown) if redis::has_too_few_replicas() => Ok(Readiness::TooFewReplicas),
        Err(_) => {
            for key in &keys {
                if store.get(key).await.is_ok() {
                    return Ok(Readiness::All);
                }
            }
            Err(Unavailable::Untouched)
        }
    }
}

fn since_began() -> Duration {
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
    /// Makes a call. If it is given up after the deadline has passed, it counts as not answered in time.
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let mut waits = PendingCall { request: self, answered: false };
        let answer = call.await;
        waits.answered = true;
        answer
    }

    /// Notes that a call has failed; `wrote` tells whether it was a write.
    fn call_failed(&self, reason: Reason, wrote: bool) {
        self.log(self.server.trouble.note_failure(since_began(), reason, wrote));
    }

    /// Notes that a call was answered; `wrote` tells whether it was a write.
    fn call_answered(&self, wrote: bool) {
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

impl Limits for StoreRequest {
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

impl Deadline for StoreRequest {
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

impl Deadline for OpenStore {
    fn deadline(&self) -> Duration {
        match self {
            Self::Kv(store) => store.deadline(),
            Self::Redis(store) => store.deadline(),
            Self::Neither => Duration::MAX,
        }
    }

    fn until(&self, deadline: Duration) -> Self {
        match self {
            Self::Kv(store) => Self::Kv(store.until(deadline)),
            Self::Redis(store) => Self::Redis(store.until(deadline)),
            Self::Neither => Self::Neither,
        }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Kv(store) => store.in_time(call).await,
            Self::Redis(store) => store.in_time(call).await,
            Self::Neither => Some(call.await),
        }
    }

    fn spawn(&self, rest: RemainingWork) {
        match self {
            Self::Kv(store) => store.spawn(rest),
            Self::Redis(store) => store.spawn(rest),
            Self::Neither => {}
        }
    }
}

/// Asks the store that is open.
macro_rules! ask {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Self::Kv($store) => $call.await,
            Self::Redis($store) => $call.await,
            Self::Neither => Err(Unavailable::Untouched.into()),
        }
    };
}

impl Store for OpenStore {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        ask!(self, store => store.get(key))
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        ask!(self, store => store.set(key, value))
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        ask!(self, store => store.swap(key, current, next))
    }

    async fn swap_after(
        &self,
        before: Before<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        ask!(self, store => store.swap_after(before, key, current, next))
    }

    async fn is_kept(&self, key: &Document, value: &[u8]) -> Result<bool, Unavailable> {
        match self {
            Self::Redis(store) => store.is_kept(key, value).await,
            Self::Kv(_) | Self::Neither => Ok(true),
        }
    }

    async fn write_first(&self, opening: &Opening, empty: &[u8], first: &[u8]) -> Result<Swap, Unavailable> {
        ask!(self, store => store.write_first(opening, empty, first))
    }

    async fn add_to_total(
        &self,
        counter: &keys::CounterKeys,
        delta: i64,
        limit: i64,
    ) -> Result<Added, Unavailable> {
        ask!(self, store => store.add_to_total(counter, delta, limit))
    }

    async fn swap_total(
        &self,
        key: &Document,
        current: &[u8],
        next: ValueWithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        ask!(self, store => store.swap_total(key, current, next))
    }

    async fn step_aside(&self, together: u32) -> bool {
        match self {
            Self::Kv(store) => store.step_aside(together).await,
            Self::Redis(store) => store.step_aside(together).await,
            Self::Neither => false,
        }
    }

    fn shares_round_trips(&self) -> bool {
        matches!(self, Self::Redis(store) if store.shares_round_trips())
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        ask!(self, store => store.count(key))
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        ask!(self, store => store.increment(key, delta))
    }

    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        ask!(self, store => store.increment_within(key, delta, bound))
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        ask!(self, store => store.elected(key))
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        ask!(self, store => store.elect(key, candidate))
    }
}
