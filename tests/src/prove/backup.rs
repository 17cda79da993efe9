//! Exports that are made under load and restored into every kind of store, and drills for disasters.
//!
//! What was acknowledged before an export began is in it. What was acknowledged after it is not; clients that retry
//! under their keys have it done exactly once more.

use crate::bank::{Bank, Wallet};
use crate::names::fresh;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::exported::lines;
use crate::prove::house::{Cluster, House, Plan, Store};
use crate::prove::shards::deposit;
use crate::prove::summary::Summary;
use crate::prove::{Arguments, bucket, folder, interrupted, rights};
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// How long clients move money before an export begins.
const BEFORE: Duration = Duration::from_millis(700);
/// And after it has ended.
const AFTER: Duration = Duration::from_millis(300);
/// With this many operations under keys, some have left the wallet for the pages and the index.
const OPERATIONS: u64 = 30;

/// A bank on a kind of store. If it is on a cluster, that ends with it.
struct Kind(&'static str, House, #[allow(dead_code, reason = "it is dropped")] Option<Cluster>);

/// From each kind of store into another one, and imports that are refused.
pub async fn is_proven(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let [sqlite, redis, cluster] = kinds(arguments).await?;
    let [into_sqlite, into_redis, into_cluster] = kinds(arguments).await?;
    for (from, into) in [(&sqlite, &into_redis), (&redis, &into_cluster), (&cluster, &into_sqlite)] {
        let name = format!("backup: an export of {} under load is restored into {}", from.0, into.0);
        summary.scenario(&name, travels(from, into)).await;
    }
    for store in [Store::Sqlite, Store::Direct] {
        let mut house = House::build(Plan { processes: 1, ..arguments.plan(store).patient() }).await?;
        let name = house.at("backup: an import that is interrupted leaves nothing that a bank is started on");
        summary.scenario(&name, interrupted::is_no_bank(&mut house)).await;
    }
    let mut house = House::build(arguments.plan(Store::Sqlite).patient()).await?;
    let name = house.at("backup: a store that was lost puts no export into a folder, and removes none");
    summary.scenario(&name, folder::keeps_what_is_good(&mut house)).await;
    let mut house = House::build(Plan { processes: 1, ..arguments.plan(Store::Direct).patient() }).await?;
    let name = house.at("backup: a user with the rights of docs/backup.md exports, verifies and imports");
    summary.scenario(&name, rights::are_enough(&mut house)).await;
    let mut house = House::build(Plan { processes: 1, ..arguments.plan(Store::Direct).patient() }).await?;
    let cluster = house.on_a_cluster_with_tls().await?;
    let name = "a cluster over TLS: backup: the same, and no bank starts on half of an import";
    summary.scenario(name, rights::are_enough_over_tls(&mut house, &cluster)).await;
    for Kind(name, house, _) in [&into_sqlite, &into_redis] {
        let name = format!("backup: into {name} nothing is imported that is broken, cut, or not to be mixed");
        summary.scenario(&name, is_refused(house)).await;
    }
    Ok(())
}

/// The other directions, and disasters.
pub async fn drills(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let [sqlite, redis, cluster] = kinds(arguments).await?;
    let [into_sqlite, into_redis, into_cluster] = kinds(arguments).await?;
    for (from, into) in [(&sqlite, &into_cluster), (&redis, &into_sqlite), (&cluster, &into_redis)] {
        let name = format!("backup: an export of {} under load is restored into {}", from.0, into.0);
        summary.scenario(&name, travels(from, into)).await;
    }
    let mut from = House::build(arguments.plan(Store::Sqlite).patient()).await?;
    let mut into = House::build(arguments.plan(Store::Sqlite).patient()).await?;
    let name = "backup: a bucket of S3 keeps the newest exports, whole or not at all, and they are restored";
    summary.scenario(name, bucket::keeps_exports(&mut from, &mut into)).await;
    let name = "backup: Redis' disk is gone; from the newest export clients go on under their keys";
    let mut house = House::build(arguments.plan(Store::Direct).patient()).await?;
    summary.scenario(name, survives_a_lost_disk(&mut house)).await;
    let name = "backup: SQLite, then Redis, then a cluster under one crowd: nothing is lost or repeated";
    let mut house = House::build(arguments.plan(Store::Sqlite).patient()).await?;
    summary.scenario(name, moves_on(&mut house)).await;
    let name = "backup: while slots of a cluster move, or a master is lost, an export is refused, and no part of it left";
    let mut house = House::build(arguments.plan(Store::Direct).patient()).await?;
    summary.scenario(name, is_all_or_nothing(&mut house)).await;
    Ok(())
}

async fn kinds(arguments: &Arguments) -> anyhow::Result<[Kind; 3]> {
    let sqlite = House::build(arguments.plan(Store::Sqlite).patient()).await?;
    let redis = House::build(arguments.plan(Store::Both).patient()).await?;
    let mut on_cluster = House::build(arguments.plan(Store::Direct).patient()).await?;
    let cluster = on_cluster.on_a_cluster().await?;
    Ok([
        Kind("SQLite", sqlite, None),
        Kind("Redis, both adapters", redis, None),
        Kind("a cluster", on_cluster, Some(cluster)),
    ])
}

/// An export under load, into an empty store of another kind.
async fn travels(Kind(_, from, _): &Kind, Kind(_, into, _): &Kind) -> anyhow::Result<()> {
    let (bank, restored) = (from.client(), into.client());
    let (before, ()) = Crowd::during(&bank, Size::Small, false, slept(BEFORE)).await?;
    let (during, file) = Crowd::during(&bank, Size::Small, false, async {
        tokio::time::sleep(BEFORE).await;
        let file = from.exports("under-load.jsonl").await?;
        from.runs(&["verify", "--all"]).await?;
        tokio::time::sleep(AFTER).await;
        Ok(file)
    })
    .await?;
    into.imports(&file).await?;
    ensure!(lines(&file)? == lines(&into.exports("restored.jsonl").await?)?, "it is not what was exported");
    before.judge(&restored).await.context("what was acknowledged before the export began")?;
    for user in during.wallets() {
        is_a_past(&bank, &restored, user).await?;
    }
    let (kept, lost) = during.again(&restored).await?;
    into.runs(&["verify", "--all"]).await?;
    println!("{before}\nof {} operations during the export {kept} are in it, {lost} came later", kept + lost);
    Ok(())
}

/// A restored wallet is one that existed at the exported bank.
async fn is_a_past(bank: &Bank, restored: &Bank, user: &str) -> anyhow::Result<()> {
    let now: Wallet = restored.wallet(user).await;
    let then: Wallet = bank.get(format!("/v1/wallet?at={}", now.seq)).user(user).await.is(200).json();
    ensure!(then == now, "{user} was restored as {now:?}, and it was {then:?}");
    Ok(())
}

/// Imports that must be refused, each with its message; nothing is changed.
async fn is_refused(house: &House) -> anyhow::Result<()> {
    let bank = house.client();
    let user = fresh("refused");
    for n in 1..=OPERATIONS {
        deposit(&bank, &user, n).await.is(200);
    }
    let file = house.exports("sound.jsonl").await?;
    let (sound, before) = (std::fs::read(&file)?, money(house).await?);
    let import = |name: &'static str| ["import".to_owned(), house.path(name).display().to_string()];
    let why = house.fails(&words(&import("sound.jsonl")), 5).await?;
    ensure!(why.contains("the store is not empty"), "{why}");
    let at = sound.windows(6).position(|window| window == b"\"1.00\"").context("no amount")?;
    let mut changed = sound.clone();
    changed[at + 1] = b'9';
    std::fs::write(house.path("changed.jsonl"), &changed)?;
    let why = house.fails(&words(&import("changed.jsonl")), 3).await?;
    ensure!(why.contains("changed.jsonl, line "), "{why}");
    std::fs::write(house.path("cut.jsonl"), &sound[..sound.len() - 100])?;
    let why = house.fails(&words(&import("cut.jsonl")), 3).await?;
    ensure!(why.contains("the last line is missing: the file was cut off"), "{why}");
    let last = sound[..sound.len() - 1].iter().rposition(|byte| *byte == b'\n').context("one line")?;
    std::fs::write(house.path("short.jsonl"), &sound[..=last])?;
    let why = house.fails(&words(&import("short.jsonl")), 3).await?;
    ensure!(why.contains("was cut off"), "{why}");
    ensure!(money(house).await? == before, "something was written");
    Ok(())
}

/// The keys and values of a store that concern money.
async fn money(house: &House) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let stored = house.stored().await?.into_iter();
    Ok(stored.filter(|(key, _)| !key.starts_with("bank:ready") && !key.contains("{ready")).collect())
}

