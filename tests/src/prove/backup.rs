//! Exports that are made under load and restored into every kind of store, and drills for disasters.
//!
//! What was acknowledged before an export began is in it. What was acknowledged after it is not; clients that retry
//! under their keys have it done exactly once more.

use crate::bank::{Bank, Wallet};
use crate::names::fresh;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::{Cluster, Deployment, Plan, StoreUnderTest};
use crate::prove::exported::lines;
use crate::prove::shards::deposit;
use crate::prove::summary::Summary;
use crate::prove::{ProveArguments, bucket, folder, interrupted, rights};
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// How long clients move money before an export begins.
const BEFORE: Duration = Duration::from_millis(700);
/// And after it has ended.
const AFTER: Duration = Duration::from_millis(300);
/// With this many operations under keys, some have left the wallet for the pages and the index.
const OPERATIONS: u64 = 30;

/// Banks on a kind of store.
struct Named {
    /// The name of the kind.
    name: &'static str,
    deployment: Deployment,
    /// Ends when this is dropped.
    _cluster: Option<Cluster>,
}

/// From each kind of store into another one, and imports that are refused.
pub async fn run(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let [sqlite, redis, cluster] = one_on_each_store(arguments).await?;
    let [into_sqlite, into_redis, into_cluster] = one_on_each_store(arguments).await?;
    for (from, into) in [(&sqlite, &into_redis), (&redis, &into_cluster), (&cluster, &into_sqlite)] {
        let name = format!("backup: an export of {} under load is restored into {}", from.name, into.name);
        summary.scenario(&name, export_and_restore(from, into)).await;
    }
    for store in [StoreUnderTest::Sqlite, StoreUnderTest::RedisAdapter] {
        let mut deployment =
            Deployment::build(Plan { processes: 1, ..arguments.plan(store).patient() }).await?;
        let name = deployment
            .scenario_name("backup: an import that is interrupted leaves nothing that a bank is started on");
        summary.scenario(&name, interrupted::run(&mut deployment)).await;
    }
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient()).await?;
    let name = deployment
        .scenario_name("backup: a store that was lost puts no export into a folder, and removes none");
    summary.scenario(&name, folder::run(&mut deployment)).await;
    let mut deployment =
        Deployment::build(Plan { processes: 1, ..arguments.plan(StoreUnderTest::RedisAdapter).patient() })
            .await?;
    let name = deployment
        .scenario_name("backup: a user with the rights of docs/backup.md exports, verifies and imports");
    summary.scenario(&name, rights::use_them(&mut deployment)).await;
    let mut deployment =
        Deployment::build(Plan { processes: 1, ..arguments.plan(StoreUnderTest::RedisAdapter).patient() })
            .await?;
    let cluster = deployment.use_tls_cluster().await?;
    let name = "a cluster over TLS: backup: the same, and no bank starts on half of an import";
    summary.scenario(name, rights::use_them_over_tls(&mut deployment, &cluster)).await;
    for Named { name, deployment, .. } in [&into_sqlite, &into_redis] {
        let name = format!("backup: into {name} nothing is imported that is broken, cut, or not to be mixed");
        summary.scenario(&name, refuse_bad_imports(deployment)).await;
    }
    Ok(())
}

/// The other directions, and disasters.
pub async fn run_drills(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let [sqlite, redis, cluster] = one_on_each_store(arguments).await?;
    let [into_sqlite, into_redis, into_cluster] = one_on_each_store(arguments).await?;
    for (from, into) in [(&sqlite, &into_cluster), (&redis, &into_sqlite), (&cluster, &into_redis)] {
        let name = format!("backup: an export of {} under load is restored into {}", from.name, into.name);
        summary.scenario(&name, export_and_restore(from, into)).await;
    }
    let mut from = Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient()).await?;
    let mut into = Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient()).await?;
    let name = "backup: a bucket of S3 keeps the newest exports, whole or not at all, and they are restored";
    summary.scenario(name, bucket::run(&mut from, &mut into)).await;
    let name = "backup: Redis' disk is gone; from the newest export clients go on under their keys";
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    summary.scenario(name, restore_after_lost_disk(&mut deployment)).await;
    let name = "backup: SQLite, then Redis, then a cluster under one crowd: nothing is lost or repeated";
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient()).await?;
    summary.scenario(name, move_between_stores(&mut deployment)).await;
    let name = "backup: while slots of a cluster move, or a master is lost, an export is refused, and no part of it left";
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    summary.scenario(name, assert_all_or_nothing(&mut deployment)).await;
    Ok(())
}

