//! What is proven on each kind of store: the suites, restarts, kills, damage, a crowd, and an operator's work on
//! Redis.

use super::arguments::{Part, ProveArguments};
use super::deployment::{Deployment, Plan, StoreUnderTest};
use super::suites::{self, Suites};
use super::summary::Summary;
use super::{acl, backup, balances, corrupt, crash, failover, hot, log, restart, risks, totals, why};
use std::path::Path;

/// The suites on each store, and the promises of the storage port on each.
pub(super) async fn run_each_store(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.want(Part::Files) {
        suites.run(suites::files, None, summary).await;
    }
    for (part, store) in [(Part::Sqlite, StoreUnderTest::Sqlite), (Part::Redis, StoreUnderTest::KvOnRedis)] {
        if arguments.want(part) {
            run_all(store, arguments, suites, summary).await?;
            run_store_contract(store, arguments, suites, summary).await?;
        }
    }
    if arguments.want(Part::Redis) {
        run_store_contract(StoreUnderTest::RedisAdapter, arguments, suites, summary).await?;
    }
    Ok(())
}

/// Banks on one Redis of which some use one adapter and some the other.
pub(super) async fn run_both_adapters(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut deployment = Deployment::build(arguments.plan(StoreUnderTest::Both).patient()).await?;
    suites.run(suites::after_the_restart, Some(&deployment), summary).await;
    kill_banks(&mut deployment, arguments.rounds, summary).await;
    Ok(())
}

/// A crowd at one wallet, spread over instances as Spin spreads it.
pub(super) async fn run_hot_wallet(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        let mut deployment = Deployment::build(hot::plan(arguments.plan(store))).await?;
        let name = deployment
            .scenario_name("500 withdrawals at once from one wallet are all answered, placed as by Spin");
        summary.scenario(&name, hot::withdraw_at_once(&mut deployment, store)).await;
    }
    Ok(())
}

/// Counters with `store=redis`, where a script adds.
pub(super) async fn run_totals(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let deployment = Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient()).await?;
    let name =
        deployment.scenario_name("posts to a counter with and without keys are answered with exact totals");
    summary.scenario(&name, totals::run(&deployment)).await;
    damage_documents(&deployment, summary).await;
    Ok(())
}

/// What an operator of Redis does.
pub(super) async fn run_operator(
    store: StoreUnderTest,
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let plan = Plan { processes: 1, ..arguments.plan(store) };
    let mut deployment = Deployment::build(Plan { proxy: true, ..plan.clone() }).await?;
    let name = deployment.scenario_name("a failover behind one address is followed at once");
    summary.scenario(&name, failover::run(&mut deployment)).await;
    let mut deployment = Deployment::build(plan.clone()).await?;
    let name = deployment.scenario_name("why the store fails is in the log, and no password");
    summary.scenario(&name, why::assert_reasons_are_logged(&mut deployment)).await;
    let mut deployment = Deployment::build(plan.clone()).await?;
    let name = deployment.scenario_name("a failure that goes on is logged every 10 s");
    summary.scenario(&name, why::assert_failure_is_logged_every_ten_seconds(&mut deployment)).await;
    if store == StoreUnderTest::RedisAdapter {
        let mut deployment = Deployment::build(plan.clone()).await?;
        let name = deployment.scenario_name(
            "a Redis that evicts, or keeps no file, is reported in the log if the bank may ask",
        );
        summary.scenario(&name, risks::assert_logged(&mut deployment)).await;
    }
    let spins = Plan { fault: Some("tests/faults/spin-redis.toml".into()), ..plan.clone() };
    let plans = if store == StoreUnderTest::RedisAdapter { vec![plan] } else { vec![plan, spins] };
    for plan in plans {
        let mut deployment = Deployment::build(plan.patient()).await?;
        let before = deployment.logs()?.len();
        let name = deployment.scenario_name("a user of Redis with the rights of docs/redis.md is made");
        summary.scenario(&name, acl::create_user(&mut deployment, store)).await;
        suites.run(|suite| acl::SUITES.contains(&suite), Some(&deployment), summary).await;
        let name = deployment.scenario_name("that user needed no other right");
        summary.scenario(&name, acl::assert_nothing_was_denied(&deployment, before)).await;
        if store == StoreUnderTest::RedisAdapter {
            let name = deployment
                .scenario_name("where writes wait for replicas, a missing right to ask for that is named");
            summary.scenario(&name, acl::assert_wait_is_needed(&mut deployment)).await;
        }
    }
    Ok(())
}

