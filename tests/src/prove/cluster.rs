//! A Redis Cluster that changes while clients move money: slots that move, masters that die.

use crate::bank::Bank;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::house::{Cluster, House, PASSWORD, Shard};
use crate::prove::recovery::{Recoveries, first_success};
use anyhow::ensure;
use futures::future::try_join_all;
use std::time::{Duration, Instant};

/// More than a quarter of what a master has.
const SLOTS: usize = 1_500;
/// The twelfth operation finds a log that is full.
const UNTIL_SEALED: u64 = 12;
/// Clients go on for a while after the last accident.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Slots move from one master to another.
pub async fn moves_slots_under_load(house: &House, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = house.client();
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
pub async fn loses_masters_under_load(
    house: &House,
    cluster: &mut Cluster,
    rounds: usize,
) -> anyhow::Result<()> {
    let bank = house.client();
    let mut shards = cluster.a_user_for_each().await?;
    let (crowd, recoveries) = Crowd::during(&bank, Size::Large, false, async {
        let mut recoveries = Recoveries::default();
        for _ in 0..rounds {
            tokio::time::sleep(AFTERWARDS).await;
            shards.rotate_left(1);
            let [shard, others @ ..] = shards.as_slice() else { anyhow::bail!("no shard") };
            let killed = cluster.kill_the_master_of(shard).await?;
            let since = Instant::now();
            // A write waits for the only replica that the new master will have, so that the dead one must be back.
            let comes_back = async {
                cluster.has_failed_over(shard).await?;
                let failover = since.elapsed();
                cluster.start_node(killed).await?;
                cluster.is_whole().await?;
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
    println!("{crowd}\n{recoveries}");
    ensure!(crowd.sent_again() > 0, "the accident hit nobody");
    crowd.judge(&bank).await?;
    println!("a master killed {rounds} times: 0 lost, 0 doubled");
    recoveries.are_quick()
}

/// Every shard serves, over TLS and with a password, what has left a wallet included; the log tells nothing of either.
pub async fn speaks_tls(house: &House, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = house.client();
    for shard in cluster.a_user_for_each().await? {
        for n in 1..=UNTIL_SEALED {
            deposit(&bank, &shard, n).await;
        }
        deposit(&bank, &shard, 1).await;
        ensure!(
            bank.wallet(&shard.user).await.seq == UNTIL_SEALED,
            "a deposit that came again counted twice"
        );
    }
    bank.get("/readyz").await.is(200);
    ensure!(!house.said()?.contains(PASSWORD), "the log has the password");
    Ok(())
}

/// `bank verify` reads a wallet by the URL of any node, and finds keys of entries that are gone.
pub async fn is_verified(house: &House, cluster: &Cluster) -> anyhow::Result<()> {
    let bank = house.client();
    for shard in cluster.a_user_for_each().await? {
        let key = |what: &str| format!("bank:{{{}}}:{what}", shard.user);
        deposit(&bank, &shard, 1).await;
        let earlier = cluster.ask(&shard, &["GET", &key("wallet")]).await?;
        for n in 2..=UNTIL_SEALED {
            deposit(&bank, &shard, n).await;
        }
        let sound = house.verify(&shard.user).await?;
        let report = String::from_utf8_lossy(&sound.stdout).into_owned();
        ensure!(sound.status.success() && report.contains("12 entries in 1 pages"), "{report}{sound:?}");
        // As after a failover that has forgotten all but the first entry, and the page.
        cluster.ask(&shard, &["SET", &key("wallet"), &earlier]).await?;
        cluster.ask(&shard, &["DEL", &key("page:0")]).await?;
        let broken = house.verify(&shard.user).await?;
        let why = String::from_utf8_lossy(&broken.stderr).into_owned();
        ensure!(!broken.status.success() && why.contains("an entry that is gone"), "{why}{broken:?}");
    }
    Ok(())
}

async fn deposit(bank: &Bank, shard: &Shard, n: u64) {
    let request = bank.post("/v1/deposit").user(&shard.user).idempotency_key(format!("k{n}"));
    request.amount("1").await.is(200);
}
