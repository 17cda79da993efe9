//! A Redis behind Sentinel, with two replicas, and banks that acknowledge a write only when a replica has it
//! (`redis_wait_replicas=1`).

use crate::answer::Answer;
use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::ProveArguments;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::{Deployment, Sentinel, StoreUnderTest};
use crate::prove::recovery::{Recoveries, first_success};
use crate::prove::summary::Summary;
use anyhow::ensure;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long clients go on before and after each accident.
const BEFORE_AND_AFTER: Duration = Duration::from_secs(1);

/// Runs both scenarios.
pub async fn run(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let plan = arguments.plan(StoreUnderTest::RedisAdapter).with(&[("redis_wait_replicas", "1")]);
    let mut deployment = Deployment::build(plan).await?;
    let mut sentinel = deployment.use_sentinel().await?;
    let name = deployment
        .scenario_name("a write that too few replicas have is not acknowledged, and that is reported");
    summary.scenario(&name, run_without_replicas(&deployment, &mut sentinel)).await;
    let name = deployment
        .scenario_name("behind Sentinel, where masters die under load, nothing is lost or repeated");
    let loses = kill_masters_under_load(&deployment, &mut sentinel, arguments.failovers);
    summary.scenario(&name, loses).await;
    Ok(())
}

/// The master is killed, a replica takes its place, and it comes back as a replica; again and again.
async fn kill_masters_under_load(
    deployment: &Deployment,
    sentinel: &mut Sentinel,
    rounds: usize,
) -> anyhow::Result<()> {
    let (bank, user) = (deployment.client(), fresh("shard"));
    let (crowd, recoveries) = Crowd::during(&bank, Size::Large, false, async {
        let mut recoveries = Recoveries::default();
        for _ in 0..rounds {
            tokio::time::sleep(BEFORE_AND_AFTER).await;
            let killed = sentinel.kill_master().await?;
            let since = Instant::now();
            let failover = async { sentinel.wait_for_failover(killed).await.map(|()| since.elapsed()) };
            let (failover, lost) = tokio::try_join!(failover, first_success(&bank, &user, since))?;
            recoveries.add(failover, failover, lost, &[]);
            tokio::time::sleep(BEFORE_AND_AFTER).await;
            sentinel.start_again(killed).await?;
            sentinel.wait_until_whole().await?;
        }
        tokio::time::sleep(BEFORE_AND_AFTER).await;
        Ok(recoveries)
    })
    .await?;
    recoveries.judge(&bank, crowd).await
}

/// Without its replicas a write is carried out but not acknowledged, not even when it is sent again; reads go on.
async fn run_without_replicas(deployment: &Deployment, sentinel: &mut Sentinel) -> anyhow::Result<()> {
    let (bank, user) = (deployment.client(), fresh("too-few"));
    let counter = format!("/v1/counters/{user}");
    bank.deposit(&user, "1").await;
    bank.post(&counter).idempotency_key("the-first").await.is(200);
    let killed = sentinel.kill_replicas().await?;
    assert_unavailable(&deposit(&bank, &user).await, "unknown")?;
    assert_unavailable(&count(&bank, &counter).await, "unknown")?;
    for _ in 0..3 {
        // To send it again changes nothing, and makes it no safer.
        assert_unavailable(&deposit(&bank, &user).await, "none")?;
        assert_unavailable(&count(&bank, &counter).await, "none")?;
    }
    ensure!(bank.wallet(&user).await.seq == 2, "it is not carried out");
    let ready = bank.get("/readyz").await;
    let problem = ready.problem(503, "storage-unavailable");
    let store = problem.more.get("checks").map(|checks| &checks["store"]);
    ensure!(store == Some(&Value::from("too-few-replicas")), "{ready}");
    ensure!(deployment.logs()?.contains("\"reason\":\"too few replicas\""), "the log does not say it");
    for index in killed {
        sentinel.start_again(index).await?;
    }
    sentinel.wait_until_whole().await?;
    let answer = deposit(&bank, &user).await;
    ensure!((answer.status, answer.header("idempotent-replayed")) == (200, Some("true")), "{answer}");
    let counted = count(&bank, &counter).await;
    ensure!((counted.status, counted.header("idempotent-replayed")) == (200, Some("true")), "{counted}");
    bank.get("/readyz").await.is(200);
    let wallet = bank.wallet(&user).await;
    ensure!((wallet.balance.as_str(), wallet.seq) == ("3.00", 2), "{wallet:?}");
    Ok(())
}

async fn deposit(bank: &Bank, user: &str) -> Answer {
    bank.post("/v1/deposit").user(user).idempotency_key("the-second").amount("2").await
}

async fn count(bank: &Bank, counter: &str) -> Answer {
    bank.post(counter).idempotency_key("the-second").await
}

fn assert_unavailable(answer: &Answer, outcome: &str) -> anyhow::Result<()> {
    let problem = answer.problem(503, "storage-unavailable");
    ensure!(problem.more.get("outcome") == Some(&Value::from(outcome)), "{answer}");
    Ok(())
}
