//! A real Redis Cluster in a folder of its own: three masters, a replica of each, and a password.

use super::certificate::Certificate;
use super::ports::free_port;
use super::redis::{self, PASSWORD};
use crate::names::fresh;
use crate::prove::process::Process;
use anyhow::{Context as _, bail, ensure};
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;
/// After this time a silent node counts as failed.
const NODE_TIMEOUT_MS: u64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// A user, and the slot of their wallet.
pub struct Shard {
    pub user: String,
    slot: u16,
}

/// A slot that is moving.
pub struct Moving {
    slot: String,
    from: u16,
    to: u16,
    /// The id of the node that it moves to.
    heir: String,
}

pub struct Cluster {
    folder: PathBuf,
    /// The certificate, if the nodes speak TLS.
    certificate: Option<Certificate>,
    nodes: Vec<(u16, Option<Process>)>,
    /// A node that was stopped and will go on.
    stopped: Option<usize>,
}

impl Cluster {
    /// Starts the nodes and makes a cluster of them.
    pub async fn start(folder: &Path, certificate: Option<Certificate>) -> anyhow::Result<Self> {
        let mut cluster = Self { folder: folder.to_owned(), certificate, nodes: Vec::new(), stopped: None };
        for index in 0..NODES {
            cluster.nodes.push((free_port().await?, None));
            cluster.start_node(index).await?;
        }
        let mut create = vec!["--cluster".to_owned(), "create".to_owned()];
        create.extend(cluster.nodes.iter().map(|(port, _)| format!("127.0.0.1:{port}")));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"].map(str::to_owned));
        cluster.cli(&create).await?;
        cluster.wait_until_whole().await?;
        Ok(cluster)
    }

    /// The URL of one of its nodes.
    pub fn url(&self) -> String {
        self.url_of("", PASSWORD, 0)
    }

    /// The URL of a node, for this user of Redis.
    pub fn url_of(&self, user: &str, password: &str, node: usize) -> String {
        let scheme = if self.certificate.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://{user}:{password}@127.0.0.1:{}", self.nodes[node].0)
    }

    /// The URLs of the nodes that began as masters.
    pub fn urls_of_masters(&self) -> impl Iterator<Item = String> {
        (0..MASTERS).map(|node| self.url_of("", PASSWORD, node))
    }

    /// One URL with the addresses of all nodes.
    pub fn urls(&self) -> String {
        let others: String =
            self.nodes.iter().skip(1).map(|(port, _)| format!(",127.0.0.1:{port}")).collect();
        self.url() + &others
    }

    /// Starts a node on the data that it had.
    pub async fn start_node(&mut self, index: usize) -> anyhow::Result<()> {
        let port = self.nodes[index].0.to_string();
        let folder = self.folder.join(&port);
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--dir"]).arg(&folder);
        match &self.certificate {
            None => command.args(["--port", &port]),
            Some(Certificate { file, key }) => {
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
                command.args(["--tls-cluster", "yes", "--tls-replication", "yes"]);
                command.arg("--tls-key-file").arg(key).arg("--tls-cert-file").arg(file);
                command.arg("--tls-ca-cert-file").arg(file)
            }
        };
        command.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
        command.args(["--cluster-node-timeout", &NODE_TIMEOUT_MS.to_string()]);
        // As docs/redis.md recommends: a lost shard does not stop the others.
        command.args(["--cluster-require-full-coverage", "no"]);
        command.args(["--appendonly", "yes", "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0"]);
        command.args(["--requirepass", PASSWORD, "--masterauth", PASSWORD]);
        let mut process = Process::start(&format!("redis-cluster-{index}"), &mut command)?;
        process.wait_for(|line| line.contains("Ready to accept connections").then_some(())).await?;
        self.nodes[index].1 = Some(process);
        Ok(())
    }

    /// One user for each master, whose wallet that master has.
    pub async fn one_user_per_master(&self) -> anyhow::Result<Vec<Shard>> {
        let mut shards: Vec<Shard> = Vec::new();
        let mut owners = Vec::new();
        while shards.len() < MASTERS {
            let shard = self.new_shard().await?;
            let owner = self.owner(shard.slot).await?.context("nobody has the slot")?;
            if !owners.contains(&owner) {
                owners.push(owner);
                shards.push(shard);
            }
        }
        Ok(shards)
    }

    /// Two users whose wallets are in different slots of one master.
    pub async fn two_users_of_one_master(&self) -> anyhow::Result<[Shard; 2]> {
        let first = self.new_shard().await?;
        loop {
            let second = self.new_shard().await?;
            if second.slot != first.slot && self.owner(second.slot).await? == self.owner(first.slot).await? {
                return Ok([first, second]);
            }
        }
    }

    async fn new_shard(&self) -> anyhow::Result<Shard> {
        let user = fresh("shard");
        let key = format!("bank:{{{user}}}:wallet");
        let slot = self.cli_at(self.port()?, &["CLUSTER", "KEYSLOT", &key]).await?.trim().parse()?;
        Ok(Shard { user, slot })
    }