/// Parts that are included in others, and run alone only on request.
pub(super) async fn run_on_request(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    if arguments.only.contains(&Part::Drills) {
        backup::run_drills(arguments, summary).await?;
    }
    let stores = || [StoreUnderTest::Sqlite].into_iter().chain(arguments.adapter.clone());
    if arguments.only.contains(&Part::Torture) {
        for store in stores() {
            let mut deployment = Deployment::build(arguments.plan(store)).await?;
            kill_banks(&mut deployment, arguments.rounds, summary).await;
        }
    }
    if arguments.only.contains(&Part::Damage) {
        for store in stores() {
            let deployment = Deployment::build(arguments.plan(store)).await?;
            damage_documents(&deployment, summary).await;
        }
    }
    Ok(())
}

/// Everything that is proven on one kind of store.
async fn run_all(
    store: StoreUnderTest,
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut deployment = Deployment::build(arguments.plan(store).patient()).await?;
    if !arguments.suite.is_empty() {
        suites.run(suites::any, Some(&deployment), summary).await;
        return Ok(());
    }
    let balances = summary
        .scenario(&deployment.scenario_name("balances are recorded"), balances::record(&deployment))
        .await;
    let wanted = match store {
        StoreUnderTest::Sqlite => suites::before_the_restart,
        _ => suites::before_the_restart_again,
    };
    suites.run(wanted, Some(&deployment), summary).await;
    let name = deployment.scenario_name("a restart in the middle keeps every balance");
    summary.scenario(&name, restart::restart_all(&mut deployment, balances.as_ref())).await;
    suites.run(suites::after_the_restart, Some(&deployment), summary).await;
    let name = deployment.scenario_name("SIGTERM lets requests in flight finish, exit code 0");
    summary.scenario(&name, restart::stop_with_request_in_flight(&mut deployment)).await;
    let name = deployment.scenario_name("SIGTERM cuts no connection that its client keeps");
    summary.scenario(&name, restart::stop_with_kept_connections(&mut deployment)).await;
    kill_banks(&mut deployment, arguments.rounds, summary).await;
    damage_documents(&deployment, summary).await;
    let name = deployment.scenario_name("the log has each request, and nothing that it was about");
    summary.scenario(&name, log::assert_requests_and_no_secrets(&deployment)).await;
    let name = deployment.scenario_name("the second start is quick");
    summary.scenario(&name, restart::assert_quick(&mut deployment)).await;
    suites.run(suites::at_the_end, Some(&deployment), summary).await;
    let name = deployment.scenario_name("after all that, every balance is there");
    summary.scenario(&name, balances::assert_unchanged(&deployment, balances.as_ref())).await;
    Ok(())
}

/// The promises of the storage port, tested on the adapter where it runs: inside a component.
async fn run_store_contract(
    store: StoreUnderTest,
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let manifest = Path::new("tests/store-contract/spin.toml");
    let deployment = Deployment::build(Plan::new(store, &arguments.bank, manifest)).await?;
    suites.run(suites::of_the_store, Some(&deployment), summary).await;
    Ok(())
}

async fn kill_banks(deployment: &mut Deployment, rounds: u32, summary: &mut Summary) {
    let name = deployment
        .scenario_name(&format!("a process killed under load, {rounds} times, loses and repeats nothing"));
    summary.scenario(&name, crash::kill_banks_under_load(deployment, rounds)).await;
}

async fn damage_documents(deployment: &Deployment, summary: &mut Summary) {
    let name = deployment.scenario_name(
        "a document that something else changed is reported, named in the log, and left alone",
    );
    summary.scenario(&name, corrupt::run(deployment)).await;
}
