//! How soon a bank is ready again, and how soon money moves again after a master has died.

use crate::bank::Bank;
use crate::limits;
use crate::prove::crowd::Crowd;
use anyhow::ensure;
use std::fmt;
use std::time::{Duration, Instant};

/// How often clients try again.
pub const RETRY_EVERY: Duration = Duration::from_millis(10);
/// How long they go on trying.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Within this time money moves again, after a failover or beside one.
const LIMIT: Duration = Duration::from_secs(1);
/// How often readiness is checked.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// The time until the first deposit of `user` that was sent after `since` is answered with a 2xx.
pub async fn first_success(bank: &Bank, user: &str, since: Instant) -> anyhow::Result<Duration> {
    loop {
        if bank.post("/v1/deposit").user(user).amount("0.01").await.status == 200 {
            return Ok(since.elapsed());
        }
        ensure!(since.elapsed() < PATIENCE, "{user} is not served again");
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Waits until a bank is ready again, and returns how long that took.
pub async fn wait_until_ready(bank: &Bank) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while bank.get("/readyz").await.status != 200 {
        ensure!(begun.elapsed() < limits::BACK_AGAIN, "not back after {:?}", begun.elapsed());
        tokio::time::sleep(CHECK_EVERY).await;
    }
    Ok(begun.elapsed())
}

/// What was seen of several failovers.
#[derive(Default)]
pub struct Recoveries {
    failovers: Vec<Duration>,
    ready: Vec<Duration>,
    lost: Vec<Duration>,
    left: Vec<Duration>,
}

impl Recoveries {
    /// Notes when there was a new master, when that had as many replicas as a write waits for, and when deposits
    /// first succeeded again: on the lost shard, and on the others.
    pub fn add(&mut self, failover: Duration, ready: Duration, lost: Duration, left: &[Duration]) {
        self.failovers.push(failover);
        self.ready.push(ready);
        self.lost.push(lost);
        self.left.extend(left);
    }

    /// The crowd's answers add up, and money moved again soon. Prints both.
    pub async fn judge(&self, bank: &Bank, crowd: Crowd) -> anyhow::Result<()> {
        println!("{crowd}\n{self}");
        ensure!(crowd.sent_again() > 0, "the accident hit nobody");
        crowd.judge(bank).await?;
        println!("a master killed {} times: 0 lost, 0 doubled", self.failovers.len());
        self.assert_quick()
    }

    /// Nobody waited longer than a second after Redis could take a write again, nor on another shard.
    fn assert_quick(&self) -> anyhow::Result<()> {
        for (ready, lost) in self.ready.iter().zip(&self.lost) {
            ensure!(
                *lost <= *ready + LIMIT,
                "a write could be taken after {ready:?}, the first was after {lost:?}"
            );
        }
        let slowest = self.left.iter().max().copied().unwrap_or_default();
        ensure!(slowest <= LIMIT, "where nothing was lost the first deposit took {slowest:?}");
        Ok(())
    }
}

impl fmt::Display for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failovers, ready, lost) = (range(&self.failovers), range(&self.ready), range(&self.lost));
        write!(
            f,
            "another master after {failovers}, with a replica after {ready}; first deposit there after {lost}"
        )?;
        if !self.left.is_empty() {
            write!(f, "; on the shards that are left after {}", range(&self.left))?;
        }
        Ok(())
    }
}

/// The shortest and the longest of these.
fn range(times: &[Duration]) -> String {
    let shown = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
    format!("{} to {} ms", shown(times.iter().min()), shown(times.iter().max()))
}
