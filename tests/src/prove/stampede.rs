//! Rates never stampede: however many clients ask however many processes, CoinGecko is asked once in each window,
//! by the request that was elected. If that request dies, it blocks nobody for long.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::coingecko::Requests;
use crate::feed;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use anyhow::ensure;
use futures::future::join_all;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many clients ask at once.
const CROWD: usize = 100;
/// Long enough for a crowd to be answered within a window, short enough to wait for its end.
const TTL_SECONDS: u64 = 4;
/// How soon others fetch when the elected request is gone: the length of its claim, which is one fetch and some more.
const NEXT_ELECTION: Duration = Duration::from_secs(20);

/// Three processes on an empty Redis.
pub async fn run(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let plan =
        Plan { rates_ttl_seconds: TTL_SECONDS, ..Plan::new(StoreUnderTest::KvOnRedis, runner, manifest) };
    let mut deployment = Deployment::build(plan).await?;
    fetch_into_cold_cache(&deployment).await?;
    refresh_stale_cache(&deployment).await?;
    fetch_while_upstream_hangs(&deployment).await?;
    kill_elected_process(&mut deployment).await
}

async fn fetch_into_cold_cache(deployment: &Deployment) -> anyhow::Result<()> {
    feed::set_mode(&deployment.feed(), "late").await.map_err(anyhow::Error::msg)?;
    let before = hits(deployment).await;
    let answers = crowd(&deployment.client()).await;
    let asked = hits(deployment).await - before;
    ensure!(asked == 1, "a cold cache: CoinGecko was asked {asked} times");
    let as_of = rates(&answers[0])["as_of"].clone();
    for answer in &answers {
        ensure!(rates(answer)["stale"] == false && rates(answer)["as_of"] == as_of, "{answer}");
    }
    Ok(())
}

async fn refresh_stale_cache(deployment: &Deployment) -> anyhow::Result<()> {
    let before = hits(deployment).await;
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    crowd(&deployment.client()).await;
    let asked = hits(deployment).await - before;
    ensure!(asked == 1, "a stale cache: CoinGecko was asked {asked} times");
    Ok(())
}

/// One request waits for it in vain, and all get the last good rates.
async fn fetch_while_upstream_hangs(deployment: &Deployment) -> anyhow::Result<()> {
    feed::set_mode(&deployment.feed(), "hang").await.map_err(anyhow::Error::msg)?;
    let before = hits(deployment).await;
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    for answer in crowd(&deployment.client()).await {
        ensure!(rates(&answer)["stale"] == true, "{answer}");
    }
    let asked = hits(deployment).await - before;
    ensure!(asked == 1, "CoinGecko hangs: it was asked {asked} times");
    Ok(())
}

/// The first process is elected, since only it gets requests, and is killed while it fetches.
async fn kill_elected_process(deployment: &mut Deployment) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    let before = hits(deployment).await;
    let (elected, other) = (deployment.client_of(0), deployment.client_of(1));
    let fetching = tokio::spawn(async move { elected.get("/v1/rates").send().await });
    while hits(deployment).await == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    deployment.process(0)?.kill().await?;
    deployment.forget_bank(0);
    ensure!(fetching.await?.is_err(), "a killed process answered");
    feed::set_mode(&deployment.feed(), "ok").await.map_err(anyhow::Error::msg)?;
    let begun = Instant::now();
    loop {
        let answer = other.get("/v1/rates").await.is(200);
        if rates(&answer)["stale"] == false {
            println!("the next was elected {:?} after the death", begun.elapsed());
            return Ok(());
        }
        ensure!(begun.elapsed() < NEXT_ELECTION, "nobody else was elected: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn crowd(bank: &Bank) -> Vec<Answer> {
    let answers = join_all((0..CROWD).map(|_| async { bank.get("/v1/rates").await.is(200) }));
    answers.await
}

async fn hits(deployment: &Deployment) -> u64 {
    let seen: Requests = deployment.feed().get("/control").send().await.expect("the stand-in").json();
    seen.hits
}

fn rates(answer: &Answer) -> Value {
    answer.json()
}
