//! Moves a slot from one node of the cluster to the other, as `redis-cli --cluster reshard` does: both nodes are told,
//! the keys go in pieces, then both nodes are told who has the slot.
//!
//! It takes its time, so that the clients of its wallet meet a slot that is half moved. A move that fails is tried
//! again from where it is.

use crate::demo::cluster::number;
use crate::prove::house::{PASSWORD, Talk};
use crate::red;
use anyhow::ensure;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// How long the keys of a slot are on their way, and in how many pieces at most.
const TAKES: Duration = Duration::from_secs(2);
const PIECES: u64 = 20;
/// How long Redis may take for a piece.
const PIECE_MS: &[u8] = b"5000";
/// The time between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A slot that moves, or has moved, as the page gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Which one.
    pub slot: u16,
    /// The number of the Redis that gets it, from 1 on.
    pub to: usize,
    /// How many keys went along; none while it moves.
    pub keys: Option<u64>,
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
    /// It, before it has begun.
    pub fn begun(&self) -> Moved {
        Moved { slot: self.slot, to: self.number, keys: None }
    }

    /// Carries it out.
    pub async fn carry_out(self) -> Moved {
        let mut keys = 0;
        while let Err(problem) = self.go_on(&mut keys).await {
            let line = format!("demo: slot {} is half moved, and moves on: {problem:#}", self.slot);
            eprintln!("{}", red::line(&line));
            sleep(PAUSE).await;
        }
        Moved { keys: Some(keys), ..self.begun() }
    }

    /// Moves what has not moved yet, and counts it in `keys`.
    async fn go_on(&self, keys: &mut u64) -> anyhow::Result<()> {
        let (mut from, mut to) = (Talk::to(self.from.0).await?, Talk::to(self.to.0).await?);
        let (slot, heir) = (self.slot, &self.to.1);
        to.command(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.from.1)).await?;
        from.command(&format!("CLUSTER SETSLOT {slot} MIGRATING {heir}")).await?;
        let count = number(&from.say(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).await?)?.max(1);
        let piece = count.div_ceil(PIECES);
        let pause = TAKES / u32::try_from(count.div_ceil(piece))?;
        loop {
            sleep(pause).await;
            let moved = self.piece(&mut from, piece).await?;
            if moved == 0 {
                break;
            }
            *keys += moved;
        }
        // The one that gets it first: otherwise nobody would have it for a moment.
        to.command(&format!("CLUSTER SETSLOT {slot} NODE {heir}")).await?;
        from.command(&format!("CLUSTER SETSLOT {slot} NODE {heir}")).await
    }

    /// Moves so many keys, or all that are left; returns how many there were.
    async fn piece(&self, from: &mut Talk, most: u64) -> anyhow::Result<u64> {
        let (slot, most) = (self.slot.to_string(), most.to_string());
        let keys = from.ask(&[b"CLUSTER", b"GETKEYSINSLOT", slot.as_bytes(), most.as_bytes()]).await?;
        if !keys.is_empty() {
            let (host, port) = (self.to.0.ip().to_string(), self.to.0.port().to_string());
            let (host, port, password) = (host.as_bytes(), port.as_bytes(), PASSWORD.as_bytes());
            // A try that was cut off may have left a key at both; this node has the newest of it while the slot moves.
            let mut words =
                vec![b"MIGRATE", host, port, b"", b"0", PIECE_MS, b"REPLACE", b"AUTH", password, b"KEYS"];
            words.extend(keys.iter().map(Vec::as_slice));
            let answer = from.ask(&words).await?.concat();
            ensure!(answer == b"OK", "MIGRATE: {}", String::from_utf8_lossy(&answer));
        }
        Ok(keys.len() as u64)
    }
}
