//! What `make test` calls once everything is built: proves the whole bank on this machine.
//!
//! On SQLite, then with three processes on one real Redis: the suites, a restart in their middle that
//! keeps every balance, processes and stores that are stopped and killed under load. Everything started
//! is ended by its own process id, however it ends; logs stay in `build/logs`. Nothing is skipped: what
//! is missing is said in red and is a failure.

use crate::prove::house::{House, Plan, Store};
use crate::prove::suites::Suites;
use crate::prove::summary::Summary;
use crate::red;
use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

mod acl;
mod api;
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
mod suites;
mod summary;
mod tokens;
mod totals;
mod upstream;
mod why;

/// Proves the contract against banks that it starts itself.
#[derive(Parser)]
pub struct Arguments {
    /// The runner; `bank`, or another that takes the same flags
    #[arg(long, default_value = "target/native/bank")]
    bank: PathBuf,
    /// The application to serve
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Prove only this part; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Run only this suite (and no scenario) on the stores; may be repeated
    #[arg(long)]
    suite: Vec<String>,
    /// How often a bank is killed under load, on each store
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How often a master of Redis is killed under load
    #[arg(long, default_value_t = 2)]
    failovers: usize,
    /// The seed of the requests that are made of the published document
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of them for each operation, at most
    #[arg(long, default_value_t = 100)]
    cases: u32,
    /// Behind which of its adapters a Redis is killed and taken away; may be repeated
    #[arg(long, value_enum, default_values = ["redis", "direct"])]
    adapter: Vec<Store>,
}

/// What can be proven on its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The manifest, the runtime configuration, the size of the components
    Files,
    /// One process on SQLite
    Sqlite,
    /// Three processes on one Redis
    Redis,
    /// A crowd that asks three processes for rates
    Crowd,
    /// Three processes on one Redis Cluster, `store=redis`
    Cluster,
    /// Masters that are killed under load: of a Redis Cluster, and behind Sentinel
    Failover,
    /// Totals of a counter that is posted to with and without keys, `store=redis`
    Totals,
    /// A crowd at one wallet on three processes that place requests as Spin does, behind each adapter
    Hot,
    /// A CoinGecko that refuses, fails or is away; clocks and settings that are off
    Upstream,
    /// The money part on both, on stores that misbehave as Spin's do and worse
    Faults,
    /// Redis away in every way there is, behind each adapter
    Outages,
    /// What an operator of Redis does, behind each adapter: few rights, a failover, wrong addresses
    Operator,
    /// The published document, and every answer held to it
    Api,
    /// What requests cost, on each of the ways to Redis: storage calls and memory
    Budget,
    /// Banks killed under load, and nothing else; a part of `sqlite` and `redis`
    Torture,
    /// `auth=jwt`: every route, every way to be refused, an issuer that dies, lies and changes its keys, all suites
    Tokens,
    /// Exports under load, restored into stores of other kinds
    Backup,
    /// The other pairs of them, and disasters; not a part of `make test`
    Drills,
    /// Stored documents that another hand changed, and nothing else; a part of `sqlite` and `redis`
    Damage,
}

impl Arguments {
    /// Whether this part is to be proven.
    fn want(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// The same of a part that has scenarios and no suites of its own.
    fn want_scenarios(&self, part: Part) -> bool {
        self.want(part) && self.suite.is_empty()
    }

    /// Whether any part of which this holds is to be proven.
    fn want_any(&self, holds: impl Fn(Part) -> bool) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| holds(*part))
    }

    /// Banks on this store, as they are mostly wanted.
    fn plan(&self, store: Store) -> Plan {
        Plan::new(store, &self.bank, &self.manifest)
    }
}

impl Part {
    fn needs_suites(self) -> bool {
        !matches!(
            self,
            Self::Budget
                | Self::Failover
                | Self::Outages
                | Self::Torture
                | Self::Damage
                | Self::Backup
                | Self::Drills
                | Self::Upstream
                | Self::Totals
                | Self::Hot
        )
    }

    fn needs_redis(self) -> bool {
        !matches!(self, Self::Files | Self::Sqlite | Self::Upstream | Self::Api)
    }
}

/// Proves what the arguments name, prints what was proven, and fails when anything did.
pub async fn run(arguments: Arguments) -> ExitCode {
    let mut summary = Summary::default();
    let interrupted = async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        tokio::select! { _ = tokio::signal::ctrl_c() => (), _ = terminate.recv() => () }
    };
    // Whichever ends first, the other is dropped, and with it every process that was started.
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
    of_the_stores(arguments, &suites, summary).await?;
    of_rates(arguments, summary).await;
    of_each_part(arguments, &suites, summary).await?;
    on_request(arguments, summary).await
}

