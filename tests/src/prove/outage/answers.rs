//! What the routes answer while the store is away, and once it is back.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::limits;
use crate::names::fresh;
use crate::prove::house::House;
use crate::prove::outage::is_ready;
use anyhow::ensure;
use std::time::{Duration, Instant};

/// How long a request for money may take without a store: its deadline, and some more.
const REFUSED: Duration = Duration::from_millis(1000);

/// Redis is killed, and started again on what it kept.
pub async fn of_a_dead_store(house: &mut House) -> anyhow::Result<()> {
    let user = fresh("patient");
    house.client().deposit(&user, "5").await;
    house.redis()?.kill().await?;
    all_are_unavailable(house, &user).await?;
    house.redis()?.start_again().await?;
    is_back(house, &user).await
}

/// Redis is stopped, so that it accepts connections and answers nothing, and goes on.
pub async fn of_a_store_that_hangs(house: &mut House) -> anyhow::Result<()> {
    let user = fresh("patient");
    house.client().deposit(&user, "5").await;
    house.redis()?.signal("STOP").await?;
    let said = all_are_unavailable(house, &user).await;
    house.redis()?.signal("CONT").await?;
    said?;
    is_back(house, &user).await
}

async fn all_are_unavailable(house: &House, user: &str) -> anyhow::Result<()> {
    for index in 0..house.urls().len() {
        is_unavailable(&house.client_of(index), user).await?;
    }
    Ok(())
}

/// Not ready, but alive; no money moves, and nobody waits.
pub async fn is_unavailable(bank: &Bank, user: &str) -> anyhow::Result<()> {
    let ready = bank.get("/readyz").await;
    ready.problem(503, "storage-unavailable");
    ensure!(ready.took < limits::NOT_READY, "said after {:?}: {ready}", ready.took);
    bank.get("/healthz").await.is(200);
    bank.get("/").await.is(200);
    in_time(&bank.get("/v1/wallet").user(user).await)?;
    in_time(&bank.get("/v1/bitcoins").await)?;
    in_time(&bank.post("/v1/bitcoins?bitcoins=0.00000001").await)?;
    for path in ["/v1/deposit", "/v1/withdraw"] {
        let answer = bank.post(path).user(user).idempotency_key(path).amount("1").await;
        in_time(&answer)?;
        let outcome = answer.problem(503, "storage-unavailable").member("outcome").to_owned();
        ensure!(["none", "unknown"].contains(&outcome.as_str()), "outcome: {answer}");
    }
    Ok(())
}

fn in_time(answer: &Answer) -> anyhow::Result<()> {
    answer.problem(503, "storage-unavailable");
    ensure!(answer.took < REFUSED, "said after {:?}: {answer}", answer.took);
    Ok(())
}

/// Every process serves again, and what was sent meanwhile counts once when it is sent again.
pub async fn is_back(house: &House, user: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    for index in 0..house.urls().len() {
        is_ready(&house.client_of(index)).await?;
    }
    println!("back after {:?}", begun.elapsed());
    let bank = house.client();
    for path in ["/v1/deposit", "/v1/withdraw"] {
        bank.post(path).user(user).idempotency_key(path).amount("1").await.is(200);
    }
    let wallet = bank.wallet(user).await;
    ensure!((wallet.balance.as_str(), wallet.seq) == ("5.00", 3), "{wallet:?}");
    Ok(())
}
