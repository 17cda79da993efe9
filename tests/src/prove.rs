//! What `make test` runs when everything is built: it proves the whole bank on this machine.
//!
//! First on SQLite, then with three processes on one real Redis: the suites, with a restart in the middle that
//! keeps every balance; then processes and stores are stopped and killed under load. Everything that it started is
//! ended by process id, whatever happens; logs stay in `build/logs`. Nothing is skipped: if something is missing,
//! that is printed in red and is a failure.

use crate::paint;
use crate::prove::arguments::Part;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::prove::suites::Suites;
use crate::prove::summary::Summary;
use anyhow::{Context as _, bail};
pub use arguments::ProveArguments;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

mod acl;
mod api;
mod arguments;
mod backup;
mod balances;
mod bucket;
mod budget;
mod client;
mod cluster;
mod corrupt;
mod cors;
mod crash;
mod crowd;
pub(crate) mod deployment;
mod exported;
mod failover;
mod faults;
mod folder;
mod host_calls;
mod hot;
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
pub async fn run(arguments: ProveArguments) -> ExitCode {
    let mut summary = Summary::default();
    let interrupted = async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        tokio::select! { _ = tokio::signal::ctrl_c() => (), _ = terminate.recv() => () }
    };
    // When one ends first, the other is dropped, and every process that was started is dropped with it.
    let outcome = tokio::select! {
        outcome = run_parts(&arguments, &mut summary) => outcome,
        () = interrupted => Err(anyhow::anyhow!("interrupted")),
    };
    summary.print();
    match outcome {
        Ok(()) if summary.all_passed() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{}", paint::red(&format!("prove: {problem:#}")));
            ExitCode::FAILURE
        }
    }
}

async fn run_parts(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    std::env::set_current_dir(root())?;
    require_runner(&arguments.bank)?;
    if arguments.want_any(Part::needs_redis) {
        require_redis()?;
    }
    process::forget_logs()?;
    let suites = if arguments.want_any(Part::needs_suites) {
        suites::compiled(&arguments.suite).await?
    } else {
        Suites::default()
    };
    stores::run_each_store(arguments, &suites, summary).await?;
    run_rates(arguments, summary).await;
    run_each_part(arguments, &suites, summary).await?;
    stores::run_on_request(arguments, summary).await
}

