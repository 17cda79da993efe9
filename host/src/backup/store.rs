//! A whole store: reads all keys and their values, and writes new keys.
//!
//! SQLite is read in one transaction, so everything is as it was at one moment, whatever others write meanwhile.
//! With Redis each command sees the state at its own moment. `SCAN` returns every key that exists from the
//! beginning of a scan to its end, unless the server or the cluster changes meanwhile. Such a change, or a broken
//! connection, ends the command ([`WholeStore::unchanged`]).

mod redis;
mod sqlite;
mod stored;

pub use stored::{Access, Stored};

use crate::runtime_config::{DEFAULT_LABEL, StoreConfig};
use ::redis::ConnectionInfo;
use anyhow::bail;
use store::counter::{self, Form};

/// Where a store is.
pub enum Location {
    Config(StoreConfig),
    /// A Redis, or nodes of a cluster.
    Nodes(Vec<ConnectionInfo>),
}

/// A store that is open.
pub enum WholeStore {
    Sqlite(sqlite::SqliteFile),
    Redis(redis::RedisNodes),
}

impl WholeStore {
    pub fn open(location: &Location, access: Access) -> anyhow::Result<Self> {
        match location {
            Location::Config(StoreConfig::Sqlite(path)) => {
                sqlite::SqliteFile::open(path, DEFAULT_LABEL, access).map(Self::Sqlite)
            }
            Location::Config(StoreConfig::Redis(info)) => {
                redis::RedisNodes::open(std::slice::from_ref(info.as_ref())).map(Self::Redis)
            }
            Location::Nodes(infos) => redis::RedisNodes::open(infos).map(Self::Redis),
            Location::Config(StoreConfig::Memory) => {
                bail!("a store in memory is gone with the bank that has it")
            }
        }
    }

    /// What kind of store it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Redis(redis) => redis.kind(),
        }
    }

    /// How it keeps numbers.
    fn form(&self) -> Form {
        match self {
            Self::Sqlite(_) => Form::Bytes,
            Self::Redis(_) => Form::Text,
        }
    }

    /// The number in `stored`, if it is one.
    pub fn number(&self, stored: &[u8]) -> Option<i64> {
        match self.form() {
            Form::Bytes => stored.try_into().ok().map(i64::from_le_bytes),
            Form::Text => counter::decode_text(stored),
        }
    }

    /// A number as this store keeps it.
    pub fn written(&self, number: i64) -> Vec<u8> {
        counter::encode(number, self.form())
    }

    /// Passes on each key that begins with `bank:`, in no order; in Redis a key may come more than once.
    pub fn scan(&mut self, each: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.scan(each),
            Self::Redis(redis) => redis.scan(each),
        }
    }

    /// The values of these keys.
    pub fn get(&mut self, keys: &[String]) -> anyhow::Result<Vec<Stored>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.get(keys),
            Self::Redis(redis) => redis.get(keys),
        }
    }

    /// The values of these keys, which share a hash tag, all as of one moment.
    pub fn get_at_once(&mut self, keys: &[String]) -> anyhow::Result<Vec<Stored>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.get(keys),
            Self::Redis(redis) => redis.get_at_once(keys),
        }
    }

    /// Writes the keys that do not exist yet, and says for each whether it was written.
    pub fn add(&mut self, items: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<bool>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.add(items),
            Self::Redis(redis) => redis.add(items),
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.remove(key),
            Self::Redis(redis) => redis.remove(key),
        }
    }

    /// Fails if the store is no longer the one that was opened.
    pub fn unchanged(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Redis(redis) => redis.unchanged(),
        }
    }
}
