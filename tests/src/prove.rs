//! What `make test` runs when everything is built: it proves the whole bank on this machine.
//!
//! First on SQLite, then with three processes on one real Redis: the suites, with a restart in the middle that
//! keeps every balance; then processes and stores are stopped and killed under load. Everything that it started is
//! ended by process id, whatever happens; logs stay in `build/logs`. Nothing is skipped: if something is missing,
//! that is said in red and is a failure.

use crate::prove::arguments::Part;
use crate::prove::house::{House, Plan, Store};
use crate::prove::suites::Suites;
use crate::prove::summary::Summary;
use crate::red;
use anyhow::{Context as _, bail};
pub use arguments::Arguments;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

mod acl;
mod api;
mod arguments;
mod backup;
mod book;
mod bucket;
mod budget;
mod client;
mod cluster;
mod corrupt;
mod cors;
mod crash;
mod crowd;
mod exported;
mod failover;
mod faults;
mod folder;
mod host_calls;
mod hot;
pub(crate) mod house;
mod interrupted;
mod judge;
mod log;
mod outage;
pub(crate) mod process;
mod recovery;
mod restart;
mod rights;
mod risks;
mod sentinel;
mod shards;
mod stampede;
mod stores;
mod suites;
mod summary;
mod tokens;
mod totals;
mod upstream;
mod why;

/// Proves the parts that the arguments name, prints what was proven, and fails if anything did.
pub async fn run(arguments: Arguments) -> ExitCode {
    let mut summary = Summary::default();
    let interrupted = async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        tokio::select! { _ = tokio::signal::ctrl_c() => (), _ = terminate.recv() => () }
    };
    // When one ends first, the other is dropped, and every process that was started is dropped with it.
    let outcome = tokio::select! {
        outcome = all(&arguments, &mut summary) => outcome,
        () = interrupted => Err(anyhow::anyhow!("interrupted")),
    };
    summary.print();
    match outcome {
        Ok(()) if summary.all_passed() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{}", red::line(&format!("prove: {problem:#}")));
            ExitCode::FAILURE
        }
    }
}

async fn all(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    std::env::set_current_dir(root())?;
    is_there(&arguments.bank)?;
    if arguments.want_any(Part::needs_redis) {
        redis_is_there()?;
    }
    process::forget_logs()?;
    let suites = if arguments.want_any(Part::needs_suites) {
        suites::compiled(&arguments.suite).await?
    } else {
        Suites::default()
    };
    stores::of_the_stores(arguments, &suites, summary).await?;
    of_rates(arguments, summary).await;
    of_each_part(arguments, &suites, summary).await?;
    stores::on_request(arguments, summary).await
}

