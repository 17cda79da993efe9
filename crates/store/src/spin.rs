//! The port inside a component, on what the setting `store` names: [`crate::kv`] or [`crate::redis`].
//!
//! What is opened is kept by the instance: opening costs a call, and on Redis a round trip. Nothing that
//! must be true is kept (design section 3).

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use eventlog::Level;
use futures::future::{Either, select};

use crate::breaker::{Breaker, Limits, State};
use crate::kv::Kv;
use crate::redis::Redis;
use crate::{Before, Counter, Document, Election, NotIncremented, Store, Swap, Unavailable};

mod kv;
mod redis;
mod settings;

use settings::Backend;

/// The store for one request.
pub enum Open {
    /// `store = kv`.
    Kv(Kv<Request>),
    /// `store = redis`.
    Redis(Redis<Request>),
    /// The setting `store` names neither: nothing is stored, nothing is read.
    Neither,
}

thread_local! {
    static BREAKER: Rc<Breaker> = Rc::new(Breaker::new());
    static BEGAN: Instant = Instant::now();
}

/// The store for one request, whose deadline begins now.
pub async fn open() -> Open {
    let settings = settings::settings().await;
    let request =
        Request { began: Instant::now(), deadline: settings.deadline, breaker: BREAKER.with(Rc::clone) };
    match settings.backend {
        Backend::Kv => Open::Kv(Kv::new(request)),
        Backend::Redis => Open::Redis(Redis::new(request, redis::waiting())),
        Backend::Unknown => Open::Neither,
    }
}

/// Whether the store answers a read within the deadline.
///
/// # Errors
/// [`Unavailable::Untouched`] when it does not.
pub async fn ready() -> Result<(), Unavailable> {
    open().await.get(&crate::keys::ready()).await.map(drop)
}

fn since_began() -> Duration {
    BEGAN.with(Instant::elapsed)
}

/// The calls of one request, under its deadline and its instance's breaker.
#[derive(Debug)]
pub struct Request {
    began: Instant,
    deadline: Duration,
    breaker: Rc<Breaker>,
}

impl Limits for Request {
    fn now(&self) -> Duration {
        since_began()
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let left = self.deadline.checked_sub(self.began.elapsed())?;
        match select(pin!(call), pin!(spin_sdk::time::sleep(left))).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    fn changed(&self, state: State) {
        let level = if state == State::Closed { Level::Info } else { Level::Warn };
        eventlog::event(level, "breaker", [("state", state.as_str().into())]);
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

impl Store for Open {
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

    async fn step_aside(&self, losses: u32) -> bool {
        match self {
            Self::Kv(store) => store.step_aside(losses).await,
            Self::Redis(_) | Self::Neither => false,
        }
    }

    fn goes_together(&self) -> bool {
        matches!(self, Self::Redis(store) if store.goes_together())
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
