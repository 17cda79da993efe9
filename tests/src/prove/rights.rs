//! A user of Redis with the rights in `docs/backup.md` can export, verify and import, in plain text and over TLS.
//!
//! Mechanism: a Redis, and each node of a cluster that speaks only TLS, get the very lines of that page. Needs: a
//! house with `store=redis`.

use crate::names::fresh;
use crate::prove::house::{Cluster, House};
use crate::prove::shards::deposit_at_last;
use anyhow::{Context as _, ensure};

const PAGE: &str = include_str!("../../../docs/backup.md");
const ITS_PASSWORD: &str = "the-password-of-the-user-backup";
/// With this many operations under keys, some have left the wallet for the pages and the index.
const OPERATIONS: u64 = 30;

/// The lines that give rights: those of every Redis, those for a cluster, those to import.
fn rights() -> anyhow::Result<[String; 3]> {
    let lines: Vec<String> = PAGE
        .lines()
        .filter(|line| line.starts_with("ACL SETUSER backup "))
        .map(|line| line.split('#').next().unwrap_or_default().trim().replace("PASSWORD", ITS_PASSWORD))
        .collect();
    lines.try_into().map_err(|lines| anyhow::anyhow!("docs/backup.md has other lines: {lines:?}"))
}

/// Of one Redis.
pub async fn are_enough(house: &mut House) -> anyhow::Result<()> {
    let [reads, _, writes] = rights()?;
    has_money(house).await?;
    house.stop_banks().await?;
    let mut talk = house.redis()?.talk().await?;
    talk.command(&reads).await?;
    let address = house.redis()?.address();
    house.will_use(format!("redis://backup:wrong@{address}"));
    let why = house.fails(&["export", "--to", "-"], 1).await?;
    ensure!(why.contains("Redis at "), "{why}");
    house.will_use(format!("redis://backup:{ITS_PASSWORD}@{address}"));
    let file = house.exports("by-backup.jsonl").await?.display().to_string();
    house.runs(&["verify", "--all"]).await?;
    talk.command("FLUSHALL").await?;
    lacks_a_right(house, &["import", &file]).await?;
    talk.command(&writes).await?;
    house.runs(&["import", &file]).await?;
    house.runs(&["verify", "--all"]).await.map(drop)
}

/// On a cluster, over TLS. There too no bank starts on half an import.
pub async fn are_enough_over_tls(house: &mut House, cluster: &Cluster) -> anyhow::Result<()> {
    let [reads, of_a_cluster, writes] = rights()?;
    has_money(house).await?;
    house.stop_banks().await?;
    cluster.tells_each(&reads).await?;
    // The data of one node must not be taken for all.
    for node in 0..3 {
        house.will_use(cluster.url_of("backup", ITS_PASSWORD, node));
        lacks_a_right(house, &["export", "--to", "-"]).await?;
    }
    cluster.tells_each(&of_a_cluster).await?;
    for url in cluster.urls_of_masters() {
        house.will_use(url.clone());
        cluster.command(&["SET", "bank:import", "a file"]).await?;
        house.does_not_start().await.with_context(|| format!("told of {url}"))?;
        cluster.command(&["DEL", "bank:import"]).await?;
    }
    house.will_use(cluster.url_of("backup", ITS_PASSWORD, 0));
    let file = house.exports("over-tls.jsonl").await?.display().to_string();
    house.runs(&["verify", "--all"]).await?;
    cluster.tells_the_first(&["CLUSTER", "DELSLOTS", "0"]).await?;
    let why = house.fails(&["export", "--to", "-"], 4).await?;
    ensure!(why.contains("no node has 1 of the slots of the cluster"), "{why}");
    cluster.tells_the_first(&["CLUSTER", "ADDSLOTS", "0"]).await?;
    let trusted = house.trusts(None);
    let why = house.fails(&["export", "--to", "-"], 4).await?;
    ensure!(why.contains("certificate"), "{why}");
    house.trusts(trusted);
    cluster.tells_each("FLUSHALL").await?;
    lacks_a_right(house, &["import", &file]).await?;
    cluster.tells_each(&writes).await?;
    house.runs(&["import", &file]).await?;
    house.runs(&["verify", "--all"]).await.map(drop)
}

async fn has_money(house: &House) -> anyhow::Result<()> {
    let bank = house.client();
    for user in [fresh("rights"), fresh("rights-2"), fresh("rights-3")] {
        for n in 1..=OPERATIONS {
            deposit_at_last(&bank, &user, n).await?;
        }
        let refused = bank.post("/v1/withdraw").user(&user).idempotency_key("too-much").amount("1000").await;
        ensure!(refused.status == 422, "{refused}");
    }
    bank.post(format!("/v1/counters/{}", fresh("rights"))).idempotency_key("one").await.is(200);
    Ok(())
}

async fn lacks_a_right(house: &House, words: &[&str]) -> anyhow::Result<()> {
    let why = house.fails(words, 1).await?;
    ensure!(why.contains("docs/backup.md says which rights it needs"), "{why}");
    Ok(())
}
