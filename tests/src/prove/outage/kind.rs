//! The ways in which Redis can be away, and how each begins and ends.

use crate::prove::house::{House, PASSWORD, Talk};
use crate::proxy::{Mode, Way};
use anyhow::Context as _;
use std::time::Duration;

/// The kinds of outages: first those of the bank behind the proxy, then those of all banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Network(Mode),
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

/// The delay of requests: long after the client got `unknown`.
const LATE: Duration = Duration::from_millis(900);
const BETWEEN_CUTS: Duration = Duration::from_millis(60);
/// How many commands are in Redis' file, and how long each takes to load: enough to be away for some seconds.
const TO_LOAD: usize = 8_000;
const LOAD_DELAY_US: &str = "60";
/// Nothing listens there.
const NO_MASTER: &str = "REPLICAOF 127.0.0.1 1";

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Stopped,
        Self::Cuts,
        Self::Network(Mode::Refuse),
        Self::Network(Mode::Vanish),
        Self::Network(Mode::Late(LATE)),
        Self::Network(Mode::Hold(Way::Asked)),
        Self::Network(Mode::Hold(Way::Answered)),
        Self::Network(Mode::Swallow(Way::Both)),
        Self::Network(Mode::Swallow(Way::Answered)),
        Self::Network(Mode::HalfClose),
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
            Self::Network(Mode::Pass) => "nothing is wrong",
            Self::Network(Mode::Refuse) => "connections are reset and refused",
            Self::Network(Mode::Vanish) => "packets are dropped",
            Self::Network(Mode::Late(_)) => "requests arrive after their deadline",
            Self::Network(Mode::Hold(Way::Asked)) => "requests are held up, and arrive in the end",
            Self::Network(Mode::Hold(_)) => "requests are carried out, their answers held up",
            Self::Network(Mode::Swallow(Way::Answered)) => "requests are carried out, their answers lost",
            Self::Network(Mode::Swallow(_)) => "connections are accepted, and nothing is ever said",
            Self::Network(Mode::HalfClose) => "connections are half closed",
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

    pub fn length(self) -> Duration {
        Duration::from_secs(if self == Self::Stopped { 10 } else { 3 })
    }

    /// Begins the outage, which lasts until it is ended.
    pub async fn begin(self, house: &mut House, talk: &mut Talk) -> anyhow::Result<()> {
        match self {
            Self::Network(mode) => house.proxy()?.set(mode),
            Self::Cuts => (),
            Self::Stopped => house.redis()?.signal("STOP").await?,
            Self::Loading => {
                talk.send(&"RPUSH filler 1\r\n".repeat(TO_LOAD)).await?;
                talk.lines(TO_LOAD).await?;
                talk.command("DEL filler").await?;
                house.redis()?.kill().await?;
                house.redis()?.begin_again(&["--key-load-delay", LOAD_DELAY_US]).await?;
            }
            Self::OutOfMemory => talk.command("CONFIG SET maxmemory 1").await?,
            Self::ReadOnlyReplica => talk.command(NO_MASTER).await?,
            Self::ReplicaWithoutMaster => {
                talk.command("CONFIG SET replica-serve-stale-data no").await?;
                talk.command(NO_MASTER).await?;
            }
            Self::TooFewReplicas => talk.command("CONFIG SET min-replicas-to-write 1").await?,
            Self::OtherPassword => {
                talk.command("CONFIG SET requirepass another").await?;
                talk.command("CLIENT KILL TYPE normal").await?;
            }
            Self::NoPlaceForClients => {
                talk.command("CONFIG SET maxclients 1").await?;
                talk.command("CLIENT KILL TYPE normal").await?;
            }
            Self::BusyWithAScript => {
                talk.command("CONFIG SET busy-reply-threshold 50").await?;
                house.redis()?.talk().await?.send("EVAL \"while true do end\" 0\r\n").await?;
            }
        }
        Ok(())
    }

    /// Lets it be so for a while.
    pub async fn last(self, house: &mut House) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        while self == Self::Cuts && begun.elapsed() < self.length() {
            house.proxy()?.cut();
            tokio::time::sleep(BETWEEN_CUTS).await;
        }
        if self == Self::Loading {
            return house.redis()?.is_ready().await;
        }
        tokio::time::sleep_until(begun + self.length()).await;
        Ok(())
    }

    pub async fn end(self, house: &mut House, talk: &mut Talk) -> anyhow::Result<()> {
        match self {
            Self::Network(_) => house.proxy()?.set(Mode::Pass),
            Self::Cuts | Self::Loading => (),
            Self::Stopped => house.redis()?.signal("CONT").await?,
            Self::OutOfMemory => talk.command("CONFIG SET maxmemory 0").await?,
            Self::ReadOnlyReplica => talk.command("REPLICAOF NO ONE").await?,
            Self::ReplicaWithoutMaster => {
                talk.command("REPLICAOF NO ONE").await?;
                talk.command("CONFIG SET replica-serve-stale-data yes").await?;
            }
            Self::TooFewReplicas => talk.command("CONFIG SET min-replicas-to-write 0").await?,
            Self::OtherPassword => talk.command(&format!("CONFIG SET requirepass {PASSWORD}")).await?,
            Self::NoPlaceForClients => talk.command("CONFIG SET maxclients 10000").await?,
            Self::BusyWithAScript => talk.command("SCRIPT KILL").await.context("the script went on")?,
        }
        Ok(())
    }
}
