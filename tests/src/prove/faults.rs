//! Money on stores that misbehave: `bank up --fault tests/faults/*.toml` (docs/spin.md, facts 1 to 7).
//!
//! Clients do what sensible clients do: after a 503, a 500 of an instance that died, or no answer at all, they send
//! the same request again under the same key. Then every wallet is read from its last entry to its first and
//! compared with what the clients were told ([`super::judge`]).

use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::prove::suites::Suites;
use crate::prove::summary::Summary;
use anyhow::{bail, ensure};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A profile, and what clients notice of it.
struct Profile {
    name: &'static str,
    /// Whether something fails now and then, so that clients have to retry.
    fails: bool,
    /// Whether instances die, so that a bare 500 is to be expected.
    kills: bool,
    /// Whole suites run on it, on this kind of store, since clients see no failure.
    suites: Option<StoreUnderTest>,
}

const fn profile(name: &'static str) -> Profile {
    Profile { name, fails: false, kills: false, suites: None }
}

impl Profile {
    fn file(&self) -> PathBuf {
        PathBuf::from(format!("tests/faults/{}.toml", self.name))
    }
}

const PROFILES: &[Profile] = &[
    Profile { suites: Some(StoreUnderTest::KvOnRedis), ..profile("spin-redis") },
    Profile { suites: Some(StoreUnderTest::Sqlite), ..profile("spin-sqlite") },
    profile("false-success"),
    profile("slow"),
    Profile { fails: true, ..profile("lost-replies") },
    Profile { fails: true, ..profile("late-writes") },
    Profile { fails: true, kills: true, ..profile("dying-instances") },
];

/// The suites that pass unchanged on stores that are only as wrong as Spin's.
const SUITES: &[&str] = &["first_deposits", "idempotency", "keyed_counters", "keys_for_ever", "wallet"];

/// How long the clients go on.
const LOAD_TIME: Duration = Duration::from_millis(4000);
/// After this time nothing that was given up is still in flight.
const SETTLE_TIME: Duration = Duration::from_millis(1200);

/// Every profile on one kind of store, each on a deployment of its own.
pub async fn run_all(
    store: StoreUnderTest,
    runner: &Path,
    manifest: &Path,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    for profile in PROFILES {
        let deployment = Deployment::build(plan(store, runner, manifest, profile)).await?;
        let name = deployment.scenario_name("money under clients that send again");
        summary.scenario(&name, move_money(&deployment, profile)).await;
        if profile.suites == Some(store) {
            suites.run(|suite| SUITES.contains(&suite), Some(&deployment), summary).await;
        }
    }
    Ok(())
}

fn plan(store: StoreUnderTest, runner: &Path, manifest: &Path, profile: &Profile) -> Plan {
    Plan { fault: Some(profile.file()), ..Plan::new(store, runner, manifest) }
}

async fn move_money(deployment: &Deployment, profile: &Profile) -> anyhow::Result<()> {
    let bank = deployment.client();
    let while_they_do = async {
        tokio::time::sleep(LOAD_TIME).await;
        Ok(())
    };
    let (crowd, ()) = Crowd::during(&bank, Size::Large, profile.kills, while_they_do).await?;
    println!("{crowd}");
    ensure!(crowd.done() > 50, "only {} operations were answered", crowd.done());
    ensure!(!profile.fails || crowd.sent_again() > 0, "the faults hit nobody");
    tokio::time::sleep(if profile.fails { SETTLE_TIME } else { Duration::ZERO }).await;
    crowd.judge(&bank).await
}

/// Tests the test: if a store loses money, that is noticed.
pub async fn assert_loss_is_noticed(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let profile = profile("unguarded");
    let deployment = Deployment::build(plan(StoreUnderTest::KvOnRedis, runner, manifest, &profile)).await?;
    match AssertUnwindSafe(move_money(&deployment, &profile)).catch_unwind().await {
        Ok(Ok(())) => bail!("a store that guards nothing was found to be sound"),
        Ok(Err(noticed)) => println!("noticed: {noticed:#}"),
        Err(_) => println!("noticed, as above"),
    }
    Ok(())
}
