//! The redirects of a Redis Cluster: which node has which key, while slots move and a node is away. The values are
//! in one [`Disk`], since each key is on one node at a time.
//!
//! Source: the Redis Cluster specification, "MOVED redirection", "ASK redirection", "Multi-keys operations". A
//! script is carried out by the node that has all its keys. While their slot moves, a node that lacks all of them
//! answers `ASK`, and one that lacks some `TRYAGAIN`. The target of the move answers `MOVED` to a script without
//! `ASKING`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use store::redis::Step;
use store::redis::cluster::slot;

use crate::call::Key;
use crate::disk::Disk;

/// How many nodes there are.
pub const NODES: u16 = 3;
/// What `redis_url` names: the first node.
pub const URL: &str = "redis://node:7000";
/// The port of the first node.
const PORT: u16 = 7000;
/// The number of slots in a row that a node has at first; the last node has the rest.
const SHARE: u16 = 5462;
const LAST: u16 = 16_383;

/// What changes in a cluster.
#[derive(Debug, Clone)]
pub enum Shift {
    /// A slot begins to move to a node.
    Begin(u16, u16),
    /// A key of the slot that moves is there.
    Key(Key),
    /// The slot has moved.
    End,
    /// A node goes away.
    Away(u16),
    /// It is back.
    Back,
}

/// A node's answer to a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeAnswer {
    /// It carries out the script.
    Served,
    /// Another node must be asked, or the same one later; in Redis' words.
    Elsewhere(String),
    /// Nothing: it is away.
    Away,
}

#[derive(Debug, Clone)]
struct MovingSlot {
    slot: u16,
    to: u16,
    keys: BTreeSet<Key>,
}

/// Which node has which slots.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    moved: BTreeMap<u16, u16>,
    moving: Option<MovingSlot>,
    away: Option<u16>,
}

/// The slots of a script's keys, each once.
#[must_use]
pub fn slots(steps: &[Step]) -> BTreeSet<u16> {
    steps.iter().flat_map(Step::keys).map(slot).collect()
}

/// Where a node is reached.
#[must_use]
pub fn address(node: u16) -> String {
    format!("node:{}", PORT + node)
}

/// The node that is reached there.
fn node(address: &str) -> u16 {
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or(PORT).saturating_sub(PORT)
}

impl Cluster {
    /// Whether such a change is possible now; if so, it happens.
    pub fn shift(&mut self, shift: &Shift) -> bool {
        let has_another = matches!(shift, Shift::Begin(slot, to) if self.owner(*slot) != *to);
        match (shift, &mut self.moving) {
            (Shift::Begin(slot, to), None) if has_another => {
                self.moving = Some(MovingSlot { slot: *slot, to: *to, keys: BTreeSet::new() });
                true
            }
            (Shift::Key(key), Some(moving)) if slot(key.as_str()) == moving.slot => {
                moving.keys.insert(key.clone())
            }
            (Shift::End, Some(_)) => {
                self.moved.extend(self.moving.take().map(|moving| (moving.slot, moving.to)));
                true
            }
            (Shift::Away(node), _) if self.away.is_none() => self.away.replace(*node).is_none(),
            (Shift::Back, _) => self.away.take().is_some(),
            _ => false,
        }
    }

    /// The slot that moves.
    #[must_use]
    pub fn moving(&self) -> Option<u16> {
        self.moving.as_ref().map(|moving| moving.slot)
    }

    /// Whether a node is away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// The node that has a slot, or that it moves from.
    #[must_use]
    pub fn owner(&self, slot: u16) -> u16 {
        self.moved.get(&slot).copied().unwrap_or(slot / SHARE)
    }

    /// The answer to `CLUSTER SLOTS`: first slot, last slot and port of the node, the newest last. A node that is
    /// away does not answer.
    #[must_use]
    pub fn slots(&self, by: &str) -> Vec<(u16, u16, u16)> {
        if self.away == Some(node(by)) {
            return Vec::new();
        }
        let shares = (0..NODES).map(|node| {
            let last = if node + 1 == NODES { LAST } else { (node + 1) * SHARE - 1 };
            (node * SHARE, last, PORT + node)
        });
        shares.chain(self.moved.iter().map(|(slot, node)| (*slot, *slot, PORT + node))).collect()
    }

    /// The answer of the node at `address` to a script.
    #[must_use]
    pub fn answer(&self, address: &str, asking: bool, steps: &[Step], disk: &Disk) -> NodeAnswer {
        let node = node(address);
        if self.away == Some(node) {
            return NodeAnswer::Away;
        }
        let slots = slots(steps);
        let (Some(&slot), 1) = (slots.first(), slots.len()) else {
            return NodeAnswer::Elsewhere("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
        };
        let keys: BTreeSet<Key> = steps.iter().flat_map(Step::keys).map(Key::from).collect();
        let owner = self.owner(slot);
        let moving = self.moving.as_ref().filter(|moving| moving.slot == slot);
        let missing = |there: &dyn Fn(&Key) -> bool| {
            keys.iter().filter(|key| disk.get(key).is_none() || !there(key)).count()
        };
        match moving {
            Some(moving) if moving.to == node && asking => {
                let missing = missing(&|key| moving.keys.contains(key));
                if missing > 0 && keys.len() > 1 { try_again() } else { NodeAnswer::Served }
            }
            Some(moving) if owner == node => match missing(&|key| !moving.keys.contains(key)) {
                0 => NodeAnswer::Served,
                missing if missing == keys.len() => elsewhere("ASK", slot, moving.to),
                _ => try_again(),
            },
            _ if owner == node => NodeAnswer::Served,
            _ => elsewhere("MOVED", slot, owner),
        }
    }

    /// Notes that a script was served while its slot moves: new keys are on the node that was asked.
    pub fn served(&mut self, asking: bool, steps: &[Step], disk: &Disk) {
        if let (true, Some(moving)) = (asking, &mut self.moving) {
            let keys = steps.iter().flat_map(Step::keys).map(Key::from);
            moving.keys.extend(keys.filter(|key| disk.get(key).is_some()));
        }
    }
}

fn elsewhere(what: &str, slot: u16, node: u16) -> NodeAnswer {
    NodeAnswer::Elsewhere(format!("{what} {slot} {}", address(node)))
}

fn try_again() -> NodeAnswer {
    NodeAnswer::Elsewhere("TRYAGAIN Multiple keys request during rehashing of slot".to_owned())
}

/// A redirect that an instance got, and for which steps.
#[derive(Debug, Clone)]
pub struct SentOn {
    /// Only this script goes there (`ASK`).
    pub ask: bool,
    /// The script.
    pub steps: Rc<[Step]>,
    /// The address that it leads to.
    pub to: String,
    /// It was redirected so often that it may be given up, and another one like it may be sent.
    pub may_end: bool,
}

impl SentOn {
    /// The redirect in these words of a node, if they are one.
    #[must_use]
    pub fn of(text: &str, steps: &Rc<[Step]>) -> Option<Self> {
        let mut words = text.split(' ');
        let ask = match words.next() {
            Some("ASK") => true,
            Some("MOVED") => false,
            _ => return None,
        };
        Some(Self { ask, steps: Rc::clone(steps), to: format!("redis://{}", words.nth(1)?), may_end: false })
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(slot, to) => write!(f, "slot {slot} begins to move to {}", address(*to)),
            Self::Key(key) => write!(f, "{key} has moved"),
            Self::End => f.write_str("the slot has moved"),
            Self::Away(node) => write!(f, "{} goes away", address(*node)),
            Self::Back => f.write_str("the node that was away is back"),
        }
    }
}