fn words(words: &[String; 2]) -> [&str; 2] {
    [&words[0], &words[1]]
}

async fn slept(time: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(time).await;
    Ok(())
}

/// The volume is gone. What was acknowledged after the newest export is done again under the same keys.
async fn survives_a_lost_disk(house: &mut House) -> anyhow::Result<()> {
    let bank = house.client();
    let (before, ()) = Crowd::during(&bank, Size::Large, false, slept(BEFORE)).await?;
    let file = house.exports("newest.jsonl").await?;
    let (after, ()) = Crowd::during(&bank, Size::Large, false, slept(BEFORE)).await?;
    house.loses_redis().await?;
    house.imports(&file).await?;
    before.judge(&bank).await?;
    let (kept, lost) = after.again(&bank).await?;
    ensure!(kept == 0 && lost == after.done(), "{kept} of {} are there", after.done());
    let (kept, again) = after.again(&bank).await?;
    ensure!(again == 0 && kept == lost, "{again} of {lost} were done once more");
    println!(
        "{} operations were in the export, {lost} came after it and were done again, once",
        before.done()
    );
    Ok(())
}

/// Clients retry under their keys while the bank moves, twice; Redis is made read-only meanwhile, and is not stopped.
async fn moves_on(house: &mut House) -> anyhow::Result<()> {
    let bank = house.client();
    let (crowd, (_cluster, window)) = Crowd::during(&bank, Size::Small, true, async {
        tokio::time::sleep(BEFORE).await;
        house.stop_banks().await?;
        let sqlite = house.exports("sqlite.jsonl").await?;
        house.moves_to_redis().await?;
        house.imports(&sqlite).await?;
        let redis = house.exports("redis.jsonl").await?;
        ensure!(lines(&sqlite)? == lines(&redis)?, "Redis has not what SQLite had");
        house.start_banks().await?;
        let cluster = house.beside_a_cluster().await?;
        // Redis refuses writes; reads go on.
        house.redis()?.talk().await?.command("CONFIG SET min-replicas-to-write 100").await?;
        let begun = std::time::Instant::now();
        let redis = house.exports("redis-at-the-end.jsonl").await?;
        let readers = house.client();
        ensure!(readers.get("/v1/bitcoins").await.status == 200, "nothing can be read in the window");
        house.imports_elsewhere(&cluster, &redis).await?;
        let there = house.exports("cluster.jsonl").await?;
        ensure!(lines(&redis)? == lines(&there)?, "the cluster has not what Redis had");
        house.stop_banks().await?;
        house.start_banks().await?;
        let window = begun.elapsed();
        tokio::time::sleep(BEFORE).await;
        Ok((cluster, window))
    })
    .await?;
    println!("{crowd}; the second move took {} ms", window.as_millis());
    crowd.judge(&bank).await?;
    house.runs(&["verify", "--all"]).await.map(drop)
}

/// Slots move, and a master is lost.
async fn is_all_or_nothing(house: &mut House) -> anyhow::Result<()> {
    let mut cluster = house.on_a_cluster().await?;
    house.restart_at(cluster.urls()).await?;
    let bank = house.client();
    let shards = cluster.a_user_for_each().await?;
    for shard in &shards {
        deposit(&bank, &shard.user, 1).await.is(200);
    }
    let shard = shards.first().context("no shard")?;
    let moving = cluster.begin_to_move(shard).await?;
    let file = house.path("all-or-nothing.jsonl").display().to_string();
    let why = house.fails(&["export", "--to", &file], 4).await?;
    ensure!(why.contains("slots of the cluster are being moved"), "{why}");
    cluster.end_move(moving).await?;
    cluster.kill_the_master_of(shard).await?;
    let why = house.fails(&["export", "--to", &file], 4).await?;
    ensure!(why.contains("Redis at "), "{why}");
    let left = std::fs::read_dir(house.path(""))?.flatten();
    let left: Vec<_> = left.filter(|left| left.file_name().to_string_lossy().contains("all-or")).collect();
    ensure!(left.is_empty(), "{left:?}");
    cluster.has_failed_over(shard).await?;
    house.exports("whole.jsonl").await.map(drop)
}