async fn of_each_part(arguments: &Arguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
    if arguments.want_scenarios(Part::Redis) {
        of_both_adapters(arguments, suites, summary).await?;
    }
    if arguments.want_scenarios(Part::Hot) {
        of_a_hot_wallet(arguments, summary).await?;
    }
    if arguments.want(Part::Tokens) {
        of_tokens(arguments, suites, summary).await?;
    }
    of_several_servers(arguments, suites, summary).await?;
    if arguments.want_scenarios(Part::Totals) {
        of_totals(arguments, summary).await?;
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
            operated(store, arguments, suites, summary).await?;
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

/// The suites, on each store, and what the storage port promises on each.
async fn of_the_stores(arguments: &Arguments, suites: &Suites, summary: &mut Summary) -> anyhow::Result<()> {
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
async fn of_both_adapters(
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
async fn of_a_hot_wallet(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        let mut house = House::build(hot::plan(arguments.plan(store))).await?;
        let name = house.at("500 withdrawals at once from one wallet are all answered, placed as by Spin");
        summary.scenario(&name, hot::is_shared(&mut house, store)).await;
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

/// Counters with `store=redis`, where a script adds.
async fn of_totals(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let house = House::build(arguments.plan(Store::Direct).patient()).await?;
    let name = house.at("posts to a counter with and without keys are told exact totals");
    summary.scenario(&name, totals::are_exact(&house)).await;
    damaged(&house, summary).await;
    Ok(())
}

/// A Redis that is away, in every way.
async fn of_outages(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    for &store in &arguments.adapter {
        outage::of_every_kind(store, arguments, summary).await?;
        outage::said_at_once(store, arguments, summary).await?;
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

/// What requests and a start may cost.
async fn of_budgets(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
    let name = "a start with everything to compile takes no more of the processor than it may";
    summary.scenario(name, budget::of_a_start(&arguments.bank, &arguments.manifest)).await;
    // A bank that had to compile keeps some of what that took; those that follow find everything compiled.
    drop(House::build(arguments.plan(Store::Sqlite)).await?);
    for (store, name) in [(Store::Redis, "kv"), (Store::Direct, "redis")] {
        let mut house = House::build(Plan { processes: 2, ..arguments.plan(store) }).await?;
        let title = house.at("requests make the storage calls of budgets.toml and no others");
        summary.scenario(&title, budget::of_storage_calls(&mut house, name)).await;
        let title = house.at("10,000 requests leave nothing in memory");
        summary.scenario(&title, budget::of_memory(&mut house)).await;
        let title = house.at("an answer that nobody reads is not kept in memory");
        summary.scenario(&title, budget::of_unread_answers(&mut house)).await;
    }
    Ok(())
}

/// The published document, and answers held to it.
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

/// What is a part of others already, and so is proven alone only where it is named.
async fn on_request(arguments: &Arguments, summary: &mut Summary) -> anyhow::Result<()> {
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

/// What the bank makes of its source of rates.
async fn of_upstream(bank: &Path, manifest: &Path, summary: &mut Summary) {
    let name = "sqlite: the log says why CoinGecko gives no rates, once, and never the key";
    summary.scenario(name, upstream::is_told_apart(bank, manifest)).await;
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

/// What the storage port promises, asked of the adapter where it runs: inside a component.
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

/// What an operator of Redis does.
async fn operated(
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
    summary.scenario(&name, why::is_said(&mut house)).await;
    let mut house = House::build(plan.clone()).await?;
    let name = house.at("what goes on failing is said every 10 s");
    summary.scenario(&name, why::is_not_repeated(&mut house)).await;
    if store == Store::Direct {
        let mut house = House::build(plan.clone()).await?;
        let name =
            house.at("a Redis that evicts, or keeps no file, is said in the log where the bank may ask");
        summary.scenario(&name, risks::are_said(&mut house)).await;
    }
    let spins = Plan { fault: Some("tests/faults/spin-redis.toml".into()), ..plan.clone() };
    let plans = if store == Store::Direct { vec![plan] } else { vec![plan, spins] };
    for plan in plans {
        let mut house = House::build(plan.patient()).await?;
        let before = house.said()?.len();
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

async fn killed(house: &mut House, rounds: u32, summary: &mut Summary) {
    let name = house.at(&format!("a process killed under load, {rounds} times, loses and repeats nothing"));
    summary.scenario(&name, crash::of_a_bank_under_load(house, rounds)).await;
}

async fn damaged(house: &House, summary: &mut Summary) {
    let name = house.at("a document that another hand changed is said, named in the log, and left alone");
    summary.scenario(&name, corrupt::is_said_and_left_alone(house)).await;
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
