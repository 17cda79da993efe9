//! Moves a slot from one node of the cluster to the other, as `redis-cli --cluster reshard` does: both nodes are told,
//! the keys go in batches, then both nodes are told who has the slot.
//!
//! The move is slow, so that the clients of its wallet meet a slot that is half moved. A move that fails is tried
//! again from where it stopped, and given up after a deadline: if a connection breaks between the last two commands,
//! no try can succeed, because the new owner refuses to import its own slot.

use crate::paint;
use crate::prove::deployment::{PASSWORD, RedisConnection};
use anyhow::{Context, ensure};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long a move takes, and in how many batches the keys go at most.
const MOVE_TIME: Duration = Duration::from_secs(2);
const BATCHES: u64 = 20;
/// How long Redis may take for a batch.
const BATCH_MS: &[u8] = b"5000";
/// When a move is given up.
const DEADLINE: Duration = Duration::from_secs(30);
/// When a try that has no answer is given up.
const TRY_DEADLINE: Duration = Duration::from_secs(10);
/// The time between two tries.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A slot that moves, has moved, or could not be moved, as the page gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The number of the slot.
    pub slot: u16,
    /// The number of the Redis that gets it, from 1 on.
    pub to: usize,
    /// How many keys went along; `None` unless it has moved.
    pub keys: Option<u64>,
    /// Whether the move was given up, which leaves the slot half moved.
    pub has_failed: bool,
}

/// A slot, and between which nodes it moves: their addresses and ids.
pub struct Move {
    pub slot: u16,
    pub from: (SocketAddr, String),
    pub to: (SocketAddr, String),
    /// The number of the node that gets it, from 1 on.
    pub number: usize,
}

impl Move {
    /// The slot before the move.
    pub fn begun(&self) -> Moved {
        Moved { slot: self.slot, to: self.number, keys: None, has_failed: false }
    }

    /// Carries out the move, or gives it up after a deadline.
    pub async fn carry_out(self) -> Moved {
        let (begun, mut keys) = (Instant::now(), 0);
        while let Err(problem) = self.try_once(&mut keys).await {
            let has_failed = begun.elapsed() > DEADLINE;
            let next = if has_failed { "the move is given up" } else { "the move goes on" };
            let line = format!("demo: slot {} is half moved, and {next}: {problem:#}", self.slot);
            eprintln!("{}", paint::red(&line));
            if has_failed {
                return Moved { has_failed, ..self.begun() };
            }
            sleep(RETRY_PAUSE).await;
        }
        Moved { keys: Some(keys), ..self.begun() }
    }

    async fn try_once(&self, keys: &mut u64) -> anyhow::Result<()> {
        timeout(TRY_DEADLINE, self.go_on(keys)).await.context("Redis does not answer")?
    }

    /// Moves what has not moved yet, and counts it in `keys`.
    async fn go_on(&self, keys: &mut u64) -> anyhow::Result<()> {
        let (mut from, mut to) =
            (RedisConnection::to(self.from.0).await?, RedisConnection::to(self.to.0).await?);
        let (slot, heir) = (self.slot, &self.to.1);
        to.command(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.from.1)).await?;
        from.command(&format!("CLUSTER SETSLOT {slot} MIGRATING {heir}")).await?;
        let count = from.number(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).await?.max(1);
        let batch = count.div_ceil(BATCHES);
        let pause = MOVE_TIME / u32::try_from(count.div_ceil(batch))?;
        loop {
            sleep(pause).await;
            let moved = self.move_batch(&mut from, batch).await?;
            if moved == 0 {
                break;
            }
            *keys += moved;
        }
        // The new owner comes first: otherwise nobody would own the slot for a moment.
        to.command(&format!("CLUSTER SETSLOT {slot} NODE {heir}")).await?;
        from.command(&format!("CLUSTER SETSLOT {slot} NODE {heir}")).await
    }

    /// Moves up to `most` keys, and returns how many there were.
    async fn move_batch(&self, from: &mut RedisConnection, most: u64) -> anyhow::Result<u64> {
        let (slot, most) = (self.slot.to_string(), most.to_string());
        let keys = from.query(&[b"CLUSTER", b"GETKEYSINSLOT", slot.as_bytes(), most.as_bytes()]).await?;
        if !keys.is_empty() {
            let (host, port) = (self.to.0.ip().to_string(), self.to.0.port().to_string());
            let (host, port, password) = (host.as_bytes(), port.as_bytes(), PASSWORD.as_bytes());
            // A try that was cut off may have left a key at both; this node has the newest of it while the slot moves.
            let mut words =
                vec![b"MIGRATE", host, port, b"", b"0", BATCH_MS, b"REPLACE", b"AUTH", password, b"KEYS"];
            words.extend(keys.iter().map(Vec::as_slice));
            let answer = from.query(&words).await?.concat();
            ensure!(answer == b"OK", "MIGRATE: {}", String::from_utf8_lossy(&answer));
        }
        Ok(keys.len() as u64)
    }
}
