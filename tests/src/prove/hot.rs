//! Many clients on one wallet, with requests placed as Spin places them: an instance has one or two requests, and
//! hundreds of instances compete for the wallet.
//!
//! The check is on work, not time: how many scripts Redis gets until everything is answered. So a busy machine does
//! not fail it.

use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::request::at_once;
use anyhow::ensure;
use std::time::Duration;

const WITHDRAWALS: usize = 500;
const PATIENCE: Duration = Duration::from_secs(20);

/// Banks that place requests as Spin does.
pub fn plan(plan: Plan) -> Plan {
    Plan { placement: Some("spin"), storage_deadline: PATIENCE, ..plan }
}

/// The most scripts for each withdrawal: with `store=redis` all of its scripts, including lost swaps and the reads
/// after them; otherwise only swaps.
fn most_scripts(store: StoreUnderTest) -> usize {
    if store == StoreUnderTest::RedisAdapter { 8 } else { 3 }
}

/// 500 withdrawals of 1 from 100 at once: a hundred succeed, the others are refused, none gets a 503.
pub async fn withdraw_at_once(deployment: &mut Deployment, store: StoreUnderTest) -> anyhow::Result<()> {
    let bank = deployment.client();
    let before = scripts(deployment).await?;
    let user = fresh("hot");
    bank.deposit(&user, "100").await;
    let one = |n| bank.post("/v1/withdraw").user(&user).idempotency_key(format!("k{n}")).amount("1");
    let answers = at_once((0..WITHDRAWALS).map(one)).await;
    let told = |status| answers.iter().filter(|answer| answer.status == status).count();
    ensure!((told(200), told(422)) == (100, WITHDRAWALS - 100), "{} 200, {} 422", told(200), told(422));
    let wallet = bank.wallet(&user).await;
    ensure!((wallet.balance.as_str(), wallet.seq) == ("0.00", 101), "{} at {}", wallet.balance, wallet.seq);
    let scripts = scripts(deployment).await? - before;
    println!("{scripts} scripts for {WITHDRAWALS} withdrawals");
    ensure!(scripts <= most_scripts(store) * WITHDRAWALS, "{scripts} scripts for {WITHDRAWALS} withdrawals");
    Ok(())
}

/// How many scripts Redis has run so far.
async fn scripts(deployment: &mut Deployment) -> anyhow::Result<usize> {
    let told = deployment.redis()?.connect().await?.query(&[b"INFO", b"commandstats"]).await?.concat();
    let told = String::from_utf8_lossy(&told);
    let calls = told
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_eval")?.split_once("calls=")?.1.split_once(','));
    Ok(calls.map(|(calls, _)| calls.parse::<usize>()).sum::<Result<_, _>>()?)
}
