//! A Redis Cluster that changes while clients move money: slots that move, masters that die.

use crate::prove::crowd::{Crowd, Size};
use crate::prove::house::{Cluster, House};
use anyhow::ensure;
use std::time::Duration;

/// More than a quarter of what a master has.
const SLOTS: usize = 1_500;
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
    let (crowd, ()) = Crowd::during(&bank, Size::Large, false, async {
        for round in 0..rounds {
            tokio::time::sleep(AFTERWARDS).await;
            let killed = cluster.kill_a_master(round).await?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            cluster.start_node(killed).await?;
            cluster.is_whole().await?;
        }
        tokio::time::sleep(AFTERWARDS).await;
        Ok(())
    })
    .await?;
    println!("{crowd}");
    ensure!(crowd.sent_again() > 0, "the accident hit nobody");
    crowd.judge(&bank).await?;
    println!("a master killed {rounds} times: 0 lost, 0 doubled");
    Ok(())
}
