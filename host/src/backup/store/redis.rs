//! All keys of one Redis, or of all masters of a cluster.
//!
//! Each server has one connection, because a `SCAN` cursor is only valid on the server that returned it. If a
//! connection breaks, or another server answers, the whole scan has to start again.

use super::stored::Stored;
use crate::exit::ExitError;
use anyhow::{Context as _, anyhow, bail};
use redis::{Connection, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, Pipeline, RedisError, Value};
use std::fmt::Write as _;
use std::time::Duration;
use store::redis::cluster::slot;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: nobody waits for the command, and a step of a scan is short.
const ANSWER: Duration = Duration::from_secs(30);
/// How many keys a step of a scan looks at.
const KEYS_PER_SCAN: u32 = 2_000;
const SLOTS: usize = 16_384;

pub struct RedisNodes {
    nodes: Vec<Node>,
    /// First slot, last slot, and the index of the node that has them; empty if this is no cluster.
    slots: Vec<(u16, u16, usize)>,
    /// The identity of the servers when they were opened.
    identity: String,
}

struct Node {
    name: String,
    connection: Connection,
}

/// A range of slots, and the host and port of their master.
type Range = (u16, u16, String, u16);

impl RedisNodes {
    /// Opens the cluster of the first of these nodes that answers, or the single server.
    pub fn open(infos: &[ConnectionInfo]) -> anyhow::Result<Self> {
        let mut failure = anyhow!("no address of Redis");
        for info in infos {
            match Self::open_through(info) {
                Ok(redis) => return Ok(redis),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn open_through(info: &ConnectionInfo) -> anyhow::Result<Self> {
        let mut first = Node::connect(info)?;
        let ranges = first.ranges()?;
        let mut redis = Self { nodes: Vec::new(), slots: Vec::new(), identity: String::new() };
        for (from, to, host, port) in &ranges {
            let name = format!("{host}:{port}");
            let known = redis.nodes.iter().position(|node| node.name == name);
            let node = match known {
                Some(node) => node,
                None => {
                    let named = format!("redis://{name}").into_connection_info();
                    let addr = named.context("a node of the cluster has no address")?.addr().clone();
                    let addr = same_kind(info, addr);
                    redis.nodes.push(Node { name, ..Node::connect(&info.clone().set_addr(addr))? });
                    redis.nodes.len().saturating_sub(1)
                }
            };
            redis.slots.push((*from, *to, node));
        }
        if redis.nodes.is_empty() {
            redis.nodes.push(first);
        }
        redis.identity = redis.identify()?;
        Ok(redis)
    }

    pub fn kind(&self) -> &'static str {
        if self.slots.is_empty() { "redis" } else { "redis-cluster" }
    }

    pub fn unchanged(&mut self) -> anyhow::Result<()> {
        if self.identify()? == self.identity {
            return Ok(());
        }
        let why =
            "Redis failed over, or slots of the cluster moved meanwhile: what was read may lack something";
        Err(ExitError::Unavailable(format!("{why}. Begin again")).into())
    }

    pub fn scan(&mut self, each: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            let mut cursor = "0".to_owned();
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(&cursor).arg("MATCH").arg("bank:*").arg("COUNT").arg(KEYS_PER_SCAN);
                let (next, keys): (String, Vec<Vec<u8>>) =
                    scan.query(&mut node.connection).map_err(|error| node.failed(&error))?;
                for key in &keys {
                    // A key that is not text is none of the bank's.
                    if let Ok(key) = str::from_utf8(key) {
                        each(key)?;
                    }
                }
                if next == "0" {
                    break;
                }
                cursor = next;
            }
        }
        Ok(())
    }

    pub fn get(&mut self, keys: &[String]) -> anyhow::Result<Vec<Stored>> {
        self.each(
            keys,
            |key| key,
            |pipe, key| {
                pipe.cmd("GET").arg(key);
            },
        )
    }

    pub fn get_at_once(&mut self, keys: &[String]) -> anyhow::Result<Vec<Stored>> {
        let Some(node) = keys.first().map(|key| self.node_of(key)) else { return Ok(Vec::new()) };
        let node = self.nodes.get_mut(node).context("a slot without a node")?;
        redis::cmd("MGET").arg(keys).query(&mut node.connection).map_err(|error| node.failed(&error))
    }