async fn one_on_each_store(arguments: &ProveArguments) -> anyhow::Result<[Named; 3]> {
    let sqlite = Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient()).await?;
    let redis = Deployment::build(arguments.plan(StoreUnderTest::Both).patient()).await?;
    let mut on_cluster = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    let cluster = on_cluster.use_cluster().await?;
    Ok([
        Named { name: "SQLite", deployment: sqlite, _cluster: None },
        Named { name: "Redis, both adapters", deployment: redis, _cluster: None },
        Named { name: "a cluster", deployment: on_cluster, _cluster: Some(cluster) },
    ])
}

/// An export under load, into an empty store of another kind.
async fn export_and_restore(from: &Named, into: &Named) -> anyhow::Result<()> {
    let (from, into) = (&from.deployment, &into.deployment);
    let (bank, restored) = (from.client(), into.client());
    let (before, ()) = Crowd::during(&bank, Size::Small, false, sleep_for(BEFORE)).await?;
    let (during, file) = Crowd::during(&bank, Size::Small, false, async {
        tokio::time::sleep(BEFORE).await;
        let file = from.export_to("under-load.jsonl").await?;
        from.must_run(&["verify", "--all"]).await?;
        tokio::time::sleep(AFTER).await;
        Ok(file)
    })
    .await?;
    into.import_and_verify(&file).await?;
    ensure!(lines(&file)? == lines(&into.export_to("restored.jsonl").await?)?, "it is not what was exported");
    before.judge(&restored).await.context("what was acknowledged before the export began")?;
    for user in during.wallets() {
        assert_earlier_state(&bank, &restored, user).await?;
    }
    let (kept, lost) = during.replay_all(&restored).await?;
    into.must_run(&["verify", "--all"]).await?;
    println!("{before}\nof {} operations during the export {kept} are in it, {lost} came later", kept + lost);
    Ok(())
}

/// A restored wallet is one that existed at the exported bank.
async fn assert_earlier_state(bank: &Bank, restored: &Bank, user: &str) -> anyhow::Result<()> {
    let now: Wallet = restored.wallet(user).await;
    let then: Wallet = bank.get(format!("/v1/wallet?at={}", now.seq)).user(user).await.is(200).json();
    ensure!(then == now, "{user} was restored as {now:?}, and it was {then:?}");
    Ok(())
}

/// Imports that must be refused, each with its message; nothing is changed.
async fn refuse_bad_imports(deployment: &Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    let user = fresh("refused");
    for n in 1..=OPERATIONS {
        deposit(&bank, &user, n).await.is(200);
    }
    let file = deployment.export_to("sound.jsonl").await?;
    let (sound, before) = (std::fs::read(&file)?, money(deployment).await?);
    let import = |name: &'static str| ["import".to_owned(), deployment.path(name).display().to_string()];
    let why = deployment.must_fail(&words(&import("sound.jsonl")), 5).await?;
    ensure!(why.contains("the store is not empty"), "{why}");
    let at = sound.windows(6).position(|window| window == b"\"1.00\"").context("no amount")?;
    let mut changed = sound.clone();
    changed[at + 1] = b'9';
    std::fs::write(deployment.path("changed.jsonl"), &changed)?;
    let why = deployment.must_fail(&words(&import("changed.jsonl")), 3).await?;
    ensure!(why.contains("changed.jsonl, line "), "{why}");
    std::fs::write(deployment.path("cut.jsonl"), &sound[..sound.len() - 100])?;
    let why = deployment.must_fail(&words(&import("cut.jsonl")), 3).await?;
    ensure!(why.contains("the last line is missing: the file was cut off"), "{why}");
    let last = sound[..sound.len() - 1].iter().rposition(|byte| *byte == b'\n').context("one line")?;
    std::fs::write(deployment.path("short.jsonl"), &sound[..=last])?;
    let why = deployment.must_fail(&words(&import("short.jsonl")), 3).await?;
    ensure!(why.contains("was cut off"), "{why}");
    ensure!(money(deployment).await? == before, "something was written");
    Ok(())
}

/// The keys and values of a store that concern money.
async fn money(deployment: &Deployment) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let stored = deployment.stored().await?.into_iter();
    Ok(stored.filter(|(key, _)| !key.starts_with("bank:ready") && !key.contains("{ready")).collect())
}

