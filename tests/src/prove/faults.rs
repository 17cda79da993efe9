//! The money part on stores that misbehave: `bank up --fault tests/faults/*.toml` (design 5, facts 1 to 7).
//!
//! Clients as a sensible person would write them: an answer of 503, a 500 of an instance that died, no
//! answer at all, and the same request goes out again under the same key. Then every wallet is read from
//! its last entry to its first and held against what the clients were told ([`judge`]).

use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::faults::client::{Client, Told};
use crate::prove::house::{House, Store};
use crate::prove::suites::Suites;
use crate::prove::summary::Summary;
use anyhow::{bail, ensure};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod client;
mod judge;

/// A profile, and what clients notice of it.
struct Profile {
    name: &'static str,
    /// Something fails now and then, and clients have to send again.
    fails: bool,
    /// Instances die, so that a 500 without a word is an answer.
    kills: bool,
    /// Whole suites run on it, since nothing fails that a client would see: on this kind of store.
    suites: Option<Store>,
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
    Profile { suites: Some(Store::Redis), ..profile("spin-redis") },
    Profile { suites: Some(Store::Sqlite), ..profile("spin-sqlite") },
    profile("false-success"),
    profile("slow"),
    Profile { fails: true, ..profile("lost-replies") },
    Profile { fails: true, ..profile("late-writes") },
    Profile { fails: true, kills: true, ..profile("dying-instances") },
];

/// What runs unchanged on stores that are only as wrong as Spin's.
const SUITES: &[&str] = &["first_deposits", "idempotency", "keyed_counters", "keys_for_ever", "wallet"];

const COLD_WALLETS: usize = 8;
const HOT_WALLETS: usize = 2;
const CLIENTS_OF_A_HOT_WALLET: usize = 5;
const CLIENTS_OF_THE_COUNTER: usize = 4;
/// How long the clients go on.
const WHILE: Duration = Duration::from_millis(2000);
/// Nothing that was given up is still under way after this.
const SETTLED: Duration = Duration::from_millis(1200);

/// Every profile on one kind of store, each on a house of its own.
pub async fn on(
    store: Store,
    runner: &Path,
    manifest: &Path,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    for profile in PROFILES {
        let house = House::build_with_fault(store, runner, manifest, Some(profile.file())).await?;
        let name = house.at("money under clients that send again");
        summary.scenario(&name, survives(&house, profile)).await;
        if profile.suites == Some(store) {
            suites.run(|suite| SUITES.contains(&suite), Some(&house), summary).await;
        }
    }
    Ok(())
}

async fn survives(house: &House, profile: &Profile) -> anyhow::Result<()> {
    let crowd = Crowd::go(house, profile).await?;
    let done: usize = crowd.told.iter().map(|told| told.done.len()).sum();
    let sent_again: usize = crowd.told.iter().map(|told| told.sent_again).sum();
    println!("{done} operations were answered, {sent_again} times one was sent again");
    ensure!(done > 50, "only {done} operations were answered");
    ensure!(!profile.fails || sent_again > 0, "the faults hit nobody");
    tokio::time::sleep(if profile.fails { SETTLED } else { Duration::ZERO }).await;
    crowd.judge(house, profile).await
}

/// The proof of the proof: money that a store loses is missed.
pub async fn are_noticed(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let profile = profile("unguarded");
    let house = House::build_with_fault(Store::Redis, runner, manifest, Some(profile.file())).await?;
    match AssertUnwindSafe(survives(&house, &profile)).catch_unwind().await {
        Ok(Ok(())) => bail!("a store that guards nothing was found to be sound"),
        Ok(Err(noticed)) => println!("noticed: {noticed:#}"),
        Err(_) => println!("noticed, as above"),
    }
    Ok(())
}

/// Clients on wallets and on a counter, and what they were told.
struct Crowd {
    wallets: Vec<String>,
    counter: String,
    told: Vec<Told>,
}

impl Crowd {
    async fn go(house: &House, profile: &Profile) -> anyhow::Result<Self> {
        let wallets: Vec<String> = (0..COLD_WALLETS + HOT_WALLETS).map(|_| fresh("steady")).collect();
        let counter = fresh("steady");
        let told = clients(&house.client(), profile, &wallets, &counter).await?;
        Ok(Self { wallets, counter, told })
    }

    async fn judge(&self, house: &House, profile: &Profile) -> anyhow::Result<()> {
        let bank = house.client();
        let judge = Client::new(&bank, profile.kills);
        let told = |user: &str| self.told.iter().filter(|told| told.user == user).collect::<Vec<_>>();
        for wallet in &self.wallets {
            judge::wallet(&judge, wallet, &told(wallet)).await?;
        }
        judge::counter(&judge, &self.counter, &told(&self.counter)).await
    }
}

/// All clients at the same time; what each of them was told.
async fn clients(
    bank: &Bank,
    profile: &Profile,
    wallets: &[String],
    counter: &str,
) -> anyhow::Result<Vec<Told>> {
    let (cold, hot) = wallets.split_at(COLD_WALLETS);
    let hot = hot.iter().flat_map(|user| std::iter::repeat_n(user, CLIENTS_OF_A_HOT_WALLET));
    let client = &Client::new(bank, profile.kills);
    let wallets = cold.iter().chain(hot).enumerate();
    let wallets = wallets.map(|(index, user)| client.moves_money(user, index, WHILE));
    let counters = (0..CLIENTS_OF_THE_COUNTER).map(|index| client.counts(counter, index, WHILE));
    let (wallets, counters) =
        tokio::join!(futures::future::try_join_all(wallets), futures::future::try_join_all(counters));
    Ok(wallets?.into_iter().chain(counters?).collect())
}
