//! What crosses the seam between the bank's code and the simulated store: calls, replies, values.
//!
//! The seams are [`store::kv::RawKv`] and [`store::redis::RawRedis`]. A call is only a request: the world decides
//! when it is carried out, and whether its reply arrives.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use store::redis::{Step, StepReply, StepVerb};

/// A key of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Rc<str>);

/// What a key of the bank holds, such as `wallet` or `page:7`; nothing for other keys.
pub(crate) fn what(key: &str) -> &str {
    store::keys::parts(key).map_or("", |(_, what)| what)
}

/// A value of the store, hashed once.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    hash: u64,
    bytes: Rc<[u8]>,
}

/// What the bank's code asks of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `spin:key-value` `store.get`.
    Get(Key),
    /// `spin:key-value` `store.set`.
    Set(Key, Value),
    /// `wasi:keyvalue/atomics` `increment`.
    Increment(Key, i64),
    /// `wasi:keyvalue/atomics` `cas.new` and `cas.current`.
    Begin(Key),
    /// `wasi:keyvalue/atomics` `swap`, of the compare-and-swap that call number `begun` began.
    Swap {
        /// The number of the call that began it.
        begun: u32,
        /// What it watches.
        key: Key,
        /// What it writes.
        value: Value,
    },
    /// A script of the `redis` adapter.
    Script(Rc<[Step]>),
    /// A script, sent to a node of a cluster.
    Eval {
        /// Where the node is reached.
        node: Rc<str>,
        /// An `ASKING` is in front of it.
        asking: bool,
        /// What is to be done.
        steps: Rc<[Step]>,
    },
    /// `CLUSTER SLOTS`, sent to the node at this address.
    Slots(Rc<str>),
    /// `WAIT`, behind a script that wrote something.
    Wait,
}

/// What the store says to a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To `Get` and `Begin`.
    Value(Option<Value>),
    /// To `Increment`.
    Number(i64),
    /// The answer to `Set`; and to `Swap`, whose answer proves nothing (fact 1).
    Ended,
    /// The counter would have left its range.
    Overflow,
    /// Any other error. The call may have been carried out all the same. For `Script`: the connection broke.
    Error,
    /// To `Script`: an answer to each step.
    Steps(Vec<StepReply>),
    /// To `Script`: Redis does not carry it out.
    Refused,
    /// The answer to `Eval` if another node must be asked, or the same one later; in Redis' words.
    Elsewhere(String),
    /// To `Eval`: the node is away.
    Away,
    /// To `Slots`: first slot, last slot and port.
    Map(Vec<(u16, u16, u16)>),
}

impl Key {
    /// The key's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value {
    /// The value's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self { hash: hash_of(&bytes), bytes: bytes.into() }
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl Call {
    /// The keys that it is about.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Get(key)
            | Self::Set(key, _)
            | Self::Increment(key, _)
            | Self::Begin(key)
            | Self::Swap { key, .. } => vec![key.clone()],
            Self::Script(_) | Self::Eval { .. } | Self::Slots(_) | Self::Wait => {
                self.steps().iter().flat_map(Step::keys).map(Key::from).collect()
            }
        }
    }

    /// The steps of a script.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Script(steps) | Self::Eval { steps, .. } => steps,
            _ => &[],
        }
    }

    /// Whether it changes the store.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::Set(..) | Self::Increment(..) | Self::Swap { .. } => true,
            Self::Get(_) | Self::Begin(_) | Self::Slots(_) | Self::Wait => false,
            Self::Script(steps) | Self::Eval { steps, .. } => steps.iter().any(|step| !step.verb.is_read()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get(key) => write!(f, "get {key}"),
            Self::Set(key, _) => write!(f, "set {key}"),
            Self::Increment(key, delta) => write!(f, "increment {key} by {delta}"),
            Self::Begin(key) => write!(f, "begin swap {key}"),
            Self::Swap { key, .. } => write!(f, "swap {key}"),
            Self::Script(steps) => f.write_str(&steps.iter().map(told).collect::<Vec<_>>().join(" + ")),
            Self::Eval { node, asking, steps } => {
                let asking = if *asking { ", ASKING" } else { "" };
                let steps = steps.iter().map(told).collect::<Vec<_>>().join(" + ");
                write!(f, "to {node}{asking}: {steps}")
            }
            Self::Slots(node) => write!(f, "asks {node} for the slots"),
            Self::Wait => f.write_str("waits for replicas"),
        }
    }
}

/// A step, for the eye.
fn told(Step { key, verb }: &Step) -> String {
    match verb {
        StepVerb::Get => format!("get {key}"),
        StepVerb::Set(_) => format!("set {key}"),
        StepVerb::Swap { absent, before, .. } => {
            let absent = absent.iter().map(|key| format!(", without {key}"));
            let before = before.iter().map(|(key, _)| format!(", after {key}"));
            absent.chain(before).fold(format!("swap {key}"), |told, more| told + &more)
        }
        StepVerb::Add(delta) => format!("add {delta} to {key}"),
        StepVerb::AddWithin { delta, bound } => format!("add {delta} to {key}, up to {bound}"),
        StepVerb::Total { delta, bound, .. } => {
            format!("add {delta} to {key}, with what is keyed up to {bound}")
        }
        StepVerb::Post { cell, own, .. } => format!("swap {key}, with {own} and {cell}"),
        StepVerb::Elect(candidate) => format!("elect {candidate} at {key}"),
        StepVerb::First { .. } => format!("open {key} with a first value"),
    }
}

/// The same number for the same value in every run.
pub fn hash_of(value: &impl Hash) -> u64 {
    let mut mixer = Mixer(0x2D35_8DCC_AA6C_78A5);
    value.hash(&mut mixer);
    mixer.finish()
}

/// A hash by folded multiplication, as in wyhash: several times as fast as the standard one.
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(0x8BB8_4B93_962E_ACC9_4B33_A62E_D433_D4A3);
        self.0 = (product >> 64) as u64 ^ product as u64 ^ word.rotate_left(32);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            self.mix(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn finish(&self) -> u64 {
        let mut last = Self(self.0);
        last.mix(0xE703_7ED1_A0B4_28DB);
        last.0
    }
}
