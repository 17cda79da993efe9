//! The port inside a component, on what the setting `store` names: [`crate::kv`] or [`crate::redis`].
//!
//! What is opened is kept by the instance: opening costs a call, and on Redis a round trip. Nothing that
//! must be true is kept (design section 3).

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::{Either, select};

use crate::breaker::{Breaker, Limits, State};
use crate::kv::Kv;
use crate::redis::Redis;
use crate::{Counter, Document, Election, NotIncremented, Store, Swap, Unavailable};

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
    }
}

/// Whether the store answers a read within the deadline.
///
/// # Errors
/// [`Unavailable::Untouched`] when it does not.
pub async fn ready() -> Result<(), Unavailable> {
    open().await.get(&crate::keys::ready()).await.map(drop)
}

/// What this instance's breaker lets through now.
#[must_use]
pub fn breaker() -> State {
    BREAKER.with(|breaker| breaker.state(since_began()))
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
}

impl Store for Open {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        match self {
            Self::Kv(store) => store.get(key).await,
            Self::Redis(store) => store.get(key).await,
        }
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        match self {
            Self::Kv(store) => store.set(key, value).await,
            Self::Redis(store) => store.set(key, value).await,
        }
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        match self {
            Self::Kv(store) => store.swap(key, current, next).await,
            Self::Redis(store) => store.swap(key, current, next).await,
        }
    }

    async fn step_aside(&self, losses: u32) -> bool {
        match self {
            Self::Kv(store) => store.step_aside(losses).await,
            Self::Redis(store) => store.step_aside(losses).await,
        }
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        match self {
            Self::Kv(store) => store.count(key).await,
            Self::Redis(store) => store.count(key).await,
        }
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        match self {
            Self::Kv(store) => store.increment(key, delta).await,
            Self::Redis(store) => store.increment(key, delta).await,
        }
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        match self {
            Self::Kv(store) => store.elected(key).await,
            Self::Redis(store) => store.elected(key).await,
        }
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        match self {
            Self::Kv(store) => store.elect(key, candidate).await,
            Self::Redis(store) => store.elect(key, candidate).await,
        }
    }
}
