//! Processes killed at random moments while clients move money.
//!
//! Clients that got no answer send again under the same key. Afterwards every acknowledged operation is there once,
//! no operation that the bank reported as not done is there, and the sums agree. `make torture` repeats this as
//! often as you like.

use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::Deployment;
use anyhow::ensure;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How long clients go on after the last accident.
const AFTERWARDS: Duration = Duration::from_millis(700);
/// How long a killed Redis stays away at most.
const AWAY_MS: u64 = 400;

/// One `bank` after the other is killed and started again.
pub async fn kill_banks_under_load(deployment: &mut Deployment, rounds: u32) -> anyhow::Result<()> {
    let bank = deployment.client();
    let processes = deployment.urls().len() as u64;
    let killed = Crowd::during(&bank, Size::Large, true, async {
        for _ in 0..rounds {
            sleep_at_most(700).await;
            let index = usize::try_from(random_below(processes))?;
            deployment.process(index)?.kill().await?;
            deployment.forget_bank(index);
            deployment.start_banks().await?;
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
pub async fn kill_redis_under_load(deployment: &mut Deployment, rounds: u32) -> anyhow::Result<()> {
    let bank = deployment.client();
    let redis = deployment.redis()?;
    let killed = Crowd::during(&bank, Size::Large, false, async {
        for _ in 0..rounds {
            sleep_at_most(400).await;
            redis.kill().await?;
            sleep_at_most(AWAY_MS).await;
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
async fn sleep_at_most(ms: u64) {
    tokio::time::sleep(Duration::from_millis(random_below(ms))).await;
}

fn random_below(below: u64) -> u64 {
    RandomState::new().hash_one(below) % below
}
