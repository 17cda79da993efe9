//! A Redis Cluster of which a part fails: everybody else is served.
//!
//! Scenario: a slot is left half moved; a node hangs, and no replica takes over; the node that the banks know is
//! gone for good, and they restart. Mechanism: nodes begin a move, and one key is migrated; a node is stopped by a
//! signal, and its replica may not take over; a node is killed. Needs: a deployment on a cluster.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::prove::deployment::{Cluster, Deployment, Shard};
use crate::prove::recovery::{PATIENCE, RETRY_EVERY, first_success};
use anyhow::ensure;
use futures::future::try_join_all;
use std::time::Instant;

/// The twelfth operation finds a log that is full, and seals a page.
const OPERATIONS: u64 = 12;
/// How many deposits each user makes while banks are asked whether they are ready.
const DEPOSITS: u64 = 100;

/// Reads of a wallet whose slot is half moved go on, and so do other wallets of the same node. An operation that
/// needs keys on both sides is not done, and the log says why. When the slot has moved it is done, once.
pub async fn run_with_half_moved_slot(deployment: &Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = deployment.client();
    let [shard, neighbour] = &cluster.two_users_of_one_master().await?[..] else { anyhow::bail!("no users") };
    for user in [&shard.user, &neighbour.user] {
        for n in 1..=OPERATIONS {
            deposit(&bank, user, n).await.is(200);
        }
    }
    let moving = cluster.begin_to_move(shard).await?;
    cluster.migrate(&moving, &format!("bank:{{{}}}:page:0", shard.user)).await?;
    let next = OPERATIONS.saturating_add(1);
    let (refused, ()) = tokio::join!(deposit(&bank, &shard.user, next), async {
        deposit(&bank, &neighbour.user, next).await.is(200);
        let entries = bank.get("/v1/wallet/entries").user(&shard.user).await.is(200);
        assert!(entries.text().contains("\"seq\":1,"), "{}", entries.text());
        assert_eq!(bank.wallet(&shard.user).await.seq, OPERATIONS);
    });
    refused.problem(503, "storage-unavailable");
    ensure!(deployment.logs()?.contains("\"reason\":\"TRYAGAIN\""), "the log does not say TRYAGAIN");
    let verified = deployment.verify(&shard.user).await?;
    ensure!(verified.status.success(), "bank verify does not follow ASK: {verified:?}");
    cluster.end_move(moving).await?;
    deposit(&bank, &shard.user, next).await.is(200);
    deposit(&bank, &shard.user, next).await.is(200);
    ensure!(bank.wallet(&shard.user).await.seq == next, "a deposit that came again counted twice");
    Ok(())
}

/// Banks that start while a node hangs serve the wallets of all other nodes and are ready; its own wallets follow
/// when its replica has taken over.
pub async fn start_while_node_hangs(
    deployment: &mut Deployment,
    cluster: &mut Cluster,
) -> anyhow::Result<()> {
    let [lost, others @ ..] = &cluster.one_user_per_master().await?[..] else { anyhow::bail!("no shard") };
    cluster.forbid_failover(true).await?;
    let hung = cluster.stop_master_of(lost).await?;
    deployment.restart_at(cluster.urls()).await?;
    let bank = deployment.client();
    let answers = tokio::join!(deposit(&bank, &lost.user, 1), async {
        for Shard { user, .. } in others {
            // One for each bank.
            for n in 1..=deployment.urls().len() {
                deposit(&bank, user, u64::try_from(n)?).await.is(200);
            }
        }
        for _ in deployment.urls() {
            bank.get("/readyz").await.is(200);
        }
        anyhow::Ok(())
    });
    answers.1?;
    answers.0.problem(503, "storage-unavailable");
    cluster.forbid_failover(false).await?;
    first_success(&bank, &lost.user, Instant::now()).await?;
    cluster.resume_node(hung).await?;
    cluster.wait_until_whole().await
}

/// Banks that know several nodes start while the first of them is gone for good.
pub async fn start_without_first_node(
    deployment: &mut Deployment,
    cluster: &mut Cluster,
) -> anyhow::Result<()> {
    let shards = cluster.one_user_per_master().await?;
    cluster.kill_first_node().await?;
    for shard in &shards {
        cluster.wait_for_failover(shard).await?;
    }
    deployment.restart_at(cluster.urls()).await?;
    let bank = deployment.client();
    for Shard { user, .. } in &shards {
        for n in 1..=deployment.urls().len() {
            deposit(&bank, user, u64::try_from(n)?).await.is(200);
        }
    }
    bank.get("/readyz").await.is(200);
    Ok(())
}

/// However often banks are asked whether they are ready, no deposit that waits for a replica is disturbed.
pub async fn probe_during_deposits(deployment: &mut Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    deployment.restart_with(&[("redis_wait_replicas", "1")]).await?;
    let bank = deployment.client();
    let shards = cluster.one_user_per_master().await?;
    let depositing = try_join_all(shards.iter().map(|shard| {
        let (bank, user) = (&bank, &shard.user);
        async move {
            for n in 1..=DEPOSITS {
                let answer = deposit(bank, user, n).await;
                ensure!(answer.status == 200, "{answer}");
            }
            anyhow::Ok(())
        }
    }));
    let probing = async {
        loop {
            bank.get("/readyz").await.is(200);
        }
    };
    tokio::select! {
        done = depositing => done.map(drop),
        () = probing => Ok(()),
    }
}

/// A deposit of 1.00 under the key of this number.
pub async fn deposit(bank: &Bank, user: &str, n: u64) -> Answer {
    bank.post("/v1/deposit").user(user).idempotency_key(format!("k{n}")).amount("1").await
}

/// The same, retried under its key while the store is away: for scenarios that need the money and do not check how it
/// is served.
pub async fn deposit_until_done(bank: &Bank, user: &str, n: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let answer = deposit(bank, user, n).await;
        if answer.status == 200 {
            return Ok(());
        }
        ensure!(answer.status == 503 && began.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(RETRY_EVERY).await;
    }
}
