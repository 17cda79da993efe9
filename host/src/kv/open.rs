//! Opens stores as the runtime configuration says.

use super::redis::RedisStore;
use super::sqlite::SqliteStore;
use super::store::{KvStore, Stores};
use crate::redis::Patience;
use crate::runtime_config::{RuntimeConfig, StoreConfig};
use anyhow::Context as _;
use std::sync::Arc;

/// Opens the configured stores that are `used`.
pub fn open(
    config: &RuntimeConfig,
    patience: Patience,
    used: impl Fn(&str) -> bool,
) -> anyhow::Result<Stores> {
    let mut stores = Stores::new();
    for (label, config) in &config.stores {
        if used(label) {
            let store = open_one(label, config, patience)
                .with_context(|| format!("cannot open the key-value store `{label}`, {config}"))?;
            stores.insert(label.clone(), store);
        }
    }
    Ok(stores)
}

/// Opens the store of one label.
pub fn open_one(label: &str, config: &StoreConfig, patience: Patience) -> anyhow::Result<Arc<dyn KvStore>> {
    Ok(match config {
        StoreConfig::Sqlite(path) => Arc::new(SqliteStore::open(path, label, patience.synchronous())?),
        StoreConfig::Memory => Arc::new(SqliteStore::in_memory(label)?),
        StoreConfig::Redis(info) => Arc::new(RedisStore::new(info.as_ref().clone(), patience)?),
    })
}
