//! The settings of storage. Each instance reads them once.

use std::cell::Cell;
use std::time::Duration;

use settings::{REDIS_URL, REDIS_WAIT_REPLICAS, STORAGE_DEADLINE_MS, STORE};

/// Where the bank keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `store = kv`: Spin's key-value store.
    Kv,
    /// `store = redis`: straight on the Redis at `redis_url`.
    Redis,
    /// Neither, or it cannot be read: a guess would split the money between two stores.
    Unknown,
}

impl Backend {
    /// The setting's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Redis => "redis",
            Self::Unknown => "",
        }
    }
}

/// The settings that concern every request.
#[derive(Debug, Clone, Copy)]
pub struct StoreSettings {
    /// `store`.
    pub backend: Backend,
    /// `storage_deadline_ms`: how long a request may wait for storage, in all.
    pub deadline: Duration,
    /// `redis_wait_replicas`: how many replicas must have a write before it is acknowledged.
    pub replicas: u64,
}

thread_local! {
    static SETTINGS: Cell<Option<StoreSettings>> = const { Cell::new(None) };
}

/// The settings of this component.
pub async fn settings() -> StoreSettings {
    if let Some(known) = SETTINGS.get() {
        return known;
    }
    let backend = match STORE.text().await.as_deref() {
        Ok("kv") => Backend::Kv,
        Ok("redis") => Backend::Redis,
        _ => Backend::Unknown,
    };
    let deadline = Duration::from_millis(STORAGE_DEADLINE_MS.number().await);
    let replicas = if backend == Backend::Redis { REDIS_WAIT_REPLICAS.number().await } else { 0 };
    let settings = StoreSettings { backend, deadline, replicas };
    // If it could not be read, the next request may be able to.
    if backend != Backend::Unknown {
        SETTINGS.set(Some(settings));
    }
    settings
}

/// The adapter, if it is known by now.
pub fn backend() -> Backend {
    SETTINGS.get().map_or(Backend::Unknown, |settings| settings.backend)
}

/// `redis_wait_replicas`, if it is known by now.
pub fn replicas() -> u64 {
    SETTINGS.get().map_or(0, |settings| settings.replicas)
}

/// `redis_url`; `None` if it is not an address.
pub async fn redis_url() -> Option<String> {
    REDIS_URL.text().await.ok()
}