    pub fn add(&mut self, items: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<bool>> {
        let set = |pipe: &mut Pipeline, (key, value): &(String, Vec<u8>)| {
            pipe.cmd("SET").arg(key).arg(value).arg("NX");
        };
        let answers: Vec<Value> = self.each(items, |(key, _)| key, set)?;
        Ok(answers.iter().map(|answer| *answer != Value::Nil).collect())
    }

    pub fn remove(&mut self, key: &str) -> anyhow::Result<()> {
        let node = self.node_of(key);
        let node = self.nodes.get_mut(node).context("a slot without a node")?;
        redis::cmd("DEL").arg(key).exec(&mut node.connection).map_err(|error| node.failed(&error))
    }

    /// Sends a command for each of `items` to the node that has its key, all commands for one node together.
    fn each<T, A: redis::FromRedisValue + Default>(
        &mut self,
        items: &[T],
        key: impl Fn(&T) -> &String,
        command: impl Fn(&mut Pipeline, &T),
    ) -> anyhow::Result<Vec<A>> {
        let of: Vec<usize> = items.iter().map(|item| self.node_of(key(item))).collect();
        let mut answers: Vec<A> = std::iter::repeat_with(A::default).take(items.len()).collect();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let mut pipe = redis::pipe();
            let places: Vec<usize> =
                of.iter().enumerate().filter(|(_, node)| **node == number).map(|(place, _)| place).collect();
            for item in places.iter().filter_map(|place| items.get(*place)) {
                command(&mut pipe, item);
            }
            if places.is_empty() {
                continue;
            }
            let said: Vec<A> = pipe.query(&mut node.connection).map_err(|error| node.failed(&error))?;
            if said.len() != places.len() {
                bail!("{}: not an answer to each command", node.name);
            }
            for (place, said) in places.into_iter().zip(said) {
                if let Some(answer) = answers.get_mut(place) {
                    *answer = said;
                }
            }
        }
        Ok(answers)
    }

    fn node_of(&self, key: &str) -> usize {
        if self.slots.is_empty() {
            return 0;
        }
        let slot = slot(key);
        let range = self.slots.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        range.map_or(usize::MAX, |(_, _, node)| *node)
    }

    /// The identity of the server that answers, and the slots of each node.
    fn identify(&mut self) -> anyhow::Result<String> {
        let mut identity = String::new();
        let is_cluster = !self.slots.is_empty();
        for node in &mut self.nodes {
            let info = node.query(redis::cmd("INFO").arg("replication"))?;
            if value(&info, "role") == Some("slave") {
                let why =
                    format!("{} is a replica, and may lack what its master has: name the master", node.name);
                return Err(ExitError::Unavailable(why).into());
            }
            let server = node.query(redis::cmd("INFO").arg("server"))?;
            let run = value(&server, "run_id").unwrap_or_default();
            let _ = writeln!(identity, "{} {run} {:?}", node.name, value(&info, "master_replid"));
            if is_cluster {
                let ranges = node.ranges()?;
                node.require_all_slots(&ranges)?;
                let _ = writeln!(identity, "{ranges:?}");
                node.require_no_moving_slots()?;
            }
        }
        Ok(identity)
    }
}

