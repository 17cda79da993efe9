//! A Redis whose settings may lose writes: the bank's log says so.

use crate::prove::house::House;
use anyhow::ensure;
use std::time::{Duration, Instant};

const EVICTS: &str = "\"reason\":\"maxmemory-policy is not noeviction\"";
const FORGETS: &str = "\"reason\":\"appendonly is off\"";
const AT_RISK: &str = "\"state\":\"at risk\"";
/// The log may be written after the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing is logged about a Redis that may not be asked; both risks are logged of one that has them and may be.
pub async fn are_logged(house: &mut House) -> anyhow::Result<()> {
    let mut talk = house.redis()?.talk().await?;
    // Earlier processes of the same name have written to the same file.
    let before = house.logs()?.len();
    let said = |house: &House| anyhow::Ok(house.logs()?.split_off(before));
    talk.command("CONFIG SET maxmemory-policy allkeys-lru").await?;
    talk.command("CONFIG SET appendonly no").await?;
    talk.command("ACL SETUSER default -info").await?;
    house.restart_with(&[]).await?;
    house.client().get("/readyz").await.is(200);
    ensure!(!said(house)?.contains("NOPERM"), "that it may not ask is none of its troubles");
    ensure!(!said(house)?.contains(AT_RISK), "it was told of a risk that it cannot know");
    talk.command("ACL SETUSER default +info").await?;
    house.restart_with(&[]).await?;
    house.client().get("/readyz").await.is(200);
    let begun = Instant::now();
    while !(said(house)?.contains(EVICTS) && said(house)?.contains(FORGETS)) {
        ensure!(begun.elapsed() < PATIENCE, "the log does not say it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    house.client().get("/readyz").await.is(200);
    Ok(())
}
