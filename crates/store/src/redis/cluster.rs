//! The map of a Redis Cluster: which node has which slot, and where a node's redirect leads.
//!
//! Source: the Redis Cluster specification, "Keys distribution model", "MOVED redirection", "ASK redirection".

use std::rc::Rc;
use std::time::Duration;

use crc::{CRC_16_XMODEM, Crc, NoTable};

use super::script::ReplyValue;
use crate::keys;
use crate::reason::Reason;

/// How many slots there are.
const SLOTS: u16 = 16_384;
/// How many nodes are doubted at a time, the latest ones: a node that is long gone need not be remembered.
const MAX_DOUBTED: usize = 64;
/// How often, at most, an instance asks for the map.
const MAP_INTERVAL: Duration = Duration::from_millis(50);
/// A checksum without a table: a key has a few dozen bytes, and a table would be in every component.
const CRC: Crc<u16, NoTable> = Crc::<u16, NoTable>::new(&CRC_16_XMODEM);

/// The host and port of a node, as `127.0.0.1:6379` or `[::1]:6379`. Empty: the server that `redis_url` names.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(Option<Rc<str>>);

/// The slot of a key. Only its hash tag counts, which every key of the bank has.
#[must_use]
pub fn slot(key: &str) -> u16 {
    let tag = keys::parts(key).map_or(key, |(tag, _)| tag);
    CRC.checksum(tag.as_bytes()) % SLOTS
}

impl Node {
    /// The node at this host and port. `None` if there is no host, which then is that of the node that answered, or
    /// if the host contains more of an address than a host.
    fn new(host: &str, port: &str) -> Option<Self> {
        let is_host = !host.is_empty() && !host.bytes().any(|byte| b"?/#@,".contains(&byte));
        if !is_host || port.is_empty() || !port.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let is_bare_v6 = host.contains(':') && !host.starts_with('[');
        let address = if is_bare_v6 { ["[", host, "]:", port].concat() } else { [host, ":", port].concat() };
        Some(Self(Some(address.into())))
    }

    /// The nodes that `redis_url` names, with commas between their hosts; only one, unless it names a cluster.
    #[must_use]
    pub fn named(redis_url: &str) -> Vec<Self> {
        let [_, hosts, _] = parts(redis_url);
        hosts.split(',').map(|host| Self(Some(host.into()))).collect()
    }

    /// The node at another port of the same host.
    fn at_port(&self, port: &str) -> Self {
        let Some(node) = self.0.as_deref() else { return Self::default() };
        // The port follows the last colon, unless that is one of an IPv6 address.
        let end = node.bytes().rposition(|byte| matches!(byte, b':' | b']'));
        let host = match end.and_then(|end| node.split_at_checked(end)) {
            Some((host, port)) if port.starts_with(':') => host,
            _ => node,
        };
        Self(Some([host, ":", port].concat().into()))
    }

    /// Its address: `redis_url` with this node's host and port.
    #[must_use]
    pub fn address(&self, redis_url: &str) -> String {
        let [before, hosts, after] = parts(redis_url);
        let first = hosts.split(',').next().unwrap_or(hosts);
        [before, self.0.as_deref().unwrap_or(first), after].concat()
    }
}

/// The part of an address before the hosts (scheme, user and password), the hosts, and the part after them.
fn parts(redis_url: &str) -> [&str; 3] {
    // A scheme contains no colon, and `://` follows it.
    let scheme = redis_url.bytes().position(|byte| byte == b':').unwrap_or_default().saturating_add(3);
    let (_, rest) = redis_url.split_at_checked(scheme).unwrap_or(("", redis_url));
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let user = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at.saturating_add(1));
    let hosts = authority.get(user..).unwrap_or_default();
    let before = redis_url.len().saturating_sub(hosts.len()).saturating_sub(after.len());
    [redis_url.get(..before).unwrap_or_default(), hosts, after]
}

/// Which node has which slots, as far as is known.
#[derive(Debug, Default)]
pub struct SlotMap {
    ranges: Vec<(u16, u16, Node)>,
    /// The nodes that `redis_url` names.
    named: Vec<Node>,
    /// A node's answer contradicts the map, or a node did not answer.
    stale: bool,
    /// The nodes that did not answer, or said that the cluster is down, and have not answered since.
    doubted: Vec<Node>,
    /// A request is asking for the map now.
    is_asked_for: bool,
    /// How often the map was asked for, and when last.
    asked: usize,
    asked_at: Duration,
}

