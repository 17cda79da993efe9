//! Processes killed while clients deposit, each of whom sends again under the same key until it is answered.
//! Some have a wallet of their own, others share one.

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::house::House;
use anyhow::{Context as _, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many clients each wallet has.
const CLIENTS: [usize; 6] = [1, 1, 1, 1, 4, 16];
/// How long a client goes on sending one deposit.
const PATIENCE: Duration = Duration::from_secs(30);
const WHILE: Duration = Duration::from_millis(700);

/// One `bank` is killed and started again, twice.
pub async fn of_a_bank_under_load(house: &mut House) -> anyhow::Result<()> {
    let bank = house.client();
    under_load(&bank, async {
        for _ in 0..2 {
            tokio::time::sleep(WHILE).await;
            house.process(0)?.kill().await?;
            house.is_gone(0);
            house.start_banks().await?;
        }
        tokio::time::sleep(WHILE).await;
        Ok(())
    })
    .await
}

/// Redis is killed and started again on what it kept.
pub async fn of_the_store_under_load(house: &mut House) -> anyhow::Result<()> {
    let bank = house.client();
    let redis = house.redis.as_mut().context("there is no Redis here")?;
    under_load(&bank, async {
        tokio::time::sleep(WHILE).await;
        redis.kill().await?;
        tokio::time::sleep(WHILE).await;
        redis.start_again().await?;
        tokio::time::sleep(WHILE).await;
        Ok(())
    })
    .await
}

/// Clients deposit for as long as the accident takes; then every wallet holds what its client was told.
async fn under_load(bank: &Bank, accident: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let over = AtomicBool::new(false);
    let wallets: Vec<(String, usize)> = CLIENTS.iter().map(|clients| (fresh("steady"), *clients)).collect();
    let clients = wallets.iter().map(|(user, clients)| {
        futures::future::try_join_all((0..*clients).map(|client| deposits(bank, user, client, &over)))
    });
    let accident = async {
        let ended = accident.await;
        over.store(true, Ordering::Relaxed);
        ended
    };
    let (ended, told) = tokio::join!(accident, futures::future::try_join_all(clients));
    ended?;
    let (mut deposits, mut retries) = (0, 0);
    for ((user, _), told) in wallets.iter().zip(told?) {
        let wallet = bank.wallet(user).await;
        let done: u64 = told.iter().map(|(done, _)| done).sum();
        let again: u64 = told.iter().map(|(_, again)| again).sum();
        ensure!(wallet.balance == format!("{done}.00") && wallet.seq == done, "told of {done}, {wallet:?}");
        deposits += done;
        retries += again;
    }
    println!("{deposits} deposits were acknowledged, {retries} times one was sent again");
    ensure!(retries > 0, "the accident hit nobody");
    Ok(())
}

/// Deposits 1 again and again; how many were acknowledged, how often it had to send again.
async fn deposits(bank: &Bank, user: &str, client: usize, over: &AtomicBool) -> anyhow::Result<(u64, u64)> {
    let (mut done, mut again) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let key = format!("client-{client}-deposit-{done}");
        let request = bank.post("/v1/deposit").user(user).idempotency_key(&key).amount("1");
        loop {
            match request.clone().send().await {
                Ok(answer) if answer.status == 200 => break,
                Ok(answer) => ensure!(answer.status == 503, "{answer}"),
                Err(_) => (),
            }
            again += 1;
            ensure!(begun.elapsed() < PATIENCE, "{key} of {user} was not answered in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        done += 1;
    }
    Ok((done, again))
}
