//! Every way in which a store can be away: the bank says so at once, serves again soon after the store is back, and
//! meanwhile loses, doubles and overdraws nothing.
//!
//! There are two banks on one Redis. The second one reaches it through a proxy that fails on command, and clients
//! use both in turn: what one bank could not tell them, the other one must. How soon everything is answered is
//! measured elsewhere (`docs/outages.md`); here it must only be answered rather than hang.

use crate::bank::Bank;
use crate::limits;
use crate::names::fresh;
use crate::prove::Arguments;
use crate::prove::crash;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::house::{House, Plan, Store};
use crate::prove::summary::Summary;
use crate::proxy::Mode;
use anyhow::ensure;
use kind::Kind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

mod answers;
mod kind;

/// The bank behind the proxy.
const CUT_OFF: usize = 1;
/// How long clients go on before an outage, and after it.
const AROUND: Duration = Duration::from_millis(300);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// How often Redis is killed and started again.
const KILLED: u32 = 20;

/// Every kind of outage under one adapter.
pub async fn of_every_kind(store: Store, arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let plan = Plan { processes: 2, proxy: true, ..Plan::new(store, &arguments.bank, &arguments.manifest) };
    let mut house = House::build(plan).await?;
    let name = house.at(&format!("Redis is killed under load and started again, {KILLED} times"));
    summary.scenario(&name, crash::of_the_store_under_load(&mut house, KILLED)).await;
    for kind in Kind::ALL {
        let name = house.at(kind.words());
        summary.scenario(&name, under_load(*kind, &mut house)).await;
    }
    for kind in [Kind::Network(Mode::Refuse), Kind::OtherPassword] {
        let name = house.at(&format!("a bank is started while {}", kind.words()));
        summary.scenario(&name, at_the_start(kind, &mut house)).await;
    }
    Ok(())
}

/// How soon three banks report that their store is away, and that it is back.
pub async fn answers_at_once(
    store: Store,
    arguments: &Arguments,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut house = House::build(Plan::new(store, &arguments.bank, &arguments.manifest)).await?;
    let name = house.at("a dead Redis is said at once, and forgotten once it is back");
    summary.scenario(&name, answers::of_a_dead_store(&mut house)).await;
    let name = house.at("a Redis that hangs is said at once, and forgotten once it goes on");
    summary.scenario(&name, answers::of_a_store_that_hangs(&mut house)).await;
    Ok(())
}

/// Clients go on during it; operations that were unknown are resolved afterwards.
async fn under_load(kind: Kind, house: &mut House) -> anyhow::Result<()> {
    let (bank, cut_off) = (house.client(), house.client_of(CUT_OFF));
    let outage = async {
        let mut talk = house.redis()?.talk().await?;
        tokio::time::sleep(AROUND).await;
        kind.begin(house, &mut talk).await?;
        let over = AtomicBool::new(false);
        let lasts = async {
            let lasted = kind.last(house).await;
            over.store(true, Ordering::Relaxed);
            lasted
        };
        let (lasted, said_so) = tokio::join!(lasts, watch(&cut_off, &over));
        kind.end(house, &mut talk).await?;
        lasted?;
        let back = is_ready(&cut_off).await?;
        tokio::time::sleep(AROUND).await;
        Ok((said_so?, back))
    };
    let (crowd, (said_so, back)) = Crowd::during(&bank, Size::Small, false, outage).await?;
    println!("{crowd}\nunready after {said_so:?}, ready again after {back:?}");
    ensure!(crowd.sent_again() + crowd.given_up() > 0, "the outage hit nobody");
    ensure!(said_so.is_some() || !kind.is_total(), "it went on saying that it was ready");
    ensure!(crowd.slowest() < limits::NOT_HANGING, "an answer took {:?}", crowd.slowest());
    crowd.judge(&bank).await
}

/// A bank that starts without its store serves, reports that, and needs no restart.
async fn at_the_start(kind: Kind, house: &mut House) -> anyhow::Result<()> {
    let user = fresh("patient");
    house.client().deposit(&user, "5").await;
    let mut talk = house.redis()?.talk().await?;
    kind.begin(house, &mut talk).await?;
    let started = async {
        house.process(CUT_OFF)?.stop().await?;
        house.forget(CUT_OFF);
        house.start_bank(CUT_OFF).await?;
        answers::is_unavailable(&house.client_of(CUT_OFF), &user).await
    };
    let started = started.await;
    kind.end(house, &mut talk).await?;
    started?;
    answers::is_back(house, &user).await
}

/// It is alive all the time; returns when it first reported that it was not ready, if it did.
async fn watch(bank: &Bank, over: &AtomicBool) -> anyhow::Result<Option<Duration>> {
    let begun = Instant::now();
    let mut said_so = None;
    while !over.load(Ordering::Relaxed) {
        let alive = bank.get("/healthz").await;
        ensure!(alive.status == 200, "{alive}");
        if bank.get("/readyz").await.status == 503 {
            said_so = said_so.or(Some(begun.elapsed()));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(said_so)
}

/// Waits until it is ready again.
pub async fn is_ready(bank: &Bank) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while bank.get("/readyz").await.status != 200 {
        ensure!(begun.elapsed() < limits::BACK_AGAIN, "not back after {:?}", begun.elapsed());
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Ok(begun.elapsed())
}