    /// Kills the master that has a shard; returns which node it was.
    pub async fn kill_master_of(&mut self, shard: &Shard) -> anyhow::Result<usize> {
        let index = self.master_of(shard).await?;
        self.nodes[index].1.take().context("it does not run")?.kill().await?;
        Ok(index)
    }

    /// Kills the node that [`Cluster::url`] names.
    pub async fn kill_first_node(&mut self) -> anyhow::Result<()> {
        self.nodes[0].1.take().context("it does not run")?.kill().await
    }

    /// Stops the master that has a shard, silently; returns which node it was.
    pub async fn stop_master_of(&mut self, shard: &Shard) -> anyhow::Result<usize> {
        let index = self.master_of(shard).await?;
        self.nodes[index].1.as_ref().context("it does not run")?.signal("STOP").await?;
        self.stopped = Some(index);
        Ok(index)
    }

    /// Lets a stopped node go on.
    pub async fn resume_node(&mut self, index: usize) -> anyhow::Result<()> {
        self.stopped = None;
        self.nodes[index].1.as_ref().context("it does not run")?.signal("CONT").await
    }

    /// Sets whether replicas are forbidden to take over from a silent master.
    pub async fn forbid_failover(&self, forbidden: bool) -> anyhow::Result<()> {
        let set = ["CONFIG", "SET", "cluster-replica-no-failover", if forbidden { "yes" } else { "no" }];
        for node in self.nodes().await?.iter().filter(|node| !node.is_master && node.is_well) {
            self.cli_at(node.port, &set).await?;
        }
        Ok(())
    }

