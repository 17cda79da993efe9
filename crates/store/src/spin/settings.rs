//! What the manifest gives a component, read once by each instance.

use std::cell::Cell;
use std::time::Duration;

use eventlog::Level;

/// For a component whose manifest gives it no `storage_deadline_ms`.
const DEFAULT_DEADLINE: Duration = Duration::from_millis(500);

/// Where the bank keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `store = kv`: Spin's key-value store.
    Kv,
    /// `store = redis`: straight on the Redis at `redis_url`.
    Redis,
    /// Anything else.
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

/// What bounds and directs every request.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `store`.
    pub backend: Backend,
    /// `storage_deadline_ms`: how long a request may wait for storage, in all.
    pub deadline: Duration,
}

thread_local! {
    static KNOWN: Cell<Option<Settings>> = const { Cell::new(None) };
}

/// The settings of this component.
pub async fn settings() -> Settings {
    if let Some(known) = KNOWN.get() {
        return known;
    }
    let deadline = setting("storage_deadline_ms").await.and_then(|text| text.parse().ok());
    let backend = match setting("store").await.as_deref() {
        None | Some("kv") => Backend::Kv,
        Some("redis") => Backend::Redis,
        Some(other) => {
            eventlog::event(Level::Error, "unknown-store", [("store", other.into())]);
            Backend::Unknown
        }
    };
    let settings = Settings { backend, deadline: deadline.map_or(DEFAULT_DEADLINE, Duration::from_millis) };
    KNOWN.set(Some(settings));
    settings
}

/// Where the bank keeps its state, once that is known.
pub fn backend() -> Backend {
    KNOWN.get().map_or(Backend::Unknown, |settings| settings.backend)
}

/// The value of a variable; `None` where the manifest gives the component none of that name.
pub async fn setting(name: &str) -> Option<String> {
    spin_sdk::variables::get(name).await.ok()
}
