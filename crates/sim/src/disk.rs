//! What the store holds, and how calls change it: Spin's two backends, quirks included.
//!
//! Facts are those of docs/spin.md. `sqlite`: a counter is 8 little-endian bytes; an increment of anything else
//! panics the host (fact 4), and an overflow wraps; a compare-and-swap compares values, and on an absent key it is
//! an unguarded upsert (fact 3). `redis`: a counter is decimal text and does not overflow; a compare-and-swap fails
//! after any write to its key, including an increment by 0 (`WATCH`).
//!
//! A step of the `redis` adapter's script does what [`store::redis::model`] says, and disturbs compare-and-swaps
//! like any other write.
//!
//! Nobody learns whether a swap committed: the answer of the Redis backend is always "failed" (fact 1).

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use store::redis::model::{self, Stored, Write};
use store::redis::{Step, StepReply};

use crate::call::{Key, Reply, Value, hash_of};

/// Which backend is simulated, and which adapters use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavour {
    /// Spin's key-value store on SQLite, its default.
    Sqlite,
    /// Spin's key-value store on Redis (`runtime-config/redis.toml`).
    Redis,
    /// Redis, by the `redis` adapter.
    Scripts,
    /// Redis, by instances of either adapter, as while an operator switches from one to the other.
    Switching,
    /// A Redis Cluster, by the `redis` adapter: slots move, nodes are away.
    Cluster,
    /// Redis with a replica, by the `redis` adapter, which waits for the replica: a failover forgets what the replica
    /// does not have.
    Failover,
}

/// How an instance of the bank reaches the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Adapter {
    /// `store::kv`.
    #[default]
    Kv,
    /// `store::redis`.
    Redis,
    /// The same, by `store::redis::nodes`.
    Cluster,
    /// The same, with `redis_wait_replicas` above 0.
    Waiting,
}

impl Flavour {
    /// Those of one store, which never forgets.
    pub const OF_ONE_STORE: [Self; 4] = [Self::Sqlite, Self::Redis, Self::Scripts, Self::Switching];

    /// The backend of a seed: seeds play them in turn.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        match seed % 6 {
            1 => Self::Sqlite,
            2 => Self::Redis,
            3 => Self::Scripts,
            4 => Self::Cluster,
            5 => Self::Failover,
            _ => Self::Switching,
        }
    }

    /// Whether all that is written is written by scripts.
    #[must_use]
    pub fn goes_by_scripts(self) -> bool {
        matches!(self, Self::Scripts | Self::Cluster | Self::Failover)
    }

    /// How the instance at this place reaches the store.
    #[must_use]
    pub fn adapter(self, instance: usize) -> Adapter {
        match self {
            Self::Sqlite | Self::Redis => Adapter::Kv,
            Self::Switching if instance.is_multiple_of(2) => Adapter::Kv,
            Self::Scripts | Self::Switching => Adapter::Redis,
            Self::Cluster => Adapter::Cluster,
            Self::Failover => Adapter::Waiting,
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
            Self::Scripts => "scripts",
            Self::Switching => "switching",
            Self::Cluster => "cluster",
            Self::Failover => "failover",
        })
    }
}

/// Identifies a call for ever: the client, the number of its request, and the number of the call within that request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The client.
    pub client: usize,
    /// Counts the client's requests.
    pub request: u32,
    /// Counts the request's calls.
    pub call: u32,
}

/// A key's value, and how it came to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cell {
    /// What it holds.
    pub value: Value,
    /// An increment has written it.
    pub incremented: bool,
    /// A set or a swap has written it.
    pub set: bool,
}

/// How a write is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMeans {
    /// `set`.
    Set,
    /// `increment`.
    Increment,
    /// `swap` of a key that was there when it began.
    Swap,
    /// `swap` of a key that was absent when it began.
    SwapOfAbsent,
    /// The `elect` step of a script, which reads and writes at once.
    Elect,
}

/// A write that took effect.
#[derive(Debug, Clone)]
pub struct Written {
    /// The key.
    pub key: Key,
    /// What was there.
    pub before: Option<Cell>,
    /// What is there now.
    pub after: Value,
    /// How it was written.
    pub means: WriteMeans,
}

/// A compare-and-swap that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watch {
    origin: CallId,
    key: Key,
    current: Option<Value>,
    touched: bool,
}

/// The host panicked and its lock is poisoned: nothing works any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPanic;

/// What the store holds.
#[derive(Debug, Clone)]
pub struct Disk {
    flavour: Flavour,
    cells: Rc<BTreeMap<Key, Cell>>,
    contents: u64,
    watches: Vec<Watch>,
}

