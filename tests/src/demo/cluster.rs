//! The Redis of the demo: a cluster of two masters without replicas, each behind a proxy.
//!
//! Nodes announce the addresses of their proxies, so `MOVED` and `ASK` lead banks through these too. The demo itself,
//! and the nodes among themselves, bypass the proxies. Whatever breaks Redis breaks both nodes, except that answers
//! are lost from one node only.

use crate::demo::slot::Move;
use crate::prove::deployment::{PASSWORD, Redis, RedisConnection};
use crate::proxy::Proxy;
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const NODES: u16 = 2;
const SLOTS: u16 = 16_384;
/// How long the nodes may take to form a cluster. After a start, a node refuses everything for two seconds.
const PATIENCE: Duration = Duration::from_secs(20);
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// How much junk each node gets, and how much of it is beyond `maxmemory`, so that memory that clients free makes no
/// room.
const JUNK_MIB: u64 = 6;
const BEYOND_MIB: u64 = 3;
const MIB: u64 = 1 << 20;
const REMOVE: &str = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";

/// Both nodes.
pub struct DemoCluster(Vec<Node>);

struct Node {
    redis: Redis,
    proxy: Proxy,
    id: String,
}

impl DemoCluster {
    /// Starts the nodes, and makes a cluster of them.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut cluster = Self(Vec::new());
        for number in 1..=NODES {
            cluster.0.push(Node::start(&folder.join(format!("redis-{number}")), number).await?);
        }
        let [first, others @ ..] = cluster.0.as_slice() else { anyhow::bail!("there are no nodes") };
        let mut connection = first.redis.connect().await?;
        for Node { redis, .. } in others {
            let (address, bus) = (redis.address(), redis.bus_port());
            connection.command(&format!("CLUSTER MEET {} {} {bus}", address.ip(), address.port())).await?;
        }
        cluster.wait_until_whole().await?;
        Ok(cluster)
    }

    /// The URL of the cluster, which names the proxies.
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.0.iter().map(|node| node.proxy.address().to_string()).collect();
        format!("redis://:{PASSWORD}@{}", addresses.join(","))
    }

    /// The proxy between the last node and the banks.
    pub fn proxy(&self) -> anyhow::Result<&Proxy> {
        Ok(&self.0.last().context("there are no nodes")?.proxy)
    }

    /// Kills every node.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        try_join_all(self.0.iter_mut().map(|node| node.redis.kill())).await.map(drop)
    }

    /// Starts every node on its data, and waits until they serve all slots.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        try_join_all(self.0.iter_mut().map(|node| node.redis.start_again())).await?;
        self.wait_until_whole().await
    }

    /// `STOP` makes every node hang, `CONT` lets it go on.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        try_join_all(self.0.iter().map(|node| node.redis.signal(signal))).await.map(drop)
    }

    /// Fills every node, and turns eviction off.
    pub async fn fill(&self) -> anyhow::Result<()> {
        try_join_all(self.0.iter().map(Node::fill)).await.map(drop)
    }

    /// Removes what filled the nodes.
    pub async fn empty(&self) -> anyhow::Result<()> {
        self.remove("demo:junk:*").await?;
        for Node { redis, .. } in &self.0 {
            redis.connect().await?.command("CONFIG SET maxmemory 0").await?;
        }
        Ok(())
    }

    /// Removes all keys that match this pattern.
    pub async fn remove(&self, pattern: &str) -> anyhow::Result<()> {
        for Node { redis, .. } in &self.0 {
            let mut connection = redis.connect().await?;
            connection.query(&[b"EVAL", REMOVE.as_bytes(), b"0", pattern.as_bytes()]).await?;
        }
        Ok(())
    }

    /// Plans to move this key's slot to the next node.
    pub async fn plan_to_move(&self, key: &str) -> anyhow::Result<Move> {
        let mut owner = None;
        let mut slot = 0;
        for (index, node) in self.0.iter().enumerate() {
            let mut connection = node.redis.connect().await?;
            slot = connection.number(&format!("CLUSTER KEYSLOT {key}")).await?;
            if owns_slot_of(&mut connection, key).await? {
                owner = Some(index);
            }
        }
        let from = owner.context("no node has the slot")?;
        let to = (from + 1) % self.0.len();
        let slot = u16::try_from(slot)?;
        Ok(Move { slot, from: self.0[from].endpoint(), to: self.0[to].endpoint(), number: to + 1 })
    }

    /// Waits until each node says that every slot is served.
    async fn wait_until_whole(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        for Node { redis, .. } in &self.0 {
            let mut connection = redis.connect().await?;
            loop {
                let told = connection.query(&[b"CLUSTER", b"INFO"]).await?.concat();
                let told = String::from_utf8_lossy(&told);
                if told.contains("cluster_state:ok") && told.contains(&format!("cluster_slots_ok:{SLOTS}")) {
                    break;
                }
                ensure!(begun.elapsed() < PATIENCE, "the cluster is not whole: {told}");
                sleep(CHECK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Kills every node that runs.
    pub async fn end(mut self) {
        for node in &mut self.0 {
            // It may be killed already.
            let _ = node.redis.kill().await;
        }
    }
}

impl Node {
    /// Starts a node, alone, with its part of the slots.
    async fn start(folder: &Path, number: u16) -> anyhow::Result<Self> {
        // A node must know its proxy's address when it starts, and the proxy the node's only when a bank comes.
        let proxy = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let redis = Redis::start_node(folder, proxy.address()).await?;
        proxy.lead_to(redis.address());
        let mut connection = redis.connect().await?;
        let id = String::from_utf8(connection.query(&[b"CLUSTER", b"MYID"]).await?.concat())?;
        connection.command(&format!("CLUSTER SET-CONFIG-EPOCH {number}")).await?;
        let part = SLOTS / NODES;
        let slots = (number - 1) * part..number * part;
        let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
        let mut words: Vec<&[u8]> = vec![b"CLUSTER", b"ADDSLOTS"];
        words.extend(slots.iter().map(String::as_bytes));
        connection.query(&words).await?;
        Ok(Self { redis, proxy, id })
    }

    fn endpoint(&self) -> (SocketAddr, String) {
        (self.redis.address(), self.id.clone())
    }

    /// Stores junk, and sets `maxmemory` below what is used then.
    async fn fill(&self) -> anyhow::Result<()> {
        let mut connection = self.redis.connect().await?;
        let junk = vec![b'x'; usize::try_from(MIB)?];
        let mut due = JUNK_MIB;
        for n in 0_u64.. {
            let key = format!("demo:junk:{n}");
            if due == 0 {
                break;
            }
            if owns_slot_of(&mut connection, &key).await? {
                connection.query(&[b"SET", key.as_bytes(), &junk]).await?;
                due -= 1;
            }
        }
        // The old connection has a buffer of its own, which counts as used.
        let mut connection = self.redis.connect().await?;
        let told = connection.query(&[b"INFO", b"memory"]).await?.concat();
        let told = String::from_utf8_lossy(&told);
        let used = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used: u64 = used.context("Redis does not say what it uses")?.trim().parse()?;
        connection.command("CONFIG SET maxmemory-policy noeviction").await?;
        connection.command(&format!("CONFIG SET maxmemory {}", used - BEYOND_MIB * MIB)).await
    }
}

/// Whether a key's slot is at this node.
async fn owns_slot_of(connection: &mut RedisConnection, key: &str) -> anyhow::Result<bool> {
    let answer = connection.query_line(&format!("EXISTS {key}")).await?;
    ensure!(answer.starts_with(':') || answer.starts_with("-MOVED"), "EXISTS: {answer}");
    Ok(answer.starts_with(':'))
}