async fn of_each_part(arguments: &Arguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
    if arguments.want_scenarios(Part::Redis) {
        stores::of_both_adapters(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Hot) {
        stores::of_a_hot_wallet(arguments, summary).await?;
    }
    if arguments.want(Part::Tokens) {
        of_tokens(arguments, suites, summary).await?;
    }
    of_several_servers(arguments, suites, summary).await?;
    if arguments.want_scenarios(Part::Totals) {
        stores::of_totals(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Backup) {
        backup::is_proven(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Faults) {
        of_faults(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Budget) {
        of_budgets(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Outages) {
        of_outages(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Operator) {
        for &store in &arguments.adapter {
            stores::operated(store, arguments, suites, summary).await?;
        }
    }
    if arguments.want_scenarios(Part::Api) {
        of_the_document(arguments, summary).await?;
    }
    Ok(())
}

/// Where rates come from.
async fn of_rates(arguments: &Arguments, summary: &mut Summary) {
    if arguments.want_scenarios(Part::Crowd) {
        let name = "redis ×3: a crowd asks CoinGecko once in each window, whoever dies";
        summary.scenario(name, stampede::is_avoided(&arguments.bank, &arguments.manifest)).await;
    }
    if arguments.want_scenarios(Part::Upstream) {
        of_upstream(&arguments.bank, &arguments.manifest, summary).await;
    }
}

/// A Redis Cluster, and a Redis with replicas.
async fn of_several_servers(
    arguments: &Arguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.want(Part::Cluster) {
        cluster::is_proven(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Failover) {
        cluster::loses_masters(arguments, summary).await?;
        sentinel::is_proven(arguments, summary).await?;
    }
    Ok(())
}

/// Who asks, where tokens say so.
async fn of_tokens(arguments: &Arguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
    if arguments.suite.is_empty() {
        tokens::of_an_issuer(arguments, summary).await;
        tokens::of_a_secret(arguments, summary).await;
    }
    let house = House::build(arguments.plan(Store::Direct).patient().with_tokens()).await?;
    suites.run(suites::with_tokens, Some(&house), summary).await;
    summary
        .scenario(&house.at("with tokens: none of them is in the log"), tokens::are_not_logged(&house))
        .await;
    Ok(())
}

/// Every way in which Redis can be away.
async fn of_outages(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        outage::of_every_kind(store, arguments, summary).await?;
        outage::answers_at_once(store, arguments, summary).await?;
    }
    Ok(())
}

/// Stores that misbehave.
async fn of_faults(arguments: &Arguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
    for store in [Store::Sqlite, Store::Redis] {
        faults::on(store, &arguments.bank, &arguments.manifest, suites, summary).await?;
    }
    let name = "redis ×3, unguarded: money that a store loses is missed";
    summary.scenario(name, faults::are_noticed(&arguments.bank, &arguments.manifest)).await;
    Ok(())
}

/// The cost of requests and of a start.
async fn of_budgets(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let name = "a start with everything to compile takes no more of the processor than it may";
    summary.scenario(name, budget::of_a_start(&arguments.bank, &arguments.manifest)).await;
    // A bank that compiles keeps some of that memory; after this one everything is compiled.
    drop(House::build(arguments.plan(Store::Sqlite)).await?);
    for (store, name) in [(Store::Redis, "kv"), (Store::Direct, "redis")] {
        let mut house = House::build(Plan { processes: 2, ..arguments.plan(store) }).await?;
        let title = house.at("requests make the storage calls of budgets.toml and no others");
        summary.scenario(&title, budget::of_storage_calls(&mut house, name)).await;
        let mut counted = House::build(host_calls::plan(arguments.plan(store))).await?;
        let title = counted.at("requests call the host as often as budgets.toml has it, and no more");
        summary.scenario(&title, host_calls::are_as_few_as_ever(&mut counted, name)).await;
        drop(counted);
        let title = house.at("10,000 requests leave nothing in memory");
        summary.scenario(&title, budget::of_memory(&mut house)).await;
        let title = house.at("an answer that nobody reads is not kept in memory");
        summary.scenario(&title, budget::of_unread_answers(&mut house)).await;
    }
    Ok(())
}

/// The published document, and answers compared with it.
async fn of_the_document(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let house = House::build(Plan { cors_origins: "", ..arguments.plan(Store::Sqlite).patient() }).await?;
    let name = "api: where no origin is named, no answer says anything of origins";
    summary.scenario(name, cors::is_silent(&house)).await;
    summary.scenario("api: the published document is valid", api::is_described_well(&house)).await;
    let name = format!("api: every answer is as documented (seed {})", arguments.seed);
    summary.scenario(&name, api::is_as_described(&house, arguments.seed, arguments.cases)).await;
    let house = House::build(arguments.plan(Store::Sqlite).patient().with_tokens()).await?;
    let name = "api, with tokens: the published document is valid";
    summary.scenario(name, api::is_described_well(&house)).await;
    let name = format!("api, with tokens: every answer is as documented (seed {})", arguments.seed);
    summary.scenario(&name, api::is_as_described(&house, arguments.seed, arguments.cases)).await;
    Ok(())
}

/// How the bank deals with its source of rates.
async fn of_upstream(bank: &Path, manifest: &Path, summary: &mut Summary) {
    let name = "sqlite: the log says why CoinGecko gives no rates, once, and never the key";
    summary.scenario(name, upstream::is_logged_by_cause(bank, manifest)).await;
    let name = "sqlite: the log says why CoinGecko is not reached";
    summary.scenario(name, upstream::is_not_reached(bank, manifest)).await;
    let name = "sqlite: white space around settings does not count; a paid key goes in its header";
    summary.scenario(name, upstream::gets_the_key_of_a_paid_plan(bank, manifest)).await;
    let name = "sqlite: with rates that live two days a failing CoinGecko is left alone";
    summary.scenario(name, upstream::is_left_alone_however_long_rates_live(bank, manifest)).await;
    let name = "sqlite: rates and a claim from a clock that was ahead hold nobody up";
    summary.scenario(name, upstream::is_asked_after_a_clock_was_ahead(bank, manifest)).await;
    let name = "sqlite: components name a bad setting with what is allowed, and guess no store";
    summary.scenario(name, upstream::hears_of_bad_settings(bank, manifest)).await;
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_there(bank: &Path) -> anyhow::Result<()> {
    let missing = || format!("{} is not there. Build it first: make build", bank.display());
    bank.is_file().then_some(()).with_context(missing)
}

fn redis_is_there() -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("redis-server").is_file()) {
        return Ok(());
    }
    bail!("redis-server is not on the PATH. Install it: sudo apt-get install -y redis-server")
}
