//! What is proven on each kind of store: the suites, restarts, kills, damage, a crowd, and an operator's work on
//! Redis.

use super::arguments::{Arguments, Part};
use super::house::{House, Plan, Store};
use super::suites::{self, Suites};
use super::summary::Summary;
use super::{acl, backup, book, corrupt, crash, failover, hot, log, restart, risks, totals, why};
use std::path::Path;

/// The suites on each store, and the promises of the storage port on each.
pub(super) async fn of_the_stores(
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.want(Part::Files) {
        suites.run(suites::files, None, summary).await;
    }
    for (part, store) in [(Part::Sqlite, Store::Sqlite), (Part::Redis, Store::Redis)] {
        if arguments.want(part) {
            on(store, arguments, suites, summary).await?;
            promises_of(store, arguments, suites, summary).await?;
        }
    }
    if arguments.want(Part::Redis) {
        promises_of(Store::Direct, arguments, suites, summary).await?;
    }
    Ok(())
}

/// Banks on one Redis of which some use one adapter and some the other.
pub(super) async fn of_both_adapters(
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut house = House::build(arguments.plan(Store::Both).patient()).await?;
    suites.run(suites::after_the_restart, Some(&house), summary).await;
    killed(&mut house, arguments.rounds, summary).await;
    Ok(())
}

/// A crowd at one wallet, spread over instances as Spin spreads it.
pub(super) async fn of_a_hot_wallet(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        let mut house = House::build(hot::plan(arguments.plan(store))).await?;
        let name = house.at("500 withdrawals at once from one wallet are all answered, placed as by Spin");
        summary.scenario(&name, hot::is_shared(&mut house, store)).await;
    }
    Ok(())
}

/// Counters with `store=redis`, where a script adds.
pub(super) async fn of_totals(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let house = House::build(arguments.plan(Store::Direct).patient()).await?;
    let name = house.at("posts to a counter with and without keys are told exact totals");
    summary.scenario(&name, totals::are_exact(&house)).await;
    damaged(&house, summary).await;
    Ok(())
}

/// What an operator of Redis does.
pub(super) async fn operated(
    store: Store,
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let plan = Plan { processes: 1, ..arguments.plan(store) };
    let mut house = House::build(Plan { proxy: true, ..plan.clone() }).await?;
    let name = house.at("a failover behind one address is followed at once");
    summary.scenario(&name, failover::is_followed(&mut house)).await;
    let mut house = House::build(plan.clone()).await?;
    let name = house.at("why the store fails is in the log, and no password");
    summary.scenario(&name, why::is_logged(&mut house)).await;
    let mut house = House::build(plan.clone()).await?;
    let name = house.at("what goes on failing is said every 10 s");
    summary.scenario(&name, why::is_not_repeated(&mut house)).await;
    if store == Store::Direct {
        let mut house = House::build(plan.clone()).await?;
        let name =
            house.at("a Redis that evicts, or keeps no file, is said in the log where the bank may ask");
        summary.scenario(&name, risks::are_logged(&mut house)).await;
    }
    let spins = Plan { fault: Some("tests/faults/spin-redis.toml".into()), ..plan.clone() };
    let plans = if store == Store::Direct { vec![plan] } else { vec![plan, spins] };
    for plan in plans {
        let mut house = House::build(plan.patient()).await?;
        let before = house.logs()?.len();
        let name = house.at("a user of Redis with the rights of docs/redis.md is made");
        summary.scenario(&name, acl::is_given(&mut house, store)).await;
        suites.run(|suite| acl::SUITES.contains(&suite), Some(&house), summary).await;
        let name = house.at("that user needed no other right");
        summary.scenario(&name, acl::is_enough(&house, before)).await;
        if store == Store::Direct {
            let name =
                house.at("where writes wait for replicas, the right to ask for that is missed and named");
            summary.scenario(&name, acl::must_wait(&mut house)).await;
        }
    }
    Ok(())
}

/// Parts that are included in others, and run alone only on request.
pub(super) async fn on_request(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    if arguments.only.contains(&Part::Drills) {
        backup::drills(arguments, summary).await?;
    }
    let stores = || [Store::Sqlite].into_iter().chain(arguments.adapter.clone());
    if arguments.only.contains(&Part::Torture) {
        for store in stores() {
            let mut house = House::build(arguments.plan(store)).await?;
            killed(&mut house, arguments.rounds, summary).await;
        }
    }
    if arguments.only.contains(&Part::Damage) {
        for store in stores() {
            let house = House::build(arguments.plan(store)).await?;
            damaged(&house, summary).await;
        }
    }
    Ok(())
}

/// Everything that is proven on one kind of store.
async fn on(
    store: Store,
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut house = House::build(arguments.plan(store).patient()).await?;
    if !arguments.suite.is_empty() {
        suites.run(suites::any, Some(&house), summary).await;
        return Ok(());
    }
    let book = summary.scenario(&house.at("balances are written down"), book::open(&house)).await;
    let wanted = match store {
        Store::Sqlite => suites::before_the_restart,
        _ => suites::before_the_restart_again,
    };
    suites.run(wanted, Some(&house), summary).await;
    let name = house.at("a restart in the middle keeps every balance");
    summary.scenario(&name, restart::in_the_middle(&mut house, book.as_ref())).await;
    suites.run(suites::after_the_restart, Some(&house), summary).await;
    let name = house.at("SIGTERM lets requests in flight finish, exit code 0");
    summary.scenario(&name, restart::with_a_request_in_flight(&mut house)).await;
    let name = house.at("SIGTERM cuts no connection that its client keeps");
    summary.scenario(&name, restart::cuts_no_connection_that_is_kept(&mut house)).await;
    killed(&mut house, arguments.rounds, summary).await;
    damaged(&house, summary).await;
    let name = house.at("the log tells each request, and nothing that it was about");
    summary.scenario(&name, log::tells_requests_and_no_secrets(&house)).await;
    let name = house.at("the second start is quick");
    summary.scenario(&name, restart::is_quick(&mut house)).await;
    suites.run(suites::at_the_end, Some(&house), summary).await;
    let name = house.at("after all that, every balance is there");
    summary.scenario(&name, book::still_holds(&house, book.as_ref())).await;
    Ok(())
}

/// The promises of the storage port, tested on the adapter where it runs: inside a component.
async fn promises_of(
    store: Store,
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let manifest = Path::new("tests/store-contract/spin.toml");
    let house = House::build(Plan::new(store, &arguments.bank, manifest)).await?;
    suites.run(suites::of_the_store, Some(&house), summary).await;
    Ok(())
}

async fn killed(house: &mut House, rounds: u32, summary: &mut Summary) {
    let name = house.at(&format!("a process killed under load, {rounds} times, loses and repeats nothing"));
    summary.scenario(&name, crash::of_a_bank_under_load(house, rounds)).await;
}

async fn damaged(house: &House, summary: &mut Summary) {
    let name = house.at("a document that another hand changed is said, named in the log, and left alone");
    summary.scenario(&name, corrupt::is_reported_and_left_alone(house)).await;
}
