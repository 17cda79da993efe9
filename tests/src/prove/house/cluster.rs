//! A real Redis Cluster in a folder of its own: three masters, a replica of each, and a password.

use super::redis::PASSWORD;
use crate::prove::process::Process;
use anyhow::{Context as _, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::process::Command;

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;
/// A node listens for the others here: so far behind its port.
const BUS: u16 = 10_000;
/// After so long a node that is silent has failed.
const NODE_TIMEOUT_MS: u64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    folder: PathBuf,
    nodes: Vec<(u16, Option<Process>)>,
}

impl Cluster {
    /// Starts the nodes and makes a cluster of them.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut cluster = Self { folder: folder.to_owned(), nodes: Vec::new() };
        for index in 0..NODES {
            cluster.nodes.push((free_port().await?, None));
            cluster.start_node(index).await?;
        }
        let mut create = vec!["--cluster".to_owned(), "create".to_owned()];
        create.extend(cluster.nodes.iter().map(|(port, _)| format!("127.0.0.1:{port}")));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"].map(str::to_owned));
        cli(&create).await?;
        cluster.is_whole().await?;
        Ok(cluster)
    }

    /// The URL of one of its nodes.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.nodes[0].0)
    }

    /// Starts a node on the data that it had.
    pub async fn start_node(&mut self, index: usize) -> anyhow::Result<()> {
        let port = self.nodes[index].0.to_string();
        let folder = self.folder.join(&port);
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--dir"]).arg(&folder);
        command.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
        command.args(["--cluster-node-timeout", &NODE_TIMEOUT_MS.to_string()]);
        command.args(["--appendonly", "yes", "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0"]);
        command.args(["--requirepass", PASSWORD, "--masterauth", PASSWORD]);
        let mut process = Process::start(&format!("redis-cluster-{index}"), &mut command)?;
        process.says(|line| line.contains("Ready to accept connections").then_some(())).await?;
        self.nodes[index].1 = Some(process);
        Ok(())
    }

    /// Kills a node that is a master now; which one.
    pub async fn kill_a_master(&mut self, nth: usize) -> anyhow::Result<usize> {
        let masters: Vec<u16> =
            self.told().await?.iter().filter(|node| node.is_master).map(|node| node.port).collect();
        let port = masters.get(nth % masters.len().max(1)).context("no node is a master")?;
        let index = self.nodes.iter().position(|(known, _)| known == port).context("an unknown node")?;
        self.nodes[index].1.take().context("it does not run")?.kill().await?;
        Ok(index)
    }

    /// Waits until every slot is served and every master has its replica.
    pub async fn is_whole(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let told = self.told().await.unwrap_or_default();
            let masters = told.iter().filter(|node| node.is_master && node.has_slots && node.is_well).count();
            let replicas = told.iter().filter(|node| !node.is_master && node.is_well).count();
            if masters == MASTERS && replicas == MASTERS && self.replicas_are_linked().await.unwrap_or(false)
            {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the cluster is not whole: {told:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Moves so many slots from one master to another.
    pub async fn move_slots(&self, slots: usize) -> anyhow::Result<()> {
        let told = self.told().await?;
        let masters: Vec<&Told> = told.iter().filter(|node| node.is_master && node.has_slots).collect();
        let [from, .., to] = masters.as_slice() else { bail!("{told:?}") };
        let arguments =
            ["--cluster", "reshard", &format!("127.0.0.1:{}", from.port), "--cluster-from", &from.id]
                .into_iter()
                .chain(["--cluster-to", &to.id, "--cluster-slots", &slots.to_string(), "--cluster-yes"])
                .map(str::to_owned)
                .collect::<Vec<_>>();
        cli(&arguments).await.map(drop)
    }

    async fn replicas_are_linked(&self) -> anyhow::Result<bool> {
        for (port, _) in &self.nodes {
            let info = cli(&["-p".to_owned(), port.to_string(), "INFO".to_owned(), "replication".to_owned()])
                .await?;
            if info.contains("role:slave") && !info.contains("master_link_status:up") {
                return Ok(false);
            }
            if info.contains("role:master") && !info.contains("connected_slaves:1") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a node that runs says of all of them.
    async fn told(&self) -> anyhow::Result<Vec<Told>> {
        let (port, _) = self.nodes.iter().find(|(_, process)| process.is_some()).context("no node runs")?;
        let told =
            cli(&["-p".to_owned(), port.to_string(), "CLUSTER".to_owned(), "NODES".to_owned()]).await?;
        told.lines().filter(|line| !line.trim().is_empty()).map(Told::of).collect()
    }
}

/// What is said of a node: <https://redis.io/docs/latest/commands/cluster-nodes/>.
#[derive(Debug)]
struct Told {
    id: String,
    port: u16,
    is_master: bool,
    is_well: bool,
    has_slots: bool,
}

impl Told {
    fn of(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, address, flags, _, _, _, _, link, slots @ ..] = words.as_slice() else { bail!("{line}") };
        let port = address.split(['@', ',']).next().and_then(|address| address.rsplit(':').next());
        Ok(Self {
            id: (*id).to_owned(),
            port: port.context("no port")?.parse()?,
            is_master: flags.split(',').any(|flag| flag == "master") && !flags.contains("fail"),
            is_well: *link == "connected" && !flags.contains("fail"),
            has_slots: !slots.is_empty(),
        })
    }
}

async fn cli(arguments: &[String]) -> anyhow::Result<String> {
    let mut command = Command::new("redis-cli");
    command.args(arguments).env("REDISCLI_AUTH", PASSWORD).kill_on_drop(true);
    let output = command.output().await.context("redis-cli")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "redis-cli {arguments:?}: {said}");
    Ok(said)
}

/// One that is free, and whose bus is.
async fn free_port() -> anyhow::Result<u16> {
    for _ in 0..200 {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let port = port.checked_sub(BUS).filter(|port| *port > 1024).unwrap_or(port);
        let is_free = TcpListener::bind(("127.0.0.1", port)).await.is_ok();
        let bus = port.checked_add(BUS);
        if is_free && bus.is_some() && TcpListener::bind(("127.0.0.1", bus.unwrap_or_default())).await.is_ok()
        {
            return Ok(port);
        }
    }
    bail!("no port is free")
}