/// The address `addr`, reached in the same way (TCP or TLS) as the server of `info`.
fn same_kind(info: &ConnectionInfo, addr: redis::ConnectionAddr) -> redis::ConnectionAddr {
    use redis::ConnectionAddr::{Tcp, TcpTls};
    match (info.addr(), addr) {
        (TcpTls { insecure, tls_params, .. }, Tcp(host, port)) => {
            TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        (_, addr) => addr,
    }
}

fn is_refused(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl Node {
    fn connect(info: &ConnectionInfo) -> anyhow::Result<Self> {
        let name = info.addr().to_string();
        let connect = || {
            let connection = redis::Client::open(info.clone())?.get_connection_with_timeout(CONNECT)?;
            connection.set_read_timeout(Some(ANSWER))?;
            connection.set_write_timeout(Some(ANSWER))?;
            Ok(connection)
        };
        match connect() {
            Ok(connection) => Ok(Self { name, connection }),
            // A wrong password does not become right with time.
            Err(error) if is_refused(&error) => Err(anyhow!("Redis at {name}: {error}")),
            Err(error) => Err(ExitError::Unavailable(format!("Redis at {name}: {error}")).into()),
        }
    }

    fn failed(&self, error: &RedisError) -> anyhow::Error {
        if error.code() == Some("NOPERM") {
            return anyhow!("Redis at {}: {error} (docs/backup.md says which rights it needs)", self.name);
        }
        if is_refused(error) {
            return anyhow!("Redis at {}: {error}", self.name);
        }
        ExitError::Unavailable(format!("Redis at {}: {error}. Begin again", self.name)).into()
    }

    fn query(&mut self, command: &mut redis::Cmd) -> anyhow::Result<String> {
        command.query(&mut self.connection).map_err(|error| self.failed(&error))
    }

    /// The slots of each master; empty if this is no cluster.
    fn ranges(&mut self) -> anyhow::Result<Vec<Range>> {
        let slots: Result<Vec<Value>, _> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut self.connection);
        let slots = match slots {
            Ok(slots) => slots,
            // A server without cluster support refuses this too. But one node of a cluster must not be taken for the
            // whole.
            Err(error) if self.is_cluster_node()? => return Err(self.failed(&error)),
            Err(_) => Vec::new(),
        };
        let asked = self.name.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
        Ok(slots.into_iter().filter_map(|slots| range(slots, &asked)).collect())
    }

    fn is_cluster_node(&mut self) -> anyhow::Result<bool> {
        let info = self.query(redis::cmd("INFO").arg("cluster"))?;
        Ok(value(&info, "cluster_enabled") == Some("1"))
    }

    /// Fails unless some node has each slot. If a shard is gone, the other nodes may still answer
    /// (`cluster-require-full-coverage no`).
    fn require_all_slots(&self, ranges: &[Range]) -> anyhow::Result<()> {
        let missing = missing_slots(ranges);
        if missing == 0 {
            return Ok(());
        }
        let why =
            format!("{}: no node has {missing} of the slots of the cluster, nor what was in them", self.name);
        Err(ExitError::Unavailable(why).into())
    }

    /// Fails if slots of this node are moving.
    fn require_no_moving_slots(&mut self) -> anyhow::Result<()> {
        let nodes = self.query(redis::cmd("CLUSTER").arg("NODES"))?;
        let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
        if own.contains('[') {
            let why =
                format!("{}: slots of the cluster are being moved. Begin again when they have", self.name);
            return Err(ExitError::Unavailable(why).into());
        }
        Ok(())
    }
}

/// How many slots no node has.
fn missing_slots(ranges: &[Range]) -> usize {
    let sizes =
        ranges.iter().map(|(first, last, ..)| usize::from(last.saturating_sub(*first)).saturating_add(1));
    SLOTS.saturating_sub(sizes.sum())
}

fn range(slots: Value, asked: &str) -> Option<Range> {
    let (first, last, Value::Array(master)) = (match slots {
        Value::Array(parts) => {
            let mut parts = parts.into_iter();
            (parts.next()?, parts.next()?, parts.next()?)
        }
        _ => return None,
    }) else {
        return None;
    };
    let mut master = master.into_iter();
    let host: Option<String> = redis::from_redis_value(master.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.to_owned());
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let port = redis::from_redis_value(master.next()?).ok()?;
    let number = |value| redis::from_redis_value::<u16>(value).ok();
    Some((number(first)?, number(last)?, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_no_node_has_are_missing() {
        let of = |first, last| (first, last, "a".to_owned(), 1);
        assert_eq!(missing_slots(&[of(0, 5_460), of(5_461, 10_922), of(10_923, 16_383)]), 0);
        assert_eq!(missing_slots(&[of(0, 5_460), of(5_461, 10_922)]), 5_461);
        assert_eq!(missing_slots(&[of(0, 6), of(8, 16_383)]), 1);
    }
}
