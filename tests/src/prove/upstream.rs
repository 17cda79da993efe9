//! A CoinGecko that refuses, fails or is away, and clocks and settings that are wrong. The bank's log says why
//! there are no rates, when that changes and not with every request; it never contains the API key; and the bank
//! asks no more often than it should.
//!
//! Mechanism: the stand-in misbehaves, or the bank gets another address; its log is read. Stored rates and the
//! claim on the next fetch are changed to what a clock that was ahead would have written.

use crate::coingecko::Requests;
use crate::feed;
use crate::prove::deployment::{API_KEY, Deployment, Plan, StoreUnderTest};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Within this time something must be in the log or in an answer.
const NOTICED: Duration = Duration::from_secs(20);
const CHECK_EVERY: Duration = Duration::from_millis(50);
const HOUR_MS: u64 = 3_600_000;
const TWO_DAYS_SECONDS: u64 = 172_800;
/// The table in which `bank` finds the rules of settings.
const RULES: &str = "[application.tool.bank.variables]";

/// The modes of the stand-in, and the log's word for each.
const CAUSES: &[(&str, &str)] = &[
    ("401", "bad-key"),
    ("403", "bad-key"),
    ("429", "rate-limited"),
    ("500", "status"),
    ("redirect", "status"),
    ("nonsense", "not-json"),
    ("empty", "not-json"),
    ("huge", "too-large"),
    ("reset", "broke-off"),
    ("hang", "timed-out"),
];

