//! A Redis that is set to lose something: the bank's log says so.

use crate::prove::house::House;
use anyhow::ensure;
use std::time::{Duration, Instant};

const EVICTS: &str = "\"reason\":\"maxmemory-policy is not noeviction\"";
const FORGETS: &str = "\"reason\":\"appendonly is off\"";
const AT_RISK: &str = "\"state\":\"at risk\"";
/// The log is written behind the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing is said of a Redis as `docs/redis.md` wants it, nor of one that may not be asked; both risks of one that has
/// them.
pub async fn are_said(house: &mut House) -> anyhow::Result<()> {
    let mut talk = house.redis()?.talk().await?;
    house.client().get("/readyz").await.is(200);
    talk.command("CONFIG SET maxmemory-policy allkeys-lru").await?;
    talk.command("CONFIG SET appendonly no").await?;
    talk.command("ACL SETUSER default -info").await?;
    house.set(&[]).await?;
    house.client().get("/readyz").await.is(200);
    ensure!(!house.said()?.contains("NOPERM"), "that it may not ask is none of its troubles");
    ensure!(!house.said()?.contains(AT_RISK), "it was told of a risk that it cannot know");
    talk.command("ACL SETUSER default +info").await?;
    house.set(&[]).await?;
    house.client().get("/readyz").await.is(200);
    let begun = Instant::now();
    while !(house.said()?.contains(EVICTS) && house.said()?.contains(FORGETS)) {
        ensure!(begun.elapsed() < PATIENCE, "the log does not say it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    house.client().get("/readyz").await.is(200);
    Ok(())
}
