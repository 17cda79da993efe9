//! Runs the suites, which are cargo's own test executables, against a deployment.

use crate::prove::deployment::Deployment;
use crate::prove::summary::Summary;
use anyhow::Context as _;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Suites that need no bank.
const FILES: &[&str] = &["manifest", "packed_size", "tests"];
/// These tests leave a bank unusable; they are ignored elsewhere.
const AT_THE_END: &[&str] = &["counter_limit"];
/// Suites that run after the banks were restarted.
const AFTER_THE_RESTART: &[&str] = &["first_deposits", "idempotency", "overdraft", "wallet"];
/// Suites in which the store matters little: one store is enough, and `make test-all` runs them on the others.
const ON_ANY_STORE: &[&str] = &["convert", "rates_odd", "rates_outage", "wire"];
/// Suites that need a component of their own, `tests/store-contract`.
const OF_THE_STORE: &[&str] = &["store_contract"];
/// How long a suite may take.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub struct Suites(Vec<Suite>);

struct Suite {
    name: String,
    program: PathBuf,
}

pub fn files(name: &str) -> bool {
    FILES.contains(&name)
}

pub fn at_the_end(name: &str) -> bool {
    AT_THE_END.contains(&name)
}

pub fn after_the_restart(name: &str) -> bool {
    AFTER_THE_RESTART.contains(&name)
}

pub fn of_the_store(name: &str) -> bool {
    OF_THE_STORE.contains(&name)
}

pub fn before_the_restart(name: &str) -> bool {
    any(name) && !at_the_end(name) && !after_the_restart(name)
}

/// [`before_the_restart`], on a second store.
pub fn before_the_restart_again(name: &str) -> bool {
    before_the_restart(name) && !ON_ANY_STORE.contains(&name)
}

/// The suites that a bank with tokens passes. Rates need none.
pub fn with_tokens(name: &str) -> bool {
    any(name) && !at_the_end(name) && !name.starts_with("rates_") && name != "convert"
}

/// The suites whose result may depend on the store.
pub fn of_storage(name: &str) -> bool {
    any(name) && !at_the_end(name) && !ON_ANY_STORE.contains(&name)
}

/// Every suite that sends requests to a bank.
pub fn any(name: &str) -> bool {
    !files(name) && !of_the_store(name)
}

/// Lets cargo build them, which `make test` has done already; keeps those that are named, or all.
pub async fn compiled(named: &[String]) -> anyhow::Result<Suites> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments =
        ["test", "--locked", "--profile", "native", "-p", "tests", "--lib", "--tests", "--no-run"];
    let mut command = Command::new(cargo);
    command.args(arguments).arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let built = command.kill_on_drop(true).output().await?;
    anyhow::ensure!(built.status.success(), "cargo test --no-run ended with {}", built.status);
    let messages = String::from_utf8(built.stdout)?;
    let mut suites: Vec<Suite> = messages.lines().filter_map(suite).collect();
    suites.retain(|suite| named.is_empty() || named.contains(&suite.name));
    anyhow::ensure!(!suites.is_empty(), "there is no such suite");
    suites.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Suites(suites))
}

/// The test executable in a message of cargo.
fn suite(message: &str) -> Option<Suite> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let is_program = message["target"]["kind"].as_array()?.contains(&"bin".into());
    let name = message["target"]["name"].as_str()?.to_owned();
    let program = message["executable"].as_str()?.into();
    (is_test && !is_program).then_some(Suite { name, program })
}

impl Suites {
    /// Runs the wanted ones, one after the other.
    pub async fn run(
        &self,
        wanted: fn(&str) -> bool,
        deployment: Option<&Deployment>,
        summary: &mut Summary,
    ) {
        for suite in self.0.iter().filter(|suite| wanted(&suite.name)) {
            let name = deployment
                .map_or(format!("files: {}", suite.name), |deployment| deployment.scenario_name(&suite.name));
            println!("\nsuite {name}");
            let begun = Instant::now();
            let result = suite.run(deployment).await.map_err(|problem| format!("{problem:#}"));
            summary.add(&name, result, begun.elapsed());
        }
    }
}

impl Suite {
    /// Runs it and shows its output; returns how many tests passed.
    async fn run(&self, deployment: Option<&Deployment>) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        if let Some(deployment) = deployment {
            deployment.reset_feed().await?;
            command.envs(deployment.environment());
        }
        // The tests wait most of the time, so more of them run at once than there are cores.
        command.args(["--include-ignored", "--test-threads=8"]);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let ended = tokio::time::timeout(PATIENCE, async {
            let mut outcome = String::new();
            while let Some(line) = lines.next_line().await? {
                println!("{line}");
                if let Some(counted) = line.strip_prefix("test result: ") {
                    outcome = counted.split(';').take(2).collect::<Vec<_>>().join(",");
                }
            }
            anyhow::Ok((child.wait().await?, outcome))
        });
        let (status, outcome) = ended.await.with_context(|| format!("not done in {PATIENCE:?}"))??;
        anyhow::ensure!(status.success(), "{outcome} ({status})");
        let count = outcome.split_whitespace().nth(1).unwrap_or_default();
        anyhow::ensure!(count.parse::<u32>().is_ok_and(|count| count > 0), "it had no tests");
        Ok(count.to_owned())
    }
}