async fn run_each_part(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.want_scenarios(Part::Redis) {
        stores::run_both_adapters(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Hot) {
        stores::run_hot_wallet(arguments, summary).await?;
    }
    if arguments.want(Part::Tokens) {
        run_tokens(arguments, suites, summary).await?;
    }
    run_several_servers(arguments, suites, summary).await?;
    if arguments.want_scenarios(Part::Totals) {
        stores::run_totals(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Backup) {
        backup::run(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Faults) {
        run_faults(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Budget) {
        run_budgets(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Outages) {
        run_outages(arguments, summary).await?;
    }
    if arguments.want_scenarios(Part::Operator) {
        for &store in &arguments.adapter {
            stores::run_operator(store, arguments, suites, summary).await?;
        }
    }
    if arguments.want_scenarios(Part::Api) {
        run_document(arguments, summary).await?;
    }
    Ok(())
}

/// Crowds that ask for rates, and a CoinGecko that fails.
async fn run_rates(arguments: &ProveArguments, summary: &mut Summary) {
    if arguments.want_scenarios(Part::Crowd) {
        let name = "redis ×3: a crowd asks CoinGecko once in each window, whoever dies";
        summary.scenario(name, stampede::run(&arguments.bank, &arguments.manifest)).await;
    }
    if arguments.want_scenarios(Part::Upstream) {
        run_upstream(&arguments.bank, &arguments.manifest, summary).await;
    }
}

/// A Redis Cluster, and a Redis with replicas.
async fn run_several_servers(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.want(Part::Cluster) {
        cluster::run(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Failover) {
        cluster::run_failovers(arguments, summary).await?;
        sentinel::run(arguments, summary).await?;
    }
    Ok(())
}

/// Banks that know users by tokens.
async fn run_tokens(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    if arguments.suite.is_empty() {
        tokens::run_with_issuer(arguments, summary).await;
        tokens::run_with_secret(arguments, summary).await;
    }
    let deployment =
        Deployment::build(arguments.plan(StoreUnderTest::RedisAdapter).patient().with_tokens()).await?;
    suites.run(suites::with_tokens, Some(&deployment), summary).await;
    summary
        .scenario(
            &deployment.scenario_name("with tokens: none of them is in the log"),
            tokens::assert_not_logged(&deployment),
        )
        .await;
    Ok(())
}

/// Every way in which Redis can be away.
async fn run_outages(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        outage::run_every_kind(store, arguments, summary).await?;
        outage::run_answers_at_once(store, arguments, summary).await?;
    }
    Ok(())
}

/// Stores that misbehave.
async fn run_faults(
    arguments: &ProveArguments,
    suites: &Suites,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    for store in [StoreUnderTest::Sqlite, StoreUnderTest::KvOnRedis] {
        faults::run_all(store, &arguments.bank, &arguments.manifest, suites, summary).await?;
    }
    let name = "redis ×3, unguarded: money that a store loses is missed";
    summary.scenario(name, faults::assert_loss_is_noticed(&arguments.bank, &arguments.manifest)).await;
    Ok(())
}

/// The cost of requests and of a start.
async fn run_budgets(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let name = "a start with everything to compile takes no more of the processor than it may";
    summary.scenario(name, budget::check_start(&arguments.bank, &arguments.manifest)).await;
    // A bank that compiles keeps some of that memory; after this one everything is compiled.
    drop(Deployment::build(arguments.plan(StoreUnderTest::Sqlite)).await?);
    for (store, name) in [(StoreUnderTest::KvOnRedis, "kv"), (StoreUnderTest::RedisAdapter, "redis")] {
        let mut deployment = Deployment::build(Plan { processes: 2, ..arguments.plan(store) }).await?;
        let title = deployment.scenario_name("requests make the storage calls of budgets.toml and no others");
        summary.scenario(&title, budget::check_storage_calls(&mut deployment, name)).await;
        let mut counted = Deployment::build(host_calls::plan(arguments.plan(store))).await?;
        let title =
            counted.scenario_name("requests call the host as often as budgets.toml has it, and no more");
        summary.scenario(&title, host_calls::assert_within_budget(&mut counted, name)).await;
        drop(counted);
        let title = deployment.scenario_name("10,000 requests leave nothing in memory");
        summary.scenario(&title, budget::check_memory(&mut deployment)).await;
        let title = deployment.scenario_name("an answer that nobody reads is not kept in memory");
        summary.scenario(&title, budget::check_unread_answers(&mut deployment)).await;
    }
    Ok(())
}

/// The published document, and answers compared with it.
async fn run_document(arguments: &ProveArguments, summary: &mut Summary) -> anyhow::Result<()> {
    let deployment =
        Deployment::build(Plan { cors_origins: "", ..arguments.plan(StoreUnderTest::Sqlite).patient() })
            .await?;
    let name = "api: where no origin is named, no answer says anything of origins";
    summary.scenario(name, cors::assert_no_cors_headers(&deployment)).await;
    summary.scenario("api: the published document is valid", api::check_document(&deployment)).await;
    let name = format!("api: every answer is as documented (seed {})", arguments.seed);
    summary.scenario(&name, api::check_answers(&deployment, arguments.seed, arguments.cases)).await;
    let deployment =
        Deployment::build(arguments.plan(StoreUnderTest::Sqlite).patient().with_tokens()).await?;
    let name = "api, with tokens: the published document is valid";
    summary.scenario(name, api::check_document(&deployment)).await;
    let name = format!("api, with tokens: every answer is as documented (seed {})", arguments.seed);
    summary.scenario(&name, api::check_answers(&deployment, arguments.seed, arguments.cases)).await;
    Ok(())
}

/// How the bank deals with its source of rates.
async fn run_upstream(bank: &Path, manifest: &Path, summary: &mut Summary) {
    let name = "sqlite: the log says why CoinGecko gives no rates, once, and never the key";
    summary.scenario(name, upstream::assert_causes_are_logged(bank, manifest)).await;
    let name = "sqlite: the log says why CoinGecko is not reached";
    summary.scenario(name, upstream::assert_unreachable_is_logged(bank, manifest)).await;
    let name = "sqlite: white space around settings does not count; a paid key goes in its header";
    summary.scenario(name, upstream::use_paid_key(bank, manifest)).await;
    let name = "sqlite: with rates that live two days a failing CoinGecko is left alone";
    summary.scenario(name, upstream::assert_long_lived_rates_are_not_refetched(bank, manifest)).await;
    let name = "sqlite: rates and a claim from a clock that was ahead hold nobody up";
    summary.scenario(name, upstream::recover_from_clock_ahead(bank, manifest)).await;
    let name = "sqlite: components name a bad setting with what is allowed, and guess no store";
    summary.scenario(name, upstream::assert_bad_settings_are_logged(bank, manifest)).await;
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn require_runner(bank: &Path) -> anyhow::Result<()> {
    let missing = || format!("{} is not there. Build it first: make build", bank.display());
    bank.is_file().then_some(()).with_context(missing)
}

fn require_redis() -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("redis-server").is_file()) {
        return Ok(());
    }
    bail!("redis-server is not on the PATH. Install it: sudo apt-get install -y redis-server")
}
