//! A Redis whose settings may lose writes: the bank's log reports that.

use crate::prove::deployment::Deployment;
use anyhow::ensure;
use std::time::{Duration, Instant};

const EVICTS: &str = "\"reason\":\"maxmemory-policy is not noeviction\"";
const FORGETS: &str = "\"reason\":\"appendonly is off\"";
const AT_RISK: &str = "\"state\":\"at risk\"";
/// The log may be written after the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing is logged about a Redis that may not be asked; both risks are logged of one that has them and may be.
pub async fn assert_logged(deployment: &mut Deployment) -> anyhow::Result<()> {
    let mut connection = deployment.redis()?.connect().await?;
    // Earlier processes of the same name have written to the same file.
    let before = deployment.logs()?.len();
    let said = |deployment: &Deployment| anyhow::Ok(deployment.logs()?.split_off(before));
    connection.command("CONFIG SET maxmemory-policy allkeys-lru").await?;
    connection.command("CONFIG SET appendonly no").await?;
    connection.command("ACL SETUSER default -info").await?;
    deployment.restart_with(&[]).await?;
    deployment.client().get("/readyz").await.is(200);
    ensure!(!said(deployment)?.contains("NOPERM"), "that it may not ask is logged as a trouble");
    ensure!(!said(deployment)?.contains(AT_RISK), "it logged a risk that it cannot know");
    connection.command("ACL SETUSER default +info").await?;
    deployment.restart_with(&[]).await?;
    deployment.client().get("/readyz").await.is(200);
    let begun = Instant::now();
    while !(said(deployment)?.contains(EVICTS) && said(deployment)?.contains(FORGETS)) {
        ensure!(begun.elapsed() < PATIENCE, "the log does not say it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    deployment.client().get("/readyz").await.is(200);
    Ok(())
}
