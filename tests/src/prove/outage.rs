//! Every way in which a store can be away: the bank reports that at once, serves again soon after the store is back,
//! and meanwhile loses, doubles and overdraws nothing.
//!
//! There are two banks on one Redis. The second one reaches it through a proxy that fails on command, and clients
//! use both in turn: what one bank could not answer, the other one must. How soon everything is answered is measured
//! elsewhere (`docs/outages.md`); here it must only be answered rather than hang.

use crate::bank::Bank;
use crate::limits;
use crate::names::fresh;
use crate::prove::ProveArguments;
use crate::prove::crash;
use crate::prove::crowd::{Crowd, Size};
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::prove::recovery::wait_until_ready;
use crate::prove::summary::Summary;
use crate::proxy::ProxyMode;
use anyhow::ensure;
use kind::OutageKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

mod answers;
mod kind;

/// The bank behind the proxy.
const CUT_OFF: usize = 1;
/// How long clients go on before an outage and after it.
const BEFORE_AND_AFTER: Duration = Duration::from_millis(300);
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// How often Redis is killed and started again.
const KILLS: u32 = 20;

/// Every kind of outage, behind one adapter.
pub async fn run_every_kind(
    store: StoreUnderTest,
    arguments: &ProveArguments,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let plan = Plan { processes: 2, proxy: true, ..Plan::new(store, &arguments.bank, &arguments.manifest) };
    let mut deployment = Deployment::build(plan).await?;
    let name =
        deployment.scenario_name(&format!("Redis is killed under load and started again, {KILLS} times"));
    summary.scenario(&name, crash::kill_redis_under_load(&mut deployment, KILLS)).await;
    for kind in OutageKind::ALL {
        let name = deployment.scenario_name(kind.words());
        summary.scenario(&name, run_under_load(*kind, &mut deployment)).await;
    }
    for kind in [OutageKind::Network(ProxyMode::Refuse), OutageKind::OtherPassword] {
        let name = deployment.scenario_name(&format!("a bank is started while {}", kind.words()));
        summary.scenario(&name, start_during(kind, &mut deployment)).await;
    }
    Ok(())
}

/// How soon three banks report that their store is away, and that it is back.
pub async fn run_answers_at_once(
    store: StoreUnderTest,
    arguments: &ProveArguments,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut deployment = Deployment::build(Plan::new(store, &arguments.bank, &arguments.manifest)).await?;
    let name = deployment.scenario_name("a dead Redis is reported at once, and forgotten once it is back");
    summary.scenario(&name, answers::while_redis_is_dead(&mut deployment)).await;
    let name =
        deployment.scenario_name("a Redis that hangs is reported at once, and forgotten once it goes on");
    summary.scenario(&name, answers::while_redis_hangs(&mut deployment)).await;
    Ok(())
}

/// Clients go on during it; operations that were unknown are resolved afterwards.
async fn run_under_load(kind: OutageKind, deployment: &mut Deployment) -> anyhow::Result<()> {
    let (bank, cut_off) = (deployment.client(), deployment.client_of(CUT_OFF));
    let outage = async {
        let mut connection = deployment.redis()?.connect().await?;
        tokio::time::sleep(BEFORE_AND_AFTER).await;
        kind.begin(deployment, &mut connection).await?;
        let over = AtomicBool::new(false);
        let lasts = async {
            let lasted = kind.wait(deployment).await;
            over.store(true, Ordering::Relaxed);
            lasted
        };
        let (lasted, unready) = tokio::join!(lasts, watch(&cut_off, &over));
        kind.end(deployment, &mut connection).await?;
        lasted?;
        let back = wait_until_ready(&cut_off).await?;
        tokio::time::sleep(BEFORE_AND_AFTER).await;
        Ok((unready?, back))
    };
    let (crowd, (unready, back)) = Crowd::during(&bank, Size::Small, false, outage).await?;
    println!("{crowd}\nunready after {unready:?}, ready again after {back:?}");
    ensure!(crowd.sent_again() + crowd.given_up() > 0, "the outage hit nobody");
    ensure!(unready.is_some() || !kind.is_total(), "it went on reporting that it was ready");
    ensure!(crowd.slowest() < limits::NOT_HANGING, "an answer took {:?}", crowd.slowest());
    crowd.judge(&bank).await
}

/// A bank that starts without its store serves, reports that the store is away, and needs no restart.
async fn start_during(kind: OutageKind, deployment: &mut Deployment) -> anyhow::Result<()> {
    let user = fresh("patient");
    deployment.client().deposit(&user, "5").await;
    let mut connection = deployment.redis()?.connect().await?;
    kind.begin(deployment, &mut connection).await?;
    let started = async {
        deployment.process(CUT_OFF)?.stop().await?;
        deployment.forget_bank(CUT_OFF);
        deployment.start_bank(CUT_OFF).await?;
        answers::assert_unavailable(&deployment.client_of(CUT_OFF), &user).await
    };
    let started = started.await;
    kind.end(deployment, &mut connection).await?;
    started?;
    answers::assert_recovered(deployment, &user).await
}

/// Checks that the bank is alive all the time. Returns when it first reported that it was not ready, if it did.
async fn watch(bank: &Bank, over: &AtomicBool) -> anyhow::Result<Option<Duration>> {
    let begun = Instant::now();
    let mut unready = None;
    while !over.load(Ordering::Relaxed) {
        let alive = bank.get("/healthz").await;
        ensure!(alive.status == 200, "{alive}");
        if bank.get("/readyz").await.status == 503 {
            unready = unready.or(Some(begun.elapsed()));
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
    Ok(unready)
}
