//! A Redis Cluster that changes while clients move money: slots move, masters die.

use crate::prove::ProveArguments;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::{Cluster, Deployment, PASSWORD, Plan, StoreUnderTest};
use crate::prove::recovery::{Recoveries, first_success};
use crate::prove::shards;
use crate::prove::suites::{self, Suites};
use crate::prove::summary::Summary;
use anyhow::ensure;
use futures::future::try_join_all;
use std::path::Path;
use std::time::{Duration, Instant};

/// More than a quarter of what a master has.
const SLOTS: usize = 1_500;
/// The twelfth operation finds a log that is full.
const UNTIL_SEALED: u64 = 12;
/// How long clients go on after the last accident.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Scenarios with banks on a Redis Cluster.
pub async fn run(arguments: &ProveArguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
    let contract = Path::new("tests/store-contract/spin.toml");
    let mut deployment =
        Deployment::build(Plan::new(StoreUnderTest::RedisAdapter, &arguments.bank, contract).patient())
            .await?;
    let cluster = deployment.use_cluster().await?;
    suites.run(suites::of_the_store, Some(&deployment), summary).await;
    drop((deployment, cluster));
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    let cluster = deployment.use_cluster().await?;
    // The store matters little in most of them: on a cluster all are run only on request.
    let wanted = if arguments.only.is_empty() { suites::after_the_restart } else { suites::of_storage };
    suites.run(wanted, Some(&deployment), summary).await;
    let name =
        deployment.scenario_name("in a cluster whose slots move under load nothing is lost or repeated");
    summary.scenario(&name, move_slots_under_load(&deployment, &cluster)).await;
    let name = deployment
        .scenario_name("bank verify reads a wallet by any node, and finds keys of entries that are gone");
    summary.scenario(&name, verify_wallets(&deployment, &cluster)).await;
    let name = deployment
        .scenario_name("a slot that is left half moved holds up what needs all of it, and nothing else");
    summary.scenario(&name, shards::run_with_half_moved_slot(&deployment, &cluster)).await;
    suites.run(suites::at_the_end, Some(&deployment), summary).await;
    drop((deployment, cluster));
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    let cluster = deployment.use_tls_cluster().await?;
    let name = deployment.scenario_name("a cluster is reached over TLS and with a password on each node");
    summary.scenario(&name, serve_over_tls(&deployment, &cluster)).await;
    let name = deployment
        .scenario_name("however often banks are asked whether they are ready, no deposit is disturbed");
    summary.scenario(&name, shards::probe_during_deposits(&mut deployment, &cluster)).await;
    Ok(())
}

/// Masters of a cluster are killed, and banks answer a write once a replica has it.
pub async fn run_failovers(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let plan = arguments.plan(StoreUnderTest::RedisAdapter).with(&[("redis_wait_replicas", "1")]);
    let mut deployment = Deployment::build(plan).await?;
    let mut cluster = deployment.use_cluster().await?;
    let name =
        deployment.scenario_name("in a cluster that loses masters under load nothing is lost or repeated");
    let loses = kill_masters_under_load(&deployment, &mut cluster, arguments.failovers);
    summary.scenario(&name, loses).await;
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter)).await?;
    let mut cluster = deployment.use_cluster().await?;
    let name = deployment.scenario_name("banks that start while a node hangs serve all other shards");
    summary.scenario(&name, shards::start_while_node_hangs(&mut deployment, &mut cluster)).await;
    let name = deployment
        .scenario_name("banks that start when the first node they were told of is gone serve all shards");
    summary.scenario(&name, shards::start_without_first_node(&mut deployment, &mut cluster)).await;
    Ok(())
}

/// Slots move from one master to another.
async fn move_slots_under_load(deployment: &Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = deployment.client();
    let (crowd, ()) = Crowd::during(&bank, Size::Large, false, async {
        cluster.move_slots(SLOTS).await?;
        tokio::time::sleep(AFTERWARDS).await;
        Ok(())
    })
    .await?;
    println!("{crowd}");
    crowd.judge(&bank).await?;
    println!("{SLOTS} slots moved: 0 lost, 0 doubled");
    Ok(())
}

/// A master is killed, its replica takes over, and it comes back as a replica; again and again.
async fn kill_masters_under_load(
    deployment: &Deployment,
    cluster: &mut Cluster,
    rounds: usize,
) -> anyhow::Result<()> {
    let bank = deployment.client();
    let mut shards = cluster.one_user_per_master().await?;
    let (crowd, recoveries) = Crowd::during(&bank, Size::Large, false, async {
        let mut recoveries = Recoveries::default();
        for _ in 0..rounds {
            tokio::time::sleep(AFTERWARDS).await;
            shards.rotate_left(1);
            let [shard, others @ ..] = shards.as_slice() else { anyhow::bail!("no shard") };
            let killed = cluster.kill_master_of(shard).await?;
            let since = Instant::now();
            // A write waits for the only replica that the new master will have, so the dead node must come back.
            let comes_back = async {
                cluster.wait_for_failover(shard).await?;
                let failover = since.elapsed();
                cluster.start_node(killed).await?;
                cluster.wait_until_whole().await?;
                anyhow::Ok((failover, since.elapsed()))
            };
            let left = try_join_all(others.iter().map(|other| first_success(&bank, &other.user, since)));
            let ((failover, ready), lost, left) =
                tokio::try_join!(comes_back, first_success(&bank, &shard.user, since), left)?;
            recoveries.add(failover, ready, lost, &left);
        }
        tokio::time::sleep(AFTERWARDS).await;
        Ok(recoveries)
    })
    .await?;
    recoveries.judge(&bank, crowd).await
}

/// Every shard serves over TLS and with a password, including what has left a wallet; the log reveals neither.
async fn serve_over_tls(deployment: &Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = deployment.client();
    for shard in cluster.one_user_per_master().await? {
        for n in 1..=UNTIL_SEALED {
            shards::deposit(&bank, &shard.user, n).await.is(200);
        }
        shards::deposit(&bank, &shard.user, 1).await.is(200);
        ensure!(
            bank.wallet(&shard.user).await.seq == UNTIL_SEALED,
            "a deposit that came again counted twice"
        );
    }
    bank.get("/readyz").await.is(200);
    ensure!(!deployment.logs()?.contains(PASSWORD), "the log has the password");
    Ok(())
}

/// `bank verify` reads a wallet by the URL of any node, and finds keys whose entries are gone.
async fn verify_wallets(deployment: &Deployment, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = deployment.client();
    for shard in cluster.one_user_per_master().await? {
        let key = |what: &str| format!("bank:{{{}}}:{what}", shard.user);
        shards::deposit(&bank, &shard.user, 1).await.is(200);
        let earlier = cluster.query(&shard, &["GET", &key("wallet")]).await?;
        for n in 2..=UNTIL_SEALED {
            shards::deposit(&bank, &shard.user, n).await.is(200);
        }
        let sound = deployment.verify(&shard.user).await?;
        let report = String::from_utf8_lossy(&sound.stdout).into_owned();
        ensure!(sound.status.success() && report.contains("12 entries in 1 pages"), "{report}{sound:?}");
        // As after a failover that has lost all but the first entry, and the page.
        cluster.query(&shard, &["SET", &key("wallet"), &earlier]).await?;
        cluster.query(&shard, &["DEL", &key("page:0")]).await?;
        let broken = deployment.verify(&shard.user).await?;
        let why = String::from_utf8_lossy(&broken.stderr).into_owned();
        ensure!(!broken.status.success() && why.contains("an entry that is gone"), "{why}{broken:?}");
    }
    Ok(())
}
