//! A real Redis with two replicas, and three Sentinels that promote one of them when the master is gone. The bank
//! reaches the master at one address, as behind a Service or a proxy that asks Sentinel.

use super::redis::{self, PASSWORD, Redis};
use crate::prove::process::Process;
use crate::proxy::Proxy;
use anyhow::{Context as _, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

const SERVERS: usize = 3;
const SENTINELS: usize = 3;
/// After this time a silent master counts as down.
const DOWN_AFTER_MS: u64 = 1_000;
/// Within twice this time there is no second failover.
const FAILOVER_TIMEOUT_MS: u64 = 500;
const TILT_MS: &str = "500";
const CHECK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Sentinel {
    servers: Vec<Redis>,
    sentinels: Vec<(u16, Process)>,
    proxy: Arc<Proxy>,
    leads: JoinHandle<()>,
}

impl Sentinel {
    /// Starts all of them.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for index in 0..SERVERS {
            servers.push(Redis::start(&folder.join(format!("redis-{index}"))).await?);
        }
        let [master, replicas @ ..] = servers.as_slice() else { anyhow::bail!("no server") };
        let mut connection = master.connect().await?;
        connection.command(&format!("CONFIG SET masterauth {PASSWORD}")).await?;
        connection.command("CONFIG SET repl-diskless-sync-delay 0").await?;
        for replica in replicas {
            replica.follow(master.address()).await?;
            replica.wait_until_caught_up().await?;
        }
        let mut sentinels = Vec::new();
        for index in 0..SENTINELS {
            sentinels.push(start_sentinel(folder, index, master.address()).await?);
        }
        let proxy = Arc::new(Proxy::to(master.address()).await?);
        let port = sentinels[0].0;
        let leads = tokio::spawn(lead(Arc::clone(&proxy), port));
        let sentinel = Self { servers, sentinels, proxy, leads };
        sentinel.wait_until_whole().await?;
        Ok(sentinel)
    }

    /// The URL of the master, whichever server that is.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@{}", self.proxy.address())
    }

    /// Kills the master; returns which one it was.
    pub async fn kill_master(&mut self) -> anyhow::Result<usize> {
        let before = master(self.sentinels[0].0).await?;
        let index = self.servers.iter().position(|server| server.address() == before);
        let index = index.context("the master is none of ours")?;
        self.servers[index].kill().await?;
        Ok(index)
    }

    /// Waits until another server is the master, according to Sentinel.
    pub async fn wait_for_failover(&self, killed: usize) -> anyhow::Result<()> {
        let (begun, before) = (Instant::now(), self.servers[killed].address());
        while master(self.sentinels[0].0).await.is_ok_and(|now| now == before) {
            ensure!(begun.elapsed() < PATIENCE, "no replica was made the master");
            tokio::time::sleep(CHECK_EVERY).await;
        }
        Ok(())
    }

    /// Starts a killed server as a replica of the present master.
    pub async fn start_again(&mut self, index: usize) -> anyhow::Result<()> {
        let master = master(self.sentinels[0].0).await?;
        let (host, port) = (master.ip().to_string(), master.port().to_string());
        let options =
            ["--replicaof", &host, &port, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"];
        self.servers[index].begin_again(&options).await?;
        self.servers[index].wait_until_ready().await
    }

    /// Kills all replicas; returns which ones they were.
    pub async fn kill_replicas(&mut self) -> anyhow::Result<Vec<usize>> {
        let master = master(self.sentinels[0].0).await?;
        let mut killed = Vec::new();
        for (index, server) in self.servers.iter_mut().enumerate() {
            if server.address() != master {
                server.kill().await?;
                killed.push(index);
            }
        }
        Ok(killed)
    }

    /// Waits until every Sentinel knows the others, and every replica has what the master has.
    pub async fn wait_until_whole(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let mut well = true;
            for (port, _) in &self.sentinels {
                let told = cli(*port, &["SENTINEL", "CKQUORUM", "bank"]).await.unwrap_or_default();
                well &= told.contains(&format!("OK {SENTINELS} usable"));
                let told = cli(*port, &["SENTINEL", "REPLICAS", "bank"]).await.unwrap_or_default();
                let replicas = told.lines().filter(|line| *line == "slave").count();
                well &= replicas > SERVERS && !told.contains("down,") && !told.contains("disconnected");
            }
            let master = master(self.sentinels[0].0).await?;
            for server in &self.servers {
                let told = cli(server.address().port(), &["INFO", "replication"]).await.unwrap_or_default();
                well &= match server.address() == master {
                    true => told.contains("role:master") && told.contains("connected_slaves:2"),
                    false => told.contains("master_link_status:up"),
                };
            }
            if well {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "Sentinel and its servers do not come together");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.leads.abort();
    }
}

/// Leads new connections to the present master, and ends those to any other.
async fn lead(proxy: Arc<Proxy>, sentinel: u16) {
    let mut known = None;
    loop {
        if let Ok(now) = master(sentinel).await
            && known.replace(now) != Some(now)
        {
            proxy.lead_to(now);
            proxy.cut();
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

async fn start_sentinel(folder: &Path, index: usize, master: SocketAddr) -> anyhow::Result<(u16, Process)> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let folder = folder.join(format!("sentinel-{index}"));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("sentinel.conf");
    let text = format!(
        "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor bank {} {} 2\nsentinel auth-pass bank {PASSWORD}\n\
         sentinel down-after-milliseconds bank {DOWN_AFTER_MS}\nsentinel failover-timeout bank {FAILOVER_TIMEOUT_MS}\n",
        folder.display(),
        master.ip(),
        master.port()
    );
    std::fs::write(&file, text)?;
    let mut command = Command::new("redis-server");
    command.arg(&file).arg("--sentinel");
    let mut process = Process::start(&format!("redis-sentinel-{index}"), &mut command)?;
    process.wait_for(|line| line.contains("+monitor master").then_some(())).await?;
    // A Sentinel that got no CPU time for 2 s does nothing for half a minute. This machine may be busy.
    cli(port, &["SENTINEL", "DEBUG", "tilt-period", TILT_MS]).await?;
    Ok((port, process))
}

/// The master that a Sentinel knows.
async fn master(sentinel: u16) -> anyhow::Result<SocketAddr> {
    let told = cli(sentinel, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "bank"]).await?;
    let mut lines = told.lines();
    let (host, port) = (lines.next().context("no host")?, lines.next().context("no port")?);
    Ok(format!("{host}:{port}").parse()?)
}

async fn cli(port: u16, words: &[&str]) -> anyhow::Result<String> {
    redis::cli(["-p", &port.to_string()].into_iter().chain(words.iter().copied())).await
}