    /// Begins to move a slot from its master to another.
    pub async fn begin_to_move(&self, shard: &Shard) -> anyhow::Result<Moving> {
        let port = self.owner(shard.slot).await?.context("nobody has the slot")?;
        let nodes = self.nodes().await?;
        let id_of = |port: u16| nodes.iter().find(|node| node.port == port).map(|node| node.id.clone());
        let to = nodes.iter().find(|node| node.is_master && !node.slots.is_empty() && node.port != port);
        let (from, to) = (id_of(port).context("an unknown node")?, to.context("no other master")?);
        let slot = shard.slot.to_string();
        let moving = Moving { slot: slot.clone(), from: port, to: to.port, heir: to.id.clone() };
        self.cli_at(moving.to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from]).await?;
        self.cli_at(moving.from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &moving.heir]).await?;
        Ok(moving)
    }

    /// Moves one key of a slot that is moving.
    pub async fn migrate(&self, moving: &Moving, key: &str) -> anyhow::Result<()> {
        let to = moving.to.to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &to, key, "0", "5000", "AUTH", PASSWORD];
        let said = self.cli_at(moving.from, &migrate).await?;
        ensure!(said.trim() == "OK", "MIGRATE {key}: {said}");
        Ok(())
    }

    /// Moves the rest of the slot.
    pub async fn end_move(&self, moving: Moving) -> anyhow::Result<()> {
        let keys = self.cli_at(moving.from, &["CLUSTER", "GETKEYSINSLOT", &moving.slot, "100"]).await?;
        for key in keys.lines().filter(|key| !key.is_empty()) {
            self.migrate(&moving, key).await?;
        }
        for port in [moving.to, moving.from] {
            self.cli_at(port, &["CLUSTER", "SETSLOT", &moving.slot, "NODE", &moving.heir]).await?;
        }
        Ok(())
    }

    async fn master_of(&self, shard: &Shard) -> anyhow::Result<usize> {
        let port = self.owner(shard.slot).await?.context("nobody has the slot")?;
        self.nodes.iter().position(|(known, _)| *known == port).context("an unknown node")
    }

    /// Waits until a running node is the master of a shard, according to the cluster.
    pub async fn wait_for_failover(&self, shard: &Shard) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.owner(shard.slot).await.ok().flatten().is_none() {
            ensure!(begun.elapsed() < PATIENCE, "no replica was made the master");
            tokio::time::sleep(CHECK_EVERY).await;
        }
        Ok(())
    }

    /// The port of the master that has a slot, if it runs.
    async fn owner(&self, slot: u16) -> anyhow::Result<Option<u16>> {
        let runs = |port: u16| self.nodes.iter().any(|(known, process)| *known == port && process.is_some());
        let nodes = self.nodes().await?;
        let owner =
            nodes.iter().find(|node| node.is_master && node.slots.iter().any(|some| some.contains(&slot)));
        Ok(owner.map(|node| node.port).filter(|port| runs(*port)))
    }

    /// The port of a node that runs.
    fn port(&self) -> anyhow::Result<u16> {
        let mut nodes = self.nodes.iter().enumerate();
        let runs = nodes.find(|(index, (_, process))| process.is_some() && self.stopped != Some(*index));
        Ok(runs.context("no node runs")?.1.0)
    }

    /// Waits until every slot is served and every master has its replica.
    pub async fn wait_until_whole(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let nodes = self.nodes().await.unwrap_or_default();
            let masters =
                nodes.iter().filter(|node| node.is_master && !node.slots.is_empty() && node.is_well).count();
            let replicas = nodes.iter().filter(|node| !node.is_master && node.is_well).count();
            if masters == MASTERS && replicas == MASTERS && self.all_nodes_agree().await.unwrap_or(false) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the cluster is not whole: {nodes:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Moves this many slots from one master to another.
    pub async fn move_slots(&self, slots: usize) -> anyhow::Result<()> {
        let nodes = self.nodes().await?;
        let masters: Vec<&NodeState> =
            nodes.iter().filter(|node| node.is_master && !node.slots.is_empty()).collect();
        let [from, .., to] = masters.as_slice() else { bail!("{nodes:?}") };
        let arguments =
            ["--cluster", "reshard", &format!("127.0.0.1:{}", from.port), "--cluster-from", &from.id]
                .into_iter()
                .chain(["--cluster-to", &to.id, "--cluster-slots", &slots.to_string(), "--cluster-yes"])
                .map(str::to_owned)
                .collect::<Vec<_>>();
        self.cli(&arguments).await.map(drop)
    }

    /// Each node serves, knows who has each slot, and is linked to its master or its replica. A node learns all of
    /// this by itself: one that does not know it yet answers CLUSTERDOWN, whatever the others say.
    async fn all_nodes_agree(&self) -> anyhow::Result<bool> {
        for (port, _) in &self.nodes {
            let cluster = self.cli_at(*port, &["CLUSTER", "INFO"]).await?;
            let replication = self.cli_at(*port, &["INFO", "replication"]).await?;
            let linked = if replication.contains("role:slave") {
                replication.contains("master_link_status:up")
            } else {
                replication.contains("connected_slaves:1")
            };
            if !(linked && cluster.contains("cluster_state:ok") && cluster.contains("cluster_slots_ok:16384"))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The answer of a shard's master to a command.
    pub async fn query(&self, shard: &Shard, command: &[&str]) -> anyhow::Result<String> {
        let port = self.owner(shard.slot).await?.context("nobody has the slot")?;
        Ok(self.cli_at(port, command).await?.trim_end().to_owned())
    }

    /// Sends a command to the node that has its key.
    pub async fn command(&self, command: &[&str]) -> anyhow::Result<()> {
        self.cli_at(self.port()?, &[&["-c"], command].concat()).await.map(drop)
    }

    /// Sends a command to each node. A replica may refuse it.
    pub async fn command_each_node(&self, command: &str) -> anyhow::Result<()> {
        let words: Vec<&str> = command.split(' ').collect();
        for (port, _) in &self.nodes {
            self.cli_at(*port, &words).await?;
        }
        Ok(())
    }

    /// Sends a command to the node of [`Cluster::url`], which began with slot 0.
    pub async fn command_first_node(&self, command: &[&str]) -> anyhow::Result<()> {
        self.cli_at(self.nodes[0].0, command).await.map(drop)
    }

    async fn cli_at(&self, port: u16, command: &[&str]) -> anyhow::Result<String> {
        let port = port.to_string();
        let words = ["-p", &port].into_iter().chain(command.iter().copied());
        self.cli(&words.map(str::to_owned).collect::<Vec<_>>()).await
    }

    async fn cli(&self, arguments: &[String]) -> anyhow::Result<String> {
        let file = self.certificate.as_ref().map(|certificate| certificate.file.as_os_str());
        let tls = file.into_iter().flat_map(|file| [OsStr::new("--tls"), OsStr::new("--cacert"), file]);
        redis::cli(tls.chain(arguments.iter().map(OsStr::new))).await
    }

    /// The state of all nodes, as a running node sees it.
    async fn nodes(&self) -> anyhow::Result<Vec<NodeState>> {
        let nodes = self.cli_at(self.port()?, &["CLUSTER", "NODES"]).await?;
        nodes.lines().filter(|line| !line.trim().is_empty()).map(NodeState::of).collect()
    }
}

/// A node's line: <https://redis.io/docs/latest/commands/cluster-nodes/>.
#[derive(Debug)]
struct NodeState {
    id: String,
    port: u16,
    is_master: bool,
    is_well: bool,
    slots: Vec<RangeInclusive<u16>>,
}

impl NodeState {
    fn of(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, address, flags, _, _, _, _, link, slots @ ..] = words.as_slice() else { bail!("{line}") };
        let port = address.split(['@', ',']).next().and_then(|address| address.rsplit(':').next());
        let is = |wanted: &str| flags.split(',').any(|flag| flag.trim_end_matches('?') == wanted);
        Ok(Self {
            id: (*id).to_owned(),
            port: port.context("no port")?.parse()?,
            is_master: is("master") && !is("fail"),
            is_well: *link == "connected" && !is("fail"),
            slots: slots.iter().filter_map(|slots| range(slots)).collect(),
        })
    }
}

/// `0-5460` or `7`; `None` for a slot that is moving, `[7->-…]`.
fn range(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
