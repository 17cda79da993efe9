//! The ways in which Redis can be away, and how each begins and ends.

use crate::prove::deployment::{Deployment, PASSWORD, RedisConnection};
use crate::proxy::{Direction, ProxyMode};
use anyhow::Context as _;
use std::time::Duration;

/// The kinds of outages: first those of the bank behind the proxy, then those of all banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    Network(ProxyMode),
    /// Connections are reset again and again; between resets nothing is wrong.
    Cuts,
    Stopped,
    Loading,
    OutOfMemory,
    ReadOnlyReplica,
    ReplicaWithoutMaster,
    TooFewReplicas,
    OtherPassword,
    NoPlaceForClients,
    BusyWithAScript,
}

/// The delay of requests: they arrive long after the client got `unknown`.
const LATE: Duration = Duration::from_millis(900);
const BETWEEN_CUTS: Duration = Duration::from_millis(60);
/// How many commands are in Redis' file, and how long each takes to load: enough to be away for some seconds.
const TO_LOAD: usize = 8_000;
const LOAD_DELAY_US: &str = "60";
/// Makes Redis the replica of an address where nothing listens.
const NO_MASTER: &str = "REPLICAOF 127.0.0.1 1";

impl OutageKind {
    pub const ALL: &[Self] = &[
        Self::Stopped,
        Self::Cuts,
        Self::Network(ProxyMode::Refuse),
        Self::Network(ProxyMode::Vanish),
        Self::Network(ProxyMode::Late(LATE)),
        Self::Network(ProxyMode::Hold(Direction::FromBank)),
        Self::Network(ProxyMode::Hold(Direction::ToBank)),
        Self::Network(ProxyMode::Swallow(Direction::Both)),
        Self::Network(ProxyMode::Swallow(Direction::ToBank)),
        Self::Network(ProxyMode::HalfClose),
        Self::Loading,
        Self::OutOfMemory,
        Self::ReadOnlyReplica,
        Self::ReplicaWithoutMaster,
        Self::TooFewReplicas,
        Self::OtherPassword,
        Self::NoPlaceForClients,
        Self::BusyWithAScript,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::Network(ProxyMode::Pass) => "nothing is wrong",
            Self::Network(ProxyMode::Refuse) => "connections are reset and refused",
            Self::Network(ProxyMode::Vanish) => "packets are dropped",
            Self::Network(ProxyMode::Late(_)) => "requests arrive after their deadline",
            Self::Network(ProxyMode::Hold(Direction::FromBank)) => {
                "requests are held up, and arrive in the end"
            }
            Self::Network(ProxyMode::Hold(_)) => "requests are carried out, their answers held up",
            Self::Network(ProxyMode::Swallow(Direction::ToBank)) => {
                "requests are carried out, their answers lost"
            }
            Self::Network(ProxyMode::Swallow(_)) => "connections are accepted, and nothing is answered",
            Self::Network(ProxyMode::HalfClose) => "connections are half closed",
            Self::Cuts => "connections are reset every 60 ms",
            Self::Stopped => "Redis hangs for 10 s",
            Self::Loading => "Redis restarts and is loading",
            Self::OutOfMemory => "Redis is out of memory",
            Self::ReadOnlyReplica => "Redis is a read-only replica",
            Self::ReplicaWithoutMaster => "Redis is a replica without a master",
            Self::TooFewReplicas => "Redis has too few replicas",
            Self::OtherPassword => "Redis has another password",
            Self::NoPlaceForClients => "Redis has no place for clients",
            Self::BusyWithAScript => "Redis is busy with a script",
        }
    }

    /// Whether reads and writes fail, so that the bank must report that it is not ready.
    pub fn is_total(self) -> bool {
        !matches!(self, Self::Cuts | Self::OutOfMemory | Self::ReadOnlyReplica | Self::TooFewReplicas)
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(if self == Self::Stopped { 10 } else { 3 })
    }

    /// Begins the outage, which lasts until it is ended.
    pub async fn begin(
        self,
        deployment: &mut Deployment,
        connection: &mut RedisConnection,
    ) -> anyhow::Result<()> {
        match self {
            Self::Network(mode) => deployment.proxy()?.set(mode),
            Self::Cuts => (),
            Self::Stopped => deployment.redis()?.signal("STOP").await?,
            Self::Loading => {
                connection.send(&"RPUSH filler 1\r\n".repeat(TO_LOAD)).await?;
                connection.lines(TO_LOAD).await?;
                connection.command("DEL filler").await?;
                deployment.redis()?.kill().await?;
                deployment.redis()?.begin_again(&["--key-load-delay", LOAD_DELAY_US]).await?;
            }
            Self::OutOfMemory => connection.command("CONFIG SET maxmemory 1").await?,
            Self::ReadOnlyReplica => connection.command(NO_MASTER).await?,
            Self::ReplicaWithoutMaster => {
                connection.command("CONFIG SET replica-serve-stale-data no").await?;
                connection.command(NO_MASTER).await?;
            }
            Self::TooFewReplicas => connection.command("CONFIG SET min-replicas-to-write 1").await?,
            Self::OtherPassword => {
                connection.command("CONFIG SET requirepass another").await?;
                connection.command("CLIENT KILL TYPE normal").await?;
            }
            Self::NoPlaceForClients => {
                connection.command("CONFIG SET maxclients 1").await?;
                connection.command("CLIENT KILL TYPE normal").await?;
            }
            Self::BusyWithAScript => {
                connection.command("CONFIG SET busy-reply-threshold 50").await?;
                deployment.redis()?.connect().await?.send("EVAL \"while true do end\" 0\r\n").await?;
            }
        }
        Ok(())
    }

    /// Waits for as long as the outage lasts.
    pub async fn wait(self, deployment: &mut Deployment) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        while self == Self::Cuts && begun.elapsed() < self.duration() {
            deployment.proxy()?.cut();
            tokio::time::sleep(BETWEEN_CUTS).await;
        }
        if self == Self::Loading {
            return deployment.redis()?.wait_until_ready().await;
        }
        tokio::time::sleep_until(begun + self.duration()).await;
        Ok(())
    }

    pub async fn end(
        self,
        deployment: &mut Deployment,
        connection: &mut RedisConnection,
    ) -> anyhow::Result<()> {
        match self {
            Self::Network(_) => deployment.proxy()?.set(ProxyMode::Pass),
            Self::Cuts | Self::Loading => (),
            Self::Stopped => deployment.redis()?.signal("CONT").await?,
            Self::OutOfMemory => connection.command("CONFIG SET maxmemory 0").await?,
            Self::ReadOnlyReplica => connection.command("REPLICAOF NO ONE").await?,
            Self::ReplicaWithoutMaster => {
                connection.command("REPLICAOF NO ONE").await?;
                connection.command("CONFIG SET replica-serve-stale-data yes").await?;
            }
            Self::TooFewReplicas => connection.command("CONFIG SET min-replicas-to-write 0").await?,
            Self::OtherPassword => connection.command(&format!("CONFIG SET requirepass {PASSWORD}")).await?,
            Self::NoPlaceForClients => connection.command("CONFIG SET maxclients 10000").await?,
            Self::BusyWithAScript => connection.command("SCRIPT KILL").await.context("the script went on")?,
        }
        Ok(())
    }
}
