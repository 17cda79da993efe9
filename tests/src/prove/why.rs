//! The log says why the store fails: when the state changes, then every 10 s with a count, and never a password.
//!
//! Scenario: an operator whose bank answers 503 reads the log. Mechanism: a bank gets the address of a Redis that
//! it cannot use, in one way after another; then Redis goes and comes back. Needs: a house of one process on Redis.

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::house::{House, PASSWORD};
use crate::prove::outage::is_ready;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// A password that no log may hold.
const WRONG: &str = "not-the-password-of-prove";
const REQUESTS: usize = 20;
/// How often the same message is logged again.
const AGAIN: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(200);

/// Each way of failing has its word.
pub async fn is_logged(house: &mut House) -> anyhow::Result<()> {
    let redis = house.redis()?.address();
    house.redis()?.talk().await?.command("ACL SETUSER nobody on nopass ~bank:* -@all +ping").await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    for (url, reason) in [
        (format!("redis://:{WRONG}@{redis}"), "WRONGPASS"),
        (format!("redis://{redis}"), "NOAUTH"),
        (format!("redis://nobody:{WRONG}@{redis}"), "NOPERM"),
        (format!("redis://:{PASSWORD}@{nobody}"), "refused"),
        (format!("redis://:{PASSWORD}@{}", silent.local_addr()?), "timed out"),
    ] {
        let before = house.logs()?.len();
        house.restart_at(url).await?;
        let bank = house.client();
        bank.get("/readyz").await.problem(503, "storage-unavailable");
        let line = last_line(house, before).with_context(|| format!("no line says {reason}"))?;
        ensure!(line["state"] == "failing" && line["reason"] == reason, "not {reason}: {line}");
        ensure!(line["failures"] == 1 && line["level"] == "warn", "{line}");
    }
    let said = house.logs()?;
    ensure!(!said.contains(PASSWORD) && !said.contains(WRONG), "a password is in the log");
    Ok(())
}

/// A failure that goes on is logged again after 10 s, with a count, and its end at once.
pub async fn is_not_repeated(house: &mut House) -> anyhow::Result<()> {
    let (bank, before) = (house.client(), house.logs()?.len());
    house.redis()?.kill().await?;
    let begun = Instant::now();
    fails(&bank).await;
    let said = lines(house, before)?;
    let mut reasons: Vec<_> = said.iter().map(|line| line["reason"].to_string()).collect();
    reasons.sort();
    reasons.dedup();
    ensure!(begun.elapsed() > AGAIN || reasons.len() == said.len(), "said twice: {said:?}");
    // An instance without requests ends, and the next one begins to count anew.
    while begun.elapsed() < AGAIN + BREATH {
        bank.get("/readyz").await.problem(503, "storage-unavailable");
        tokio::time::sleep(BETWEEN).await;
    }
    let again = lines(house, before)?;
    let line = again.get(said.len()).context("it is not said again")?;
    ensure!(line["failures"].as_u64() > Some(REQUESTS as u64 / 2), "{line}");
    house.redis()?.start_again().await?;
    is_ready(&bank).await?;
    bank.get("/readyz").await.is(200);
    let line = last_line(house, before).context("its end is not said")?;
    ensure!(line["state"] == "well" && line["level"] == "info", "{line}");
    bank.deposit(&fresh("well"), "1").await;
    Ok(())
}

async fn fails(bank: &Bank) {
    for _ in 0..REQUESTS {
        bank.get("/readyz").await.problem(503, "storage-unavailable");
    }
}

fn last_line(house: &House, before: usize) -> anyhow::Result<Value> {
    lines(house, before)?.pop().context("nothing is said")
}

/// What the health component has logged about the store since then.
fn lines(house: &House, before: usize) -> anyhow::Result<Vec<Value>> {
    let said = house.logs()?;
    let since = said.get(before..).unwrap_or_default();
    let values = since.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(values.filter(|line| line["event"] == "store" && line["component"] == "health").collect())
}
