//! The port inside a component, on the adapter that the setting `store` names: [`crate::kv`] or [`crate::redis`].
//!
//! An instance keeps its store open: opening costs a call, and on Redis a round trip. It keeps nothing that must be
//! true (docs/spin.md, fact 12).

use std::rc::Rc;
use std::time::Duration;

use batch::{RemainingWork, TimedRequest};
use futures::future::select_ok;

use crate::keys::ElectedKeys;
use crate::kv::Kv;
use crate::redis::Redis;
use crate::{
    Added, Counter, Document, Election, NotIncremented, Store, Swap, SwapPrerequisites, Unavailable,
    ValueWithTotal, keys,
};

mod kv;
mod redis;
mod request;
mod server;
mod settings;

pub use request::StoreRequest;
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

/// The store for one request, whose deadline begins now.
pub async fn open() -> OpenStore {
    let settings = settings::settings().await;
    if settings.backend == Backend::Redis {
        redis::name_nodes().await;
    }
    let request = StoreRequest::new(settings.deadline);
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
        Err(_) if server::is_read_only() => Ok(Readiness::ReadOnly),
        Err(Unavailable::Unknown) if server::has_too_few_replicas() => Ok(Readiness::TooFewReplicas),
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

impl TimedRequest for OpenStore {
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
        before: SwapPrerequisites<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        ask!(self, store => store.swap_after(before, key, current, next))
    }

    async fn confirm_replicated(&self, key: &Document, value: &[u8]) -> Result<bool, Unavailable> {
        match self {
            Self::Redis(store) => store.confirm_replicated(key, value).await,
            Self::Kv(_) | Self::Neither => Ok(true),
        }
    }

    async fn write_first(
        &self,
        opening: &ElectedKeys,
        empty: &[u8],
        first: &[u8],
    ) -> Result<Swap, Unavailable> {
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
