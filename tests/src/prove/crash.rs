//! Processes killed at random moments while clients move money.
//!
//! Clients that got no answer send again under the same key. Afterwards every acknowledged operation is there once,
//! no operation that the bank reported as not done is there, and the sums agree. `make torture` repeats this as
//! often as you like.

use crate::prove::crowd::{Crowd, Size};
use crate::prove::house::House;
use anyhow::ensure;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Clients go on for a while after the last accident.
const AFTERWARDS: Duration = Duration::from_millis(700);
/// How long a killed Redis stays away at most.
const AWAY_MS: u64 = 400;

/// One `bank` after the other is killed and started again.
pub async fn of_a_bank_under_load(house: &mut House, rounds: u32) -> anyhow::Result<()> {
    let bank = house.client();
    let processes = house.urls().len() as u64;
    let killed = Crowd::during(&bank, Size::Large, true, async {
        for _ in 0..rounds {
            some_time(700).await;
            let index = usize::try_from(some(processes))?;
            house.process(index)?.kill().await?;
            house.forget(index);
            house.start_banks().await?;
        }
        tokio::time::sleep(AFTERWARDS).await;
        Ok(())
    });
    let (crowd, ()) = killed.await?;
    println!("{crowd}");
    ensure!(crowd.unknown() > 0, "the accident hit nobody");
    crowd.judge(&bank).await?;
    println!("killed {rounds} times: 0 lost, 0 doubled");
    Ok(())
}

/// Redis is killed and started again on what it kept.
pub async fn of_the_store_under_load(house: &mut House, rounds: u32) -> anyhow::Result<()> {
    let bank = house.client();
    let redis = house.redis()?;
    let killed = Crowd::during(&bank, Size::Large, false, async {
        for _ in 0..rounds {
            some_time(400).await;
            redis.kill().await?;
            some_time(AWAY_MS).await;
            redis.start_again().await?;
        }
        tokio::time::sleep(AFTERWARDS).await;
        Ok(())
    });
    let (crowd, ()) = killed.await?;
    println!("{crowd}");
    ensure!(crowd.sent_again() > 0, "the accident hit nobody");
    crowd.judge(&bank).await?;
    println!("Redis killed {rounds} times: 0 lost, 0 doubled");
    Ok(())
}

/// Sleeps for a random time up to this many milliseconds.
async fn some_time(ms: u64) {
    tokio::time::sleep(Duration::from_millis(some(ms))).await;
}

fn some(below: u64) -> u64 {
    RandomState::new().hash_one(below) % below
}
