//! A failover behind one address: the old master is demoted and keeps its connections (docs/spin.md, fact 10).
//!
//! Scenario: a Service or a DNS name that leads to another Redis from one moment to the next, without Sentinel to end
//! the connections to the old one. Mechanism: a master and its replica behind a proxy whose connections stay; the two
//! change places; then new connections lead to the new master. Needs: a deployment of one process on Redis.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use anyhow::ensure;
use serde_json::Value;
use std::time::Duration;

/// A moment before, a connection may have been dropped for a new one to the old master.
const TRIES: usize = 2;
const READS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// While there is no master, the bank reads and reports `read-only`; the request after the first refusal goes to the
/// new master.
pub async fn run(deployment: &mut Deployment) -> anyhow::Result<()> {
    let (bank, user) = (deployment.client(), fresh("fail-over"));
    let heir = deployment.start_another_redis().await?;
    heir.follow(deployment.redis()?.address()).await?;
    bank.deposit(&user, "1").await;
    heir.wait_until_caught_up().await?;
    heir.connect().await?.command("REPLICAOF NO ONE").await?;
    deployment.redis()?.follow(heir.address()).await?;
    assert_read_only(&bank, &user).await?;
    deployment.proxy()?.lead_to(heir.address());
    let mut answers = Vec::new();
    while answers.last().is_none_or(|answer: &Answer| answer.status != 200) {
        ensure!(answers.len() < TRIES, "{answers:?}");
        answers.push(deposit(&bank, &user).await);
    }
    bank.get("/readyz").await.is(200);
    let wallet = bank.wallet(&user).await;
    ensure!((wallet.balance.as_str(), wallet.seq) == ("2.00", 2), "{wallet:?}");
    ensure!(deployment.logs()?.contains("\"reason\":\"READONLY\""), "the log does not say READONLY");
    Ok(())
}

async fn deposit(bank: &Bank, user: &str) -> Answer {
    bank.post("/v1/deposit").user(user).idempotency_key("the-second").amount("1").await
}

async fn assert_read_only(bank: &Bank, user: &str) -> anyhow::Result<()> {
    let refused = deposit(bank, user).await;
    refused.problem(503, "storage-unavailable");
    for _ in 0..2 {
        let ready = bank.get("/readyz").await;
        let problem = ready.problem(503, "storage-unavailable");
        let store = problem.more.get("checks").map(|checks| &checks["store"]);
        ensure!(store == Some(&Value::from("read-only")), "{ready}");
    }
    // `bank`'s own store pauses for 100 ms if two connections in a row led to the wrong server.
    for _ in 0..READS {
        if bank.get("/v1/wallet").user(user).await.status == 200 {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    let wallet = bank.wallet(user).await;
    ensure!(wallet.balance == "1.00", "{wallet:?}");
    Ok(())
}
