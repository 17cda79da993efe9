//! A user of Redis needs no rights but those in `docs/redis.md`.
//!
//! Scenario: Redis is shared, and its operator gives rights one by one. Mechanism: a Redis gets the very lines of
//! that page, and the suites run with that user. Needs: a house on Redis, behind one of its adapters.

use crate::names::fresh;
use crate::prove::house::{House, Store};
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

/// Creates that user, and restarts the banks with it.
pub async fn is_given(house: &mut House, store: Store) -> anyhow::Result<()> {
    let marker = if store == Store::Direct { "store = redis" } else { "store = kv" };
    let line = PAGE.lines().skip_while(|line| !line.contains(&format!("`{marker}`")));
    let line = line.clone().find(|line| line.starts_with("ACL SETUSER bank ")).context("docs/redis.md")?;
    let mut talk = house.redis()?.talk().await?;
    talk.command(&line.replace("PASSWORD", ITS_PASSWORD)).await?;
    let address = house.redis()?.address();
    house.restart_at(format!("redis://{USER}:{ITS_PASSWORD}@{address}")).await
}

/// If writes wait for replicas and the user may not call `WAIT`, no write is acknowledged, the bank is not ready, and
/// the log says why.
pub async fn must_wait(house: &mut House) -> anyhow::Result<()> {
    house.restart_with(&[("redis_wait_replicas", "1")]).await?;
    let bank = house.client();
    let answer = bank.post("/v1/deposit").user(&fresh("may-not-wait")).idempotency_key("k").amount("1").await;
    let problem = answer.problem(503, "storage-unavailable");
    ensure!(problem.more.get("outcome") == Some(&Value::from("unknown")), "{answer}");
    bank.get("/readyz").await.problem(503, "storage-unavailable");
    ensure!(house.logs()?.contains("\"reason\":\"NOPERM\""), "the log does not say NOPERM");
    Ok(())
}

/// The bank tried nothing that the user may not do: the log has no such line after the first `before` bytes.
pub async fn is_enough(house: &House, before: usize) -> anyhow::Result<()> {
    let said = house.logs()?;
    let since = said.get(before..).unwrap_or_default();
    ensure!(!since.contains("NOPERM"), "the log says NOPERM");
    Ok(())
}
