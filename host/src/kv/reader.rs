//! A store that one value or one wallet is read from, and that nothing is written to.
//!
//! A Redis may be any node of a cluster: what it does not have is read from the node that it names. All keys of a
//! wallet are in one slot, and so on one node.

use super::open::open_one;
use super::redis::RedisStore;
use super::store::{Failure, KvStore};
use crate::redis::Patience;
use crate::runtime_config::StoreConfig;
use ::redis::{ConnectionInfo, IntoConnectionInfo as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::breaker::{Breaker, CallContext};
use store::kv::{KvFailure, RawKv};
use store::reason::Reason;
use store::redis::cluster::{Node, Redirect};

/// How many redirects are followed: a slot may move while it is read.
const MOST_HOPS: usize = 5;

/// A store for callers without a deadline.
pub struct StoreReader {
    kind: StoreKind,
    breaker: Breaker,
}

enum StoreKind {
    Other(Arc<dyn KvStore>),
    Redis { info: Box<ConnectionInfo>, patience: Patience, at: Mutex<Arc<RedisStore>> },
}

impl StoreReader {
    /// Opens the store that `config` names.
    pub fn open(label: &str, config: &StoreConfig, patience: Patience) -> anyhow::Result<Self> {
        if let StoreConfig::Redis(info) = config {
            return Self::of_redis(info.as_ref().clone(), patience);
        }
        let kind = StoreKind::Other(open_one(label, config, patience)?);
        Ok(Self { kind, breaker: Breaker::new() })
    }

    /// The Redis at this address, or its cluster.
    pub fn of_redis(info: ConnectionInfo, patience: Patience) -> anyhow::Result<Self> {
        let at = Mutex::new(Arc::new(RedisStore::new(info.clone(), patience)?));
        Ok(Self { kind: StoreKind::Redis { info: Box::new(info), patience, at }, breaker: Breaker::new() })
    }

    /// All keys with this prefix; `None` if this kind of store does not list keys.
    pub async fn keys(&self, prefix: &str) -> Option<Result<Vec<String>, Failure>> {
        let StoreKind::Redis { at, .. } = &self.kind else { return None };
        let node = Arc::clone(&at.lock().unwrap_or_else(PoisonError::into_inner));
        Some(node.keys(prefix).await)
    }

    /// The value of a key.
    pub async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let (info, patience, at) = match &self.kind {
            StoreKind::Other(store) => return store.get(key).await,
            StoreKind::Redis { info, patience, at } => (info, *patience, at),
        };
        let (mut node, mut asking) = (Arc::clone(&at.lock().unwrap_or_else(PoisonError::into_inner)), false);
        for _ in 0..MOST_HOPS {
            let answer = if asking { node.get_asking(key).await } else { node.get(key).await };
            let Some(failure) = answer.as_ref().err().map(ToString::to_string) else { return answer };
            let (named, asks) = match Redirect::of(Reason::of(&failure), &failure) {
                Some(Redirect::Moved(_, node)) => (node, false),
                Some(Redirect::Ask(node)) => (node, true),
                _ => return answer,
            };
            let named = info_of_node(info, &named).ok_or(Failure::Reported(failure))?;
            let named =
                RedisStore::new(named, patience).map_err(|error| Failure::Reported(error.to_string()))?;
            (node, asking) = (Arc::new(named), asks);
            // While a slot is moving it still belongs to the node that sent the redirect.
            if !asking {
                *at.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&node);
            }
        }
        Err(Failure::Reported("the cluster's redirects go round in a circle".to_owned()))
    }
}

/// The address of a node, with the credentials and TLS of `info`.
fn info_of_node(info: &ConnectionInfo, node: &Node) -> Option<ConnectionInfo> {
    // With the same scheme, so that `redis` parses host and port.
    let scheme =
        if matches!(info.addr(), ::redis::ConnectionAddr::TcpTls { .. }) { "rediss" } else { "redis" };
    let named = node.address(&format!("{scheme}://node")).into_connection_info().ok()?;
    Some(info.clone().set_addr(named.addr().clone()))
}

impl RawKv for &StoreReader {
    type Cas = ();

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        self.read(key).await.map_err(|failure| {
            eprintln!("{failure}");
            KvFailure::Other
        })
    }

    async fn set(&self, _key: &str, _value: &[u8]) -> Result<(), KvFailure> {
        Err(KvFailure::Other)
    }

    async fn increment(&self, _key: &str, _delta: i64) -> Result<i64, KvFailure> {
        Err(KvFailure::Other)
    }

    async fn begin(&self, _key: &str) -> Result<((), Option<Vec<u8>>), KvFailure> {
        Err(KvFailure::Other)
    }

    async fn swap(&self, _cas: (), _value: &[u8]) {}
}

/// `bank verify` has no deadline.
impl CallContext for &StoreReader {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }
}
