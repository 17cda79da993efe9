//! A user of Redis with the rights in `docs/backup.md` can export, verify and import, in plain text and over TLS.
//!
//! Mechanism: a Redis, and each node of a cluster that speaks only TLS, get the very lines of that page. Needs: a
//! deployment with `store=redis`.

use crate::names::fresh;
use crate::prove::deployment::{Cluster, Deployment};
use crate::prove::shards::deposit_until_done;
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

/// The user exports, verifies and imports on one Redis.
pub async fn use_them(deployment: &mut Deployment) -> anyhow::Result<()> {
    let [reads, _, writes] = rights()?;
    deposit_money(deployment).await?;
    deployment.stop_banks().await?;
    let mut connection = deployment.redis()?.connect().await?;
    connection.command(&reads).await?;
    let address = deployment.redis()?.address();
    deployment.use_redis_at(format!("redis://backup:wrong@{address}"));
    let why = deployment.must_fail(&["export", "--to", "-"], 1).await?;
    ensure!(why.contains("Redis at "), "{why}");
    deployment.use_redis_at(format!("redis://backup:{ITS_PASSWORD}@{address}"));
    let file = deployment.export_to("by-backup.jsonl").await?.display().to_string();
    deployment.must_run(&["verify", "--all"]).await?;
    connection.command("FLUSHALL").await?;
    assert_right_is_missing(deployment, &["import", &file]).await?;
    connection.command(&writes).await?;
    deployment.must_run(&["import", &file]).await?;
    deployment.must_run(&["verify", "--all"]).await.map(drop)
}

/// The same on a cluster, over TLS. There too no bank starts on half an import.
pub async fn use_them_over_tls(deployment: &mut Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    let [reads, of_a_cluster, writes] = rights()?;
    deposit_money(deployment).await?;
    deployment.stop_banks().await?;
    cluster.command_each_node(&reads).await?;
    // The data of one node must not be taken for all.
    for node in 0..3 {
        deployment.use_redis_at(cluster.url_of("backup", ITS_PASSWORD, node));
        assert_right_is_missing(deployment, &["export", "--to", "-"]).await?;
    }
    cluster.command_each_node(&of_a_cluster).await?;
    for url in cluster.urls_of_masters() {
        deployment.use_redis_at(url.clone());
        cluster.command(&["SET", "bank:import", "a file"]).await?;
        deployment.assert_does_not_start().await.with_context(|| format!("told of {url}"))?;
        cluster.command(&["DEL", "bank:import"]).await?;
    }
    deployment.use_redis_at(cluster.url_of("backup", ITS_PASSWORD, 0));
    let file = deployment.export_to("over-tls.jsonl").await?.display().to_string();
    deployment.must_run(&["verify", "--all"]).await?;
    cluster.command_first_node(&["CLUSTER", "DELSLOTS", "0"]).await?;
    let why = deployment.must_fail(&["export", "--to", "-"], 4).await?;
    ensure!(why.contains("no node has 1 of the slots of the cluster"), "{why}");
    cluster.command_first_node(&["CLUSTER", "ADDSLOTS", "0"]).await?;
    let trusted = deployment.set_trusted_certificates(None);
    let why = deployment.must_fail(&["export", "--to", "-"], 4).await?;
    ensure!(why.contains("certificate"), "{why}");
    deployment.set_trusted_certificates(trusted);
    cluster.command_each_node("FLUSHALL").await?;
    assert_right_is_missing(deployment, &["import", &file]).await?;
    cluster.command_each_node(&writes).await?;
    deployment.must_run(&["import", &file]).await?;
    deployment.must_run(&["verify", "--all"]).await.map(drop)
}

async fn deposit_money(deployment: &Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    for user in [fresh("rights"), fresh("rights-2"), fresh("rights-3")] {
        for n in 1..=OPERATIONS {
            deposit_until_done(&bank, &user, n).await?;
        }
        let refused = bank.post("/v1/withdraw").user(&user).idempotency_key("too-much").amount("1000").await;
        ensure!(refused.status == 422, "{refused}");
    }
    bank.post(format!("/v1/counters/{}", fresh("rights"))).idempotency_key("one").await.is(200);
    Ok(())
}

async fn assert_right_is_missing(deployment: &Deployment, words: &[&str]) -> anyhow::Result<()> {
    let why = deployment.must_fail(words, 1).await?;
    ensure!(why.contains("docs/backup.md says which rights it needs"), "{why}");
    Ok(())
}
