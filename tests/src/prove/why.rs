//! The log says why the store fails: when the state changes, then every 10 s with a count, and never a password.
//!
//! Scenario: an operator whose bank answers 503 reads the log. Mechanism: a bank gets the address of a Redis that it
//! cannot use, for one reason after another; then Redis is killed and comes back. Needs: a deployment of one process
//! on Redis.

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::deployment::{Deployment, PASSWORD};
use crate::prove::recovery::wait_until_ready;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// A password that no log may contain.
const WRONG: &str = "not-the-password-of-prove";
const REQUESTS: usize = 20;
/// How often the same message is logged again.
const REPEATED_EVERY: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(1);
const PROBE_EVERY: Duration = Duration::from_millis(200);

/// Each way of failing has a word of its own.
pub async fn assert_reasons_are_logged(deployment: &mut Deployment) -> anyhow::Result<()> {
    let redis = deployment.redis()?.address();
    deployment.redis()?.connect().await?.command("ACL SETUSER nobody on nopass ~bank:* -@all +ping").await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    for (url, reason) in [
        (format!("redis://:{WRONG}@{redis}"), "WRONGPASS"),
        (format!("redis://{redis}"), "NOAUTH"),
        (format!("redis://nobody:{WRONG}@{redis}"), "NOPERM"),
        (format!("redis://:{PASSWORD}@{nobody}"), "refused"),
        (format!("redis://:{PASSWORD}@{}", silent.local_addr()?), "timed out"),
    ] {
        let before = deployment.logs()?.len();
        deployment.restart_at(url).await?;
        let bank = deployment.client();
        bank.get("/readyz").await.problem(503, "storage-unavailable");
        let line = last_line(deployment, before).with_context(|| format!("no line says {reason}"))?;
        ensure!(line["state"] == "failing" && line["reason"] == reason, "not {reason}: {line}");
        ensure!(line["failures"] == 1 && line["level"] == "warn", "{line}");
    }
    let said = deployment.logs()?;
    ensure!(!said.contains(PASSWORD) && !said.contains(WRONG), "a password is in the log");
    Ok(())
}

/// A failure that goes on is logged again after 10 s, with a count, and its end at once.
pub async fn assert_failure_is_logged_every_ten_seconds(deployment: &mut Deployment) -> anyhow::Result<()> {
    let (bank, before) = (deployment.client(), deployment.logs()?.len());
    deployment.redis()?.kill().await?;
    let begun = Instant::now();
    request_while_failing(&bank).await;
    let said = lines(deployment, before)?;
    let mut reasons: Vec<_> = said.iter().map(|line| line["reason"].to_string()).collect();
    reasons.sort();
    reasons.dedup();
    ensure!(begun.elapsed() > REPEATED_EVERY || reasons.len() == said.len(), "logged twice: {said:?}");
    // An instance without requests ends, and the next one begins to count anew.
    while begun.elapsed() < REPEATED_EVERY + GRACE {
        bank.get("/readyz").await.problem(503, "storage-unavailable");
        tokio::time::sleep(PROBE_EVERY).await;
    }
    let again = lines(deployment, before)?;
    let line = again.get(said.len()).context("it is not logged again")?;
    ensure!(line["failures"].as_u64() > Some(REQUESTS as u64 / 2), "{line}");
    deployment.redis()?.start_again().await?;
    wait_until_ready(&bank).await?;
    bank.get("/readyz").await.is(200);
    let line = last_line(deployment, before).context("its end is not logged")?;
    ensure!(line["state"] == "well" && line["level"] == "info", "{line}");
    bank.deposit(&fresh("well"), "1").await;
    Ok(())
}

async fn request_while_failing(bank: &Bank) {
    for _ in 0..REQUESTS {
        bank.get("/readyz").await.problem(503, "storage-unavailable");
    }
}

fn last_line(deployment: &Deployment, before: usize) -> anyhow::Result<Value> {
    lines(deployment, before)?.pop().context("nothing is logged")
}

/// What the health component has logged about the store since then.
fn lines(deployment: &Deployment, before: usize) -> anyhow::Result<Vec<Value>> {
    let said = deployment.logs()?;
    let since = said.get(before..).unwrap_or_default();
    let values = since.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(values.filter(|line| line["event"] == "store" && line["component"] == "health").collect())
}