fn plan(runner: &Path, manifest: &Path, variables: &[(&'static str, &str)]) -> Plan {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Plan { variables, ..Plan::new(StoreUnderTest::Sqlite, runner, manifest) }
}

/// Each failure has a word of its own in the log, and so has its end.
pub async fn assert_causes_are_logged(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let deployment = Deployment::build(plan(runner, manifest, &[])).await?;
    for (mode, cause) in CAUSES {
        let log = Log::of(&deployment)?;
        set_mode(&deployment, mode).await?;
        let line = log.line("rates-not-fetched", &[]).await.with_context(|| format!("upstream: {mode}"))?;
        ensure!(line["cause"] == *cause, "{mode}: {line}");
        ensure!(line["detail"].is_string() && line["times"] == 1, "{mode}: {line}");
        let log = Log::of(&deployment)?;
        set_mode(&deployment, "ok").await?;
        log.line("rates-fetched-again", &[]).await.with_context(|| format!("after upstream: {mode}"))?;
    }
    assert_logged_once(&deployment).await?;
    assert_key_is_not_logged(&deployment)
}

/// A failure that goes on is logged once, though there are several fetches.
async fn assert_logged_once(deployment: &Deployment) -> anyhow::Result<()> {
    let log = Log::of(deployment)?;
    set_mode(deployment, "500").await?;
    let before = hits(deployment).await;
    while hits(deployment).await < before + 4 {
        deployment.client().get("/v1/rates").await;
        tokio::time::sleep(CHECK_EVERY).await;
    }
    let said = log.lines("rates-not-fetched")?;
    ensure!(said.len() == 1, "four fetches failed, and the log says {said:?}");
    Ok(())
}

/// A CoinGecko that cannot be reached has words of its own in the log.
pub async fn assert_unreachable_is_logged(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let no_tls = Deployment::build(plan(runner, manifest, &[])).await?;
    let no_tls_origin = no_tls.coingecko().replace("http://", "https://");
    for (origin, cause) in [
        ("http://127.0.0.1:1", "refused"),
        ("http://no-such-name.invalid", "name-not-found"),
        (no_tls_origin.as_str(), "tls"),
    ] {
        let deployment = Deployment::build(plan(runner, manifest, &[("coingecko_origin", origin)])).await?;
        let log = Log::of(&deployment)?;
        let line = log.line("rates-not-fetched", &[]).await.with_context(|| origin.to_owned())?;
        ensure!(line["cause"] == cause, "{origin}: {line}");
        assert_key_is_not_logged(&deployment)?;
    }
    Ok(())
}

/// Settings have white space around them, and the header of a paid key is used.
pub async fn use_paid_key(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let key = r#"CG-&#@%'"\key"#;
    let (spaced_key, ttl) = (format!("{key}\n"), " 1\r\n");
    let variables = [
        ("coingecko_api_key", spaced_key.as_str()),
        ("coingecko_api_key_header", " x-cg-pro-api-key\n"),
        ("rates_ttl_seconds", ttl),
        ("storage_deadline_ms", "500\n"),
        ("store", "kv\n"),
        ("log_level", "\tinfo\n"),
    ];
    let deployment = Deployment::build(plan(runner, manifest, &variables)).await?;
    deployment.client().get("/v1/rates").await.is(200);
    let headers = requests(&deployment).await.headers;
    ensure!(headers.get("x-cg-pro-api-key").map(String::as_str) == Some(key), "{headers:?}");
    ensure!(!headers.contains_key("x-cg-demo-api-key"), "{headers:?}");
    let said = deployment.logs()?;
    ensure!(!said.contains("bad-setting") && !said.contains("CG-"), "{said}");
    Ok(())
}

/// Rates that are fresh for two days are not fetched with every request while upstream fails.
pub async fn assert_long_lived_rates_are_not_refetched(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let ttl = TWO_DAYS_SECONDS.to_string();
    let deployment = Deployment::build(plan(runner, manifest, &[("rates_ttl_seconds", &ttl)])).await?;
    set_mode(&deployment, "500").await?;
    let before = hits(&deployment).await;
    for _ in 0..20 {
        deployment.client().get("/v1/rates").await.problem(503, "rates-unavailable");
    }
    let asked = hits(&deployment).await - before;
    ensure!(asked == 1, "20 requests asked CoinGecko {asked} times");
    Ok(())
}

/// Documents from a clock that was ahead delay nobody, and are not shown.
pub async fn recover_from_clock_ahead(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let deployment = Deployment::build(plan(runner, manifest, &[])).await?;
    deployment.client().get("/v1/rates").await.is(200);
    for (key, value) in deployment.stored().await? {
        if ["bank:{rates}:last", "bank:{rates}:claim"].contains(&key.as_str()) {
            deployment.replace_stored(&key, &an_hour_later(&value)?).await?;
        }
    }
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let begun = Instant::now();
    loop {
        let rates: Value = deployment.client().get("/v1/rates").await.is(200).json();
        let as_of = humantime::parse_rfc3339(rates["as_of"].as_str().context("no as_of")?)?;
        let as_of = as_of.duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        ensure!(as_of <= now + NOTICED.as_secs(), "shown as of a time to come: {rates}");
        if rates["stale"] == false {
            return Ok(());
        }
        ensure!(begun.elapsed() < NOTICED, "nobody asks CoinGecko again: {rates}");
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

/// The document with all of its times an hour later.
fn an_hour_later(value: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut document: serde_json::Map<String, Value> = serde_json::from_slice(value)?;
    for (name, time) in document.iter_mut().filter(|(name, _)| name.ends_with("_ms")) {
        let time_ms = time.as_u64().with_context(|| format!("{name} is no number"))?;
        *time = (time_ms + HOUR_MS).into();
    }
    Ok(serde_json::to_vec(&document)?)
}

/// Under Spin, which does not check them, components log a bad setting with what is allowed.
pub async fn assert_bad_settings_are_logged(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let unjudged = Unjudged::copy_of(manifest)?;
    let variables =
        [("rates_ttl_seconds", "-1"), ("log_level", "loud"), ("coingecko_origin", "ftp://gecko:21")];
    let deployment = Deployment::build(plan(runner, &unjudged.manifest(), &variables)).await?;
    let log = Log::of(&deployment)?;
    for (setting, value, allowed) in [
        ("log_level", "loud", "error, warn, info, debug"),
        ("rates_ttl_seconds", "-1", "an integer from 1 to 31536000"),
        ("coingecko_origin", "ftp://gecko:21", "an origin http://… or https://… without a path"),
    ] {
        let line = log.line("bad-setting", &[("setting", setting)]).await?;
        ensure!(line["value"] == value && line["allowed"] == allowed, "{line}");
    }
    ensure!(log.line("rates-not-fetched", &[]).await?["cause"] == "bad-origin", "{:?}", deployment.logs());
    assert_no_store_is_guessed(runner, &unjudged.manifest()).await
}

async fn assert_no_store_is_guessed(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let deployment = Deployment::build(plan(runner, manifest, &[("store", "mongo")])).await?;
    let log = Log::of(&deployment)?;
    let line = log.line("bad-setting", &[("setting", "store")]).await?;
    ensure!(line["value"] == "mongo" && line["allowed"] == "kv, redis", "{line}");
    deployment.client().get("/v1/bitcoins").await.problem(503, "storage-unavailable");
    Ok(())
}

/// The manifest without the rules for its settings, as Spin reads it.
struct Unjudged(TempDir);

impl Unjudged {
    fn copy_of(manifest: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("money-bank-").tempdir()?;
        let text = std::fs::read_to_string(manifest)?;
        let (before, rules) = text.split_once(RULES).with_context(|| format!("no {RULES}"))?;
        let (_, after) = rules.split_once("\n[").context("nothing after the rules")?;
        let here = std::env::current_dir()?;
        let source = format!("source = \"{}/target/", here.display());
        let text = format!("{before}[{after}").replace("source = \"target/", &source);
        std::fs::write(folder.path().join("spin.toml"), text)?;
        Ok(Self(folder))
    }

    fn manifest(&self) -> std::path::PathBuf {
        self.0.path().join("spin.toml")
    }
}

/// What is appended to a deployment's log from now on.
struct Log<'a> {
    deployment: &'a Deployment,
    begins: usize,
}

impl<'a> Log<'a> {
    fn of(deployment: &'a Deployment) -> anyhow::Result<Self> {
        Ok(Self { deployment, begins: deployment.logs()?.len() })
    }

    /// The lines of this event so far.
    fn lines(&self, event: &str) -> anyhow::Result<Vec<Value>> {
        let said = self.deployment.logs()?;
        let added = said.get(self.begins..).unwrap_or_default();
        // A line that is being written has no line feed yet.
        let whole = added.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = whole.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines.filter(|line| line["event"] == event).collect())
    }

    /// The first line of this event with these members, while rates are requested again and again.
    async fn line(&self, event: &str, members: &[(&str, &str)]) -> anyhow::Result<Value> {
        let begun = Instant::now();
        loop {
            self.deployment.client().get("/v1/rates").await;
            let mut lines = self.lines(event)?.into_iter();
            if let Some(line) = lines.find(|line| members.iter().all(|(name, value)| line[*name] == *value)) {
                return Ok(line);
            }
            ensure!(
                begun.elapsed() < NOTICED,
                "no {event} {members:?} in the log:\n{}",
                self.deployment.logs()?
            );
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }
}

fn assert_key_is_not_logged(deployment: &Deployment) -> anyhow::Result<()> {
    let said = deployment.logs()?;
    let line = said.lines().find(|line| line.contains(API_KEY));
    ensure!(line.is_none(), "the key is in the log: {}", line.unwrap_or_default());
    Ok(())
}

async fn set_mode(deployment: &Deployment, mode: &str) -> anyhow::Result<()> {
    feed::set_mode(&deployment.feed(), mode).await.map_err(anyhow::Error::msg)
}

async fn requests(deployment: &Deployment) -> Requests {
    deployment.feed().get("/control").send().await.expect("the stand-in").json()
}

async fn hits(deployment: &Deployment) -> u64 {
    requests(deployment).await.hits
}