impl SlotMap {
    /// An empty map: as far as is known, this is not a cluster.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            named: Vec::new(),
            stale: false,
            doubted: Vec::new(),
            is_asked_for: false,
            asked: 0,
            asked_at: Duration::ZERO,
        }
    }

    /// Sets the nodes that `redis_url` names. Several nodes mean a cluster, whose map must be learnt.
    pub fn name_nodes(&mut self, nodes: Vec<Node>) {
        self.stale |= nodes.len() > 1 && !self.is_cluster();
        self.named = nodes;
    }

    /// Learns a node's answer to `CLUSTER SLOTS`, with its arrays flattened: for each range its first and last slot,
    /// then for each node, the master first, host, port, id, and perhaps names and values. Returns whether it was
    /// such an answer.
    pub fn learn(&mut self, asked: &Node, values: &[ReplyValue]) -> bool {
        let mut ranges = Vec::new();
        for (at, window) in values.windows(4).enumerate() {
            let [ReplyValue::Code(first), ReplyValue::Code(last), host, ReplyValue::Code(port)] = window
            else {
                continue;
            };
            let host = match host {
                ReplyValue::Bytes(host) => str::from_utf8(host).unwrap_or_default(),
                _ => "",
            };
            // A port follows a host, a range does not.
            let is_range = at == 0 || !matches!(values.get(at.wrapping_sub(1)), Some(ReplyValue::Code(_)));
            if let (true, Ok(first), Ok(last)) = (is_range, u16::try_from(*first), u16::try_from(*last)) {
                let port = port.to_string();
                let node = Node::new(host, &port).unwrap_or_else(|| asked.at_port(&port));
                ranges.push((first, last, node));
            }
        }
        if ranges.is_empty() {
            return false;
        }
        self.ranges = ranges;
        self.stale = false;
        true
    }

    /// Whether the map names a node that is doubted.
    #[must_use]
    pub fn names_doubted(&self) -> bool {
        self.ranges.iter().any(|(_, _, node)| self.doubted.contains(node))
    }

    /// Whether this is a cluster, as far as is known.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Whether this is a cluster as far as is known, or because `redis_url` names several nodes.
    #[must_use]
    pub fn is_in_cluster(&self) -> bool {
        self.is_cluster() || self.named.len() > 1
    }

    /// Returns whether the caller must ask for the map at `now`. Not if another request asks, nor, once the map is
    /// known, again at once: requests for a lost node would ask the others without end.
    pub fn begin_learning(&mut self, now: Duration) -> bool {
        let is_too_soon =
            self.is_cluster() && now.saturating_sub(self.asked_at) < MAP_INTERVAL && self.asked > 0;
        if is_too_soon || self.is_asked_for {
            return false;
        }
        self.asked_at = now;
        self.is_asked_for = true;
        true
    }

    /// Notes that the request that asked for the map has ended.
    pub fn end_learning(&mut self) {
        self.is_asked_for = false;
    }

    /// Whether the map must be asked for again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Notes that a node did not answer, or does not know better: the other nodes are asked for the map before it.
    pub fn doubt_node(&mut self, node: &Node) {
        self.stale = true;
        if !self.doubted.contains(node) {
            if self.doubted.len() >= MAX_DOUBTED {
                self.doubted.remove(0);
            }
            self.doubted.push(node.clone());
        }
    }

    /// Notes that a node has answered.
    pub fn trust(&mut self, node: &Node) {
        self.doubted.retain(|doubted| doubted != node);
    }

    /// The node that has a slot; if that is not known, the first node that `redis_url` names.
    #[must_use]
    pub fn node(&self, slot: u16) -> Node {
        let range = self.ranges.iter().rev().find(|(first, last, _)| (*first..=*last).contains(&slot));
        range.map(|(_, _, node)| node.clone()).unwrap_or_default()
    }

    /// The node that has a key, as in [`SlotMap::node`].
    #[must_use]
    pub fn node_of(&self, key: &str) -> Node {
        if self.is_cluster() { self.node(slot(key)) } else { Node::default() }
    }

    /// Every node once.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for (_, _, node) in &self.ranges {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        nodes
    }

    /// The nodes to ask for the map, in this order; doubted ones come last. Each time another one comes first, since
    /// a node that was cut off from the others does not know that.
    #[must_use]
    pub fn advisers(&mut self) -> Vec<Node> {
        let mut all = self.nodes();
        for node in &self.named {
            if !all.contains(node) {
                all.push(node.clone());
            }
        }
        if self.named.is_empty() {
            all.push(Node::default());
        }
        // Not sorted: sorting is 4 KB in a component.
        let (doubted, mut trusted): (Vec<Node>, Vec<Node>) =
            all.into_iter().partition(|node| self.doubted.contains(node));
        let first = self.asked.checked_rem(trusted.len()).unwrap_or_default();
        trusted.rotate_left(first);
        self.asked = self.asked.wrapping_add(1);
        trusted.into_iter().chain(doubted).collect()
    }

    /// Notes that a slot has moved.
    pub fn moved(&mut self, slot: u16, node: Node) {
        self.ranges.retain(|range| (range.0, range.1) != (slot, slot));
        self.ranges.push((slot, slot, node));
        self.stale = true;
    }
}

/// Where a node sends a caller. Nothing was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// To the node that has the slot now.
    Moved(u16, Node),
    /// To the node that the slot is moving to, for this once.
    Ask(Node),
    /// To the same node, a moment later: the slot is moving, and some of its keys have moved already (`TRYAGAIN`).
    Later,
    /// To a node that knows better, a moment later: the cluster is changing, or down for this node (`CLUSTERDOWN`).
    Down,
    /// This is a cluster, and the keys are in several slots.
    Apart,
}

impl Redirect {
    /// The redirect in an error's text, given its `reason`: if there is a target, the last words of the text are the
    /// slot and the address.
    #[must_use]
    pub fn of(reason: Reason, text: &str) -> Option<Self> {
        let moved = match reason.as_str() {
            "MOVED" => true,
            "ASK" => false,
            "TRYAGAIN" => return Some(Self::Later),
            "CLUSTERDOWN" => return Some(Self::Down),
            "CROSSSLOT" => return Some(Self::Apart),
            _ => return None,
        };
        let mut words = text.as_bytes().rsplit(|byte| *byte == b' ');
        let address = str::from_utf8(words.next()?).ok()?;
        let slot = str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let (host, port) = address.split_at_checked(address.bytes().rposition(|byte| byte == b':')?)?;
        // An empty host means the node that was asked; only `CLUSTER SLOTS` can resolve that.
        let Some(node) = Node::new(host, port.get(1..)?) else { return Some(Self::Down) };
        Some(if moved { Self::Moved(slot, node) } else { Self::Ask(node) })
    }
}

#[cfg(test)]
mod tests;