impl Disk {
    /// An empty store.
    #[must_use]
    pub fn new(flavour: Flavour) -> Self {
        Self { flavour, cells: Rc::default(), contents: 0, watches: Vec::new() }
    }

    /// The backend that is played.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Everything there is, in the order of keys.
    #[must_use]
    pub fn cells(&self) -> &BTreeMap<Key, Cell> {
        &self.cells
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Value> {
        self.cells.get(key).map(|cell| cell.value.clone())
    }

    /// Writes `value` whatever is there.
    pub fn set(&mut self, key: &Key, value: Value) -> Written {
        self.write(key, value, WriteMeans::Set)
    }

    /// Adds `delta`; a key that is absent counts as 0.
    ///
    /// # Errors
    /// [`HostPanic`].
    pub fn increment(&mut self, key: &Key, delta: i64) -> Result<(Reply, Option<Written>), HostPanic> {
        let before = self.get(key);
        let sum = match self.flavour {
            Flavour::Sqlite => {
                let bytes = before.map_or(Ok([0; 8]), |value| value.bytes().try_into());
                Some(i64::from_le_bytes(bytes.map_err(|_| HostPanic)?).wrapping_add(delta))
            }
            _ => {
                let text = before.map_or_else(|| b"0".to_vec(), |value| value.bytes().to_vec());
                let Some(number) = String::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok())
                else {
                    return Ok((Reply::Error, None));
                };
                number.checked_add(delta)
            }
        };
        let Some(sum) = sum else { return Ok((Reply::Overflow, None)) };
        let value = match self.flavour {
            Flavour::Sqlite => Value::from(&sum.to_le_bytes()[..]),
            _ => Value::from(sum.to_string().as_bytes()),
        };
        Ok((Reply::Number(sum), Some(self.write(key, value, WriteMeans::Increment))))
    }

    /// Carries out a step of a script.
    pub fn step(&mut self, step: &Step) -> (StepReply, Vec<Written>) {
        let holds = |key: &str| match self.get(&key.into()) {
            Some(value) => Stored::Bytes(value.bytes().to_vec()),
            None => Stored::Nothing,
        };
        let (said, writes) = model::carry_out(step, holds);
        let written = writes.into_iter().map(|Write { key, value, kind }| {
            let means = match kind {
                model::WriteKind::Set => WriteMeans::Set,
                model::WriteKind::Increment => WriteMeans::Increment,
                model::WriteKind::Swap => WriteMeans::Swap,
                model::WriteKind::Elect => WriteMeans::Elect,
            };
            self.write(&key.as_str().into(), Value::from(&value[..]), means)
        });
        let written = written.collect();
        (said, written)
    }

    /// Begins a compare-and-swap.
    pub fn begin(&mut self, origin: CallId, key: &Key) -> Option<Value> {
        let current = self.get(key);
        self.watches.push(Watch { origin, key: key.clone(), current: current.clone(), touched: false });
        current
    }

    /// Ends the compare-and-swap that `origin` began; `None` if it wrote nothing.
    pub fn swap(&mut self, origin: CallId, value: Value) -> Option<Written> {
        let place = self.watches.iter().position(|watch| watch.origin == origin)?;
        let Watch { key, current, touched, .. } = self.watches.remove(place);
        let commits = match self.flavour {
            Flavour::Sqlite => current.is_none() || self.get(&key) == current,
            _ => !touched,
        };
        let means = if current.is_some() { WriteMeans::Swap } else { WriteMeans::SwapOfAbsent };
        commits.then(|| self.write(&key, value, means))
    }

    /// Forgets the compare-and-swaps of a request, except those that `kept` names.
    pub fn unwatch(&mut self, client: usize, request: u32, kept: &[CallId]) {
        self.watches.retain(|watch| {
            let CallId { client: of, request: which, .. } = watch.origin;
            (of, which) != (client, request) || kept.contains(&watch.origin)
        });
    }

    /// A number that is the same for equal contents.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        hash_of(&(self.contents, &self.watches))
    }

    fn write(&mut self, key: &Key, value: Value, means: WriteMeans) -> Written {
        for watch in self.watches.iter_mut().filter(|watch| watch.key == *key) {
            watch.touched = true;
        }
        let cells = Rc::make_mut(&mut self.cells);
        let before = cells.get(key).cloned();
        let incremented = means == WriteMeans::Increment;
        let cell = cells.entry(key.clone()).or_insert_with(|| Cell {
            value: value.clone(),
            incremented: false,
            set: false,
        });
        if let Some(before) = &before {
            self.contents ^= hash_of(&(key, before));
        }
        cell.value = value.clone();
        cell.incremented |= incremented;
        cell.set |= !incremented;
        self.contents ^= hash_of(&(key, &*cell));
        Written { key: key.clone(), before, after: value, means }
    }
}