fn words(words: &[String; 2]) -> [&str; 2] {
    [&words[0], &words[1]]
}

async fn sleep_for(time: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(time).await;
    Ok(())
}

/// The volume is gone. What was acknowledged after the newest export is done again under the same keys.
async fn restore_after_lost_disk(deployment: &mut Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    let (before, ()) = Crowd::during(&bank, Size::Large, false, sleep_for(BEFORE)).await?;
    let file = deployment.export_to("newest.jsonl").await?;
    let (after, ()) = Crowd::during(&bank, Size::Large, false, sleep_for(BEFORE)).await?;
    deployment.wipe_redis().await?;
    deployment.import_and_verify(&file).await?;
    before.judge(&bank).await?;
    let (kept, lost) = after.replay_all(&bank).await?;
    ensure!(kept == 0 && lost == after.done(), "{kept} of {} are there", after.done());
    let (kept, again) = after.replay_all(&bank).await?;
    ensure!(again == 0 && kept == lost, "{again} of {lost} were done once more");
    println!(
        "{} operations were in the export, {lost} came after it and were done again, once",
        before.done()
    );
    Ok(())
}

/// Clients retry under their keys while the bank moves, twice; Redis is made read-only meanwhile, and is not stopped.
async fn move_between_stores(deployment: &mut Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    let (crowd, (_cluster, window)) = Crowd::during(&bank, Size::Small, true, async {
        tokio::time::sleep(BEFORE).await;
        deployment.stop_banks().await?;
        let sqlite = deployment.export_to("sqlite.jsonl").await?;
        deployment.switch_to_redis().await?;
        deployment.import_and_verify(&sqlite).await?;
        let redis = deployment.export_to("redis.jsonl").await?;
        ensure!(lines(&sqlite)? == lines(&redis)?, "Redis has not what SQLite had");
        deployment.start_banks().await?;
        let cluster = deployment.start_unused_cluster().await?;
        // Redis refuses writes; reads go on.
        deployment.redis()?.connect().await?.command("CONFIG SET min-replicas-to-write 100").await?;
        let begun = std::time::Instant::now();
        let redis = deployment.export_to("redis-at-the-end.jsonl").await?;
        let readers = deployment.client();
        ensure!(readers.get("/v1/bitcoins").await.status == 200, "nothing can be read in the window");
        deployment.import_into_cluster(&cluster, &redis).await?;
        let there = deployment.export_to("cluster.jsonl").await?;
        ensure!(lines(&redis)? == lines(&there)?, "the cluster has not what Redis had");
        deployment.stop_banks().await?;
        deployment.start_banks().await?;
        let window = begun.elapsed();
        tokio::time::sleep(BEFORE).await;
        Ok((cluster, window))
    })
    .await?;
    println!("{crowd}; the second move took {} ms", window.as_millis());
    crowd.judge(&bank).await?;
    deployment.must_run(&["verify", "--all"]).await.map(drop)
}

/// Slots move, and a master is lost.
async fn assert_all_or_nothing(deployment: &mut Deployment) -> anyhow::Result<()> {
    let mut cluster = deployment.use_cluster().await?;
    deployment.restart_at(cluster.urls()).await?;
    let bank = deployment.client();
    let shards = cluster.one_user_per_master().await?;
    for shard in &shards {
        deposit(&bank, &shard.user, 1).await.is(200);
    }
    let shard = shards.first().context("no shard")?;
    let moving = cluster.begin_to_move(shard).await?;
    let file = deployment.path("all-or-nothing.jsonl").display().to_string();
    let why = deployment.must_fail(&["export", "--to", &file], 4).await?;
    ensure!(why.contains("slots of the cluster are being moved"), "{why}");
    cluster.end_move(moving).await?;
    cluster.kill_master_of(shard).await?;
    let why = deployment.must_fail(&["export", "--to", &file], 4).await?;
    ensure!(why.contains("Redis at "), "{why}");
    let left = std::fs::read_dir(deployment.path(""))?.flatten();
    let left: Vec<_> = left.filter(|left| left.file_name().to_string_lossy().contains("all-or")).collect();
    ensure!(left.is_empty(), "{left:?}");
    cluster.wait_for_failover(shard).await?;
    deployment.export_to("whole.jsonl").await.map(drop)
}
