//! What the routes answer while the store is away, and once it is back.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::limits;
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::prove::recovery::wait_until_ready;
use anyhow::ensure;
use std::time::{Duration, Instant};

/// How long a request for money may take without a store: its deadline, and a little more.
const REFUSED_WITHIN: Duration = Duration::from_millis(1000);

/// Redis is killed, and started again on what it kept.
pub async fn while_redis_is_dead(deployment: &mut Deployment) -> anyhow::Result<()> {
    let user = fresh("patient");
    deployment.client().deposit(&user, "5").await;
    deployment.redis()?.kill().await?;
    assert_all_unavailable(deployment, &user).await?;
    deployment.redis()?.start_again().await?;
    assert_recovered(deployment, &user).await
}

/// Redis is stopped by a signal, so that it accepts connections and answers nothing; then it goes on.
pub async fn while_redis_hangs(deployment: &mut Deployment) -> anyhow::Result<()> {
    let user = fresh("patient");
    deployment.client().deposit(&user, "5").await;
    deployment.redis()?.signal("STOP").await?;
    let unavailable = assert_all_unavailable(deployment, &user).await;
    deployment.redis()?.signal("CONT").await?;
    unavailable?;
    assert_recovered(deployment, &user).await
}

async fn assert_all_unavailable(deployment: &Deployment, user: &str) -> anyhow::Result<()> {
    for index in 0..deployment.urls().len() {
        assert_unavailable(&deployment.client_of(index), user).await?;
    }
    Ok(())
}

/// The bank is not ready, but alive; no money moves, and nobody waits.
pub async fn assert_unavailable(bank: &Bank, user: &str) -> anyhow::Result<()> {
    let ready = bank.get("/readyz").await;
    ready.problem(503, "storage-unavailable");
    ensure!(ready.took < limits::NOT_READY, "reported after {:?}: {ready}", ready.took);
    bank.get("/healthz").await.is(200);
    bank.get("/").await.is(200);
    assert_refused_in_time(&bank.get("/v1/wallet").user(user).await)?;
    assert_refused_in_time(&bank.get("/v1/bitcoins").await)?;
    assert_refused_in_time(&bank.post("/v1/bitcoins?bitcoins=0.00000001").await)?;
    for path in ["/v1/deposit", "/v1/withdraw"] {
        let answer = bank.post(path).user(user).idempotency_key(path).amount("1").await;
        assert_refused_in_time(&answer)?;
        let outcome = answer.problem(503, "storage-unavailable").member("outcome").to_owned();
        ensure!(["none", "unknown"].contains(&outcome.as_str()), "outcome: {answer}");
    }
    Ok(())
}

fn assert_refused_in_time(answer: &Answer) -> anyhow::Result<()> {
    answer.problem(503, "storage-unavailable");
    ensure!(answer.took < REFUSED_WITHIN, "answered after {:?}: {answer}", answer.took);
    Ok(())
}

/// Every process serves again, and a request that was sent during the outage counts once when it is sent again.
pub async fn assert_recovered(deployment: &Deployment, user: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    for index in 0..deployment.urls().len() {
        wait_until_ready(&deployment.client_of(index)).await?;
    }
    println!("back after {:?}", begun.elapsed());
    let bank = deployment.client();
    for path in ["/v1/deposit", "/v1/withdraw"] {
        bank.post(path).user(user).idempotency_key(path).amount("1").await.is(200);
    }
    let wallet = bank.wallet(user).await;
    ensure!((wallet.balance.as_str(), wallet.seq) == ("5.00", 3), "{wallet:?}");
    Ok(())
}
