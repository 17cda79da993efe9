//! A Redis behind Sentinel, with two replicas, and banks that acknowledge a write only when a replica has it
//! (`redis_wait_replicas=1`).

use crate::answer::Answer;
use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::Arguments;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::house::{House, Sentinel, Store};
use crate::prove::recovery::{Recoveries, first_success};
use crate::prove::summary::Summary;
use anyhow::ensure;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Clients go on for a while before and after each accident.
const AROUND: Duration = Duration::from_secs(1);

/// Runs both scenarios.
pub async fn is_proven(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let plan = arguments.plan(Store::Direct).with(&[("redis_wait_replicas", "1")]);
    let mut house = House::build(plan).await?;
    let mut sentinel = house.behind_sentinel().await?;
    let name = house.at("a write that too few replicas have is not acknowledged, and said");
    summary.scenario(&name, has_too_few_replicas(&house, &mut sentinel)).await;
    let name = house.at("behind Sentinel, where masters die under load, nothing is lost or repeated");
    let loses = loses_masters_under_load(&house, &mut sentinel, arguments.failovers);
    summary.scenario(&name, loses).await;
    Ok(())
}

/// The master is killed, a replica takes its place, and it comes back as a replica; again and again.
async fn loses_masters_under_load(
    house: &House,
    sentinel: &mut Sentinel,
    rounds: usize,
) -> anyhow::Result<()> {
    let (bank, user) = (house.client(), fresh("shard"));
    let (crowd, recoveries) = Crowd::during(&bank, Size::Large, false, async {
        let mut recoveries = Recoveries::default();
        for _ in 0..rounds {
            tokio::time::sleep(AROUND).await;
            let killed = sentinel.kill_the_master().await?;
            let since = Instant::now();
            let failover = async { sentinel.has_failed_over(killed).await.map(|()| since.elapsed()) };
            let (failover, lost) = tokio::try_join!(failover, first_success(&bank, &user, since))?;
            recoveries.add(failover, failover, lost, &[]);
            tokio::time::sleep(AROUND).await;
            sentinel.start_again(killed).await?;
            sentinel.is_whole().await?;
        }
        tokio::time::sleep(AROUND).await;
        Ok(recoveries)
    })
    .await?;
    recoveries.judge(&bank, crowd).await
}

/// Without its replicas a write is carried out but not acknowledged, not even when it is sent again; reads go on.
async fn has_too_few_replicas(house: &House, sentinel: &mut Sentinel) -> anyhow::Result<()> {
    let (bank, user) = (house.client(), fresh("too-few"));
    let counter = format!("/v1/counters/{user}");
    bank.deposit(&user, "1").await;
    bank.post(&counter).idempotency_key("the-first").await.is(200);
    let killed = sentinel.kill_the_replicas().await?;
    is_unavailable(&deposit(&bank, &user).await, "unknown")?;
    is_unavailable(&count(&bank, &counter).await, "unknown")?;
    for _ in 0..3 {
        // Sending it again changes nothing, and does not make it safe.
        is_unavailable(&deposit(&bank, &user).await, "none")?;
        is_unavailable(&count(&bank, &counter).await, "none")?;
    }
    ensure!(bank.wallet(&user).await.seq == 2, "it is not carried out");
    let ready = bank.get("/readyz").await;
    let problem = ready.problem(503, "storage-unavailable");
    let store = problem.more.get("checks").map(|checks| &checks["store"]);
    ensure!(store == Some(&Value::from("too-few-replicas")), "{ready}");
    ensure!(house.logs()?.contains("\"reason\":\"too few replicas\""), "the log does not say it");
    for index in killed {
        sentinel.start_again(index).await?;
    }
    sentinel.is_whole().await?;
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

fn is_unavailable(answer: &Answer, outcome: &str) -> anyhow::Result<()> {
    let problem = answer.problem(503, "storage-unavailable");
    ensure!(problem.more.get("outcome") == Some(&Value::from(outcome)), "{answer}");
    Ok(())
}
