//! A user of Redis needs no rights but those in `docs/redis.md`.
//!
//! Scenario: Redis is shared, and its operator grants rights one by one. Mechanism: a Redis gets the very lines of
//! that page, and the suites run with that user. Needs: a deployment on Redis, behind one of its adapters.

use crate::names::fresh;
use crate::prove::deployment::{Deployment, StoreUnderTest};
use anyhow::{Context as _, ensure};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/redis.md");
const USER: &str = "bank";
const ITS_PASSWORD: &str = "the-password-of-the-user-bank";
/// The suites that do everything that a bank does.
pub const SUITES: &[&str] = &[
    "bitcoins",
    "first_deposits",
    "health",
    "history",
    "idempotency",
    "keyed_counters",
    "keys_for_ever",
    "wallet",
];

/// Creates the user of Redis, and restarts the banks with it.
pub async fn create_user(deployment: &mut Deployment, store: StoreUnderTest) -> anyhow::Result<()> {
    let marker = if store == StoreUnderTest::RedisAdapter { "store = redis" } else { "store = kv" };
    let line = PAGE.lines().skip_while(|line| !line.contains(&format!("`{marker}`")));
    let line = line.clone().find(|line| line.starts_with("ACL SETUSER bank ")).context("docs/redis.md")?;
    let mut connection = deployment.redis()?.connect().await?;
    connection.command(&line.replace("PASSWORD", ITS_PASSWORD)).await?;
    let address = deployment.redis()?.address();
    deployment.restart_at(format!("redis://{USER}:{ITS_PASSWORD}@{address}")).await
}

/// If writes wait for replicas and the user may not call `WAIT`, no write is acknowledged, the bank is not ready, and
/// the log says why.
pub async fn assert_wait_is_needed(deployment: &mut Deployment) -> anyhow::Result<()> {
    deployment.restart_with(&[("redis_wait_replicas", "1")]).await?;
    let bank = deployment.client();
    let answer = bank.post("/v1/deposit").user(&fresh("may-not-wait")).idempotency_key("k").amount("1").await;
    let problem = answer.problem(503, "storage-unavailable");
    ensure!(problem.more.get("outcome") == Some(&Value::from("unknown")), "{answer}");
    bank.get("/readyz").await.problem(503, "storage-unavailable");
    ensure!(deployment.logs()?.contains("\"reason\":\"NOPERM\""), "the log does not say NOPERM");
    Ok(())
}

/// The bank tried nothing that the user may not do: the log has no such line after the first `before` bytes.
pub async fn assert_nothing_was_denied(deployment: &Deployment, before: usize) -> anyhow::Result<()> {
    let said = deployment.logs()?;
    let since = said.get(before..).unwrap_or_default();
    ensure!(!since.contains("NOPERM"), "the log says NOPERM");
    Ok(())
}
