//! Rates never stampede: however many clients ask however many processes, CoinGecko is asked once in each window,
//! by the request that was elected. If that request dies, it blocks nobody for long.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::coingecko::Requests;
use crate::feed;
use crate::prove::house::{House, Plan, Store};
use anyhow::ensure;
use futures::future::join_all;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many ask at once.
const CROWD: usize = 100;
/// Long enough for a crowd to be answered within a window, short enough to wait for its end.
const TTL_SECONDS: u64 = 4;
/// How soon others fetch when the elected request is gone: the length of its claim, which is one fetch and some more.
const NEXT_TURN: Duration = Duration::from_secs(20);

/// Three processes on an empty Redis.
pub async fn is_avoided(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let plan = Plan { rates_ttl_seconds: TTL_SECONDS, ..Plan::new(Store::Redis, runner, manifest) };
    let mut house = House::build(plan).await?;
    cold(&house).await?;
    stale(&house).await?;
    while_upstream_hangs(&house).await?;
    the_elected_one_dies(&mut house).await
}

async fn cold(house: &House) -> anyhow::Result<()> {
    feed::set_mode(&house.feed(), "late").await.map_err(anyhow::Error::msg)?;
    let before = hits(house).await;
    let answers = crowd(&house.client()).await;
    let asked = hits(house).await - before;
    ensure!(asked == 1, "a cold cache: CoinGecko was asked {asked} times");
    let as_of = rates(&answers[0])["as_of"].clone();
    for answer in &answers {
        ensure!(rates(answer)["stale"] == false && rates(answer)["as_of"] == as_of, "{answer}");
    }
    Ok(())
}

async fn stale(house: &House) -> anyhow::Result<()> {
    let before = hits(house).await;
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    crowd(&house.client()).await;
    let asked = hits(house).await - before;
    ensure!(asked == 1, "a stale cache: CoinGecko was asked {asked} times");
    Ok(())
}

/// One request waits for it in vain, and all get the last good rates.
async fn while_upstream_hangs(house: &House) -> anyhow::Result<()> {
    feed::set_mode(&house.feed(), "hang").await.map_err(anyhow::Error::msg)?;
    let before = hits(house).await;
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    for answer in crowd(&house.client()).await {
        ensure!(rates(&answer)["stale"] == true, "{answer}");
    }
    let asked = hits(house).await - before;
    ensure!(asked == 1, "CoinGecko hangs: it was asked {asked} times");
    Ok(())
}

/// The first process is elected, since only it gets requests, and is killed while it fetches.
async fn the_elected_one_dies(house: &mut House) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(TTL_SECONDS)).await;
    let before = hits(house).await;
    let (elected, other) = (house.client_of(0), house.client_of(1));
    let fetching = tokio::spawn(async move { elected.get("/v1/rates").send().await });
    while hits(house).await == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.process(0)?.kill().await?;
    house.forget(0);
    ensure!(fetching.await?.is_err(), "a killed process answered");
    feed::set_mode(&house.feed(), "ok").await.map_err(anyhow::Error::msg)?;
    let begun = Instant::now();
    loop {
        let answer = other.get("/v1/rates").await.is(200);
        if rates(&answer)["stale"] == false {
            println!("the next was elected {:?} after the death", begun.elapsed());
            return Ok(());
        }
        ensure!(begun.elapsed() < NEXT_TURN, "nobody else was elected: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn crowd(bank: &Bank) -> Vec<Answer> {
    let answers = join_all((0..CROWD).map(|_| async { bank.get("/v1/rates").await.is(200) }));
    answers.await
}

async fn hits(house: &House) -> u64 {
    let seen: Requests = house.feed().get("/control").send().await.expect("the stand-in").json();
    seen.hits
}

fn rates(answer: &Answer) -> Value {
    answer.json()
}
