//! A record of what the bank has said, to compare with what it says later.

use crate::bank::{Bank, Wallet};
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use anyhow::{Context as _, ensure};

const USERS: usize = 20;

pub struct Balances {
    wallets: Vec<(Wallet, String)>,
    counter: String,
}

/// Twenty wallets with deposits, withdrawals and a key; a counter.
pub async fn record(deployment: &Deployment) -> anyhow::Result<Balances> {
    let bank = deployment.client();
    let mut wallets = Vec::new();
    for index in 1..=USERS {
        let user = fresh("keeper");
        bank.deposit(&user, &format!("{index}00.00000001")).await;
        bank.withdraw(&user, &format!("{index}.5")).await;
        let keyed = deposit_under_key(&bank, &user).await?;
        wallets.push((bank.wallet(&user).await, keyed));
    }
    let counter = format!("/v1/counters/{}", fresh("keeper"));
    bank.post(format!("{counter}?by=41")).await.is(200);
    Ok(Balances { wallets, counter })
}

/// The bank still says all of it.
pub async fn assert_unchanged(deployment: &Deployment, balances: Option<&Balances>) -> anyhow::Result<()> {
    let balances = balances.context("no balances were recorded")?;
    let bank = deployment.client();
    for (wallet, keyed) in &balances.wallets {
        let now = bank.wallet(&wallet.user).await;
        ensure!(now == *wallet, "it was {wallet:?}, it is {now:?}");
        let replay = deposit_under_key(&bank, &wallet.user).await?;
        ensure!(replay == *keyed, "under the same key it was {keyed}, it is {replay}");
        ensure!(bank.wallet(&wallet.user).await == *wallet, "a replay of {} moved money", wallet.user);
    }
    let counter = bank.get(&balances.counter).await.is(200);
    ensure!(counter.text().contains(":41"), "the counter was 41: {counter}");
    Ok(())
}

/// A deposit under a key: done the first time, replayed ever after.
async fn deposit_under_key(bank: &Bank, user: &str) -> anyhow::Result<String> {
    let request = bank.post("/v1/deposit").user(user).idempotency_key("kept").amount("0.125");
    Ok(request.await.is(200).text().to_owned())
}
