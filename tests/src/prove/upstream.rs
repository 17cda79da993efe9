//! A CoinGecko that refuses, fails or is away, and clocks and settings that are wrong. The bank's log says why
//! there are no rates, when that changes and not with every request; it never contains the API key; and the bank
//! asks no more often than it should.
//!
//! Mechanism: the stand-in misbehaves, or the bank gets another address; its log is read. Stored rates and the
//! claim on the next fetch are changed to what a clock that was ahead would have written.

use crate::coingecko::Requests;
use crate::feed;
use crate::prove::house::{API_KEY, House, Plan, Store};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// How soon something must be in the log or in an answer.
const NOTICED: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
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
    Plan { variables, ..Plan::new(Store::Sqlite, runner, manifest) }
}

/// Each failure has a word of its own in the log, and so has its end.
pub async fn is_logged_by_cause(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let house = House::build(plan(runner, manifest, &[])).await?;
    for (mode, cause) in CAUSES {
        let log = Log::of(&house)?;
        turn(&house, mode).await?;
        let line = log.line("rates-not-fetched", &[]).await.with_context(|| format!("upstream: {mode}"))?;
        ensure!(line["cause"] == *cause, "{mode}: {line}");
        ensure!(line["detail"].is_string() && line["times"] == 1, "{mode}: {line}");
        let log = Log::of(&house)?;
        turn(&house, "ok").await?;
        log.line("rates-fetched-again", &[]).await.with_context(|| format!("after upstream: {mode}"))?;
    }
    stays_quiet(&house).await?;
    says_no_key(&house)
}

/// A failure that goes on is logged once, though there are several fetches.
async fn stays_quiet(house: &House) -> anyhow::Result<()> {
    let log = Log::of(house)?;
    turn(house, "500").await?;
    let before = hits(house).await;
    while hits(house).await < before + 4 {
        house.client().get("/v1/rates").await;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let said = log.lines("rates-not-fetched")?;
    ensure!(said.len() == 1, "four fetches failed, and the log says {said:?}");
    Ok(())
}

/// Failures before upstream answers have words of their own too.
pub async fn is_not_reached(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let no_tls = House::build(plan(runner, manifest, &[])).await?;
    let no_tls_origin = no_tls.coingecko().replace("http://", "https://");
    for (origin, cause) in [
        ("http://127.0.0.1:1", "refused"),
        ("http://no-such-name.invalid", "name-not-found"),
        (no_tls_origin.as_str(), "tls"),
    ] {
        let house = House::build(plan(runner, manifest, &[("coingecko_origin", origin)])).await?;
        let log = Log::of(&house)?;
        let line = log.line("rates-not-fetched", &[]).await.with_context(|| origin.to_owned())?;
        ensure!(line["cause"] == cause, "{origin}: {line}");
        says_no_key(&house)?;
    }
    Ok(())
}

/// Settings have white space around them, and the header of a paid key is used.
pub async fn gets_the_key_of_a_paid_plan(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
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
    let house = House::build(plan(runner, manifest, &variables)).await?;
    house.client().get("/v1/rates").await.is(200);
    let headers = seen(&house).await.headers;
    ensure!(headers.get("x-cg-pro-api-key").map(String::as_str) == Some(key), "{headers:?}");
    ensure!(!headers.contains_key("x-cg-demo-api-key"), "{headers:?}");
    let said = house.logs()?;
    ensure!(!said.contains("bad-setting") && !said.contains("CG-"), "{said}");
    Ok(())
}

/// Rates that are fresh for two days are not fetched with every request while upstream fails.
pub async fn is_left_alone_however_long_rates_live(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let ttl = TWO_DAYS_SECONDS.to_string();
    let house = House::build(plan(runner, manifest, &[("rates_ttl_seconds", &ttl)])).await?;
    turn(&house, "500").await?;
    let before = hits(&house).await;
    for _ in 0..20 {
        house.client().get("/v1/rates").await.problem(503, "rates-unavailable");
    }
    let asked = hits(&house).await - before;
    ensure!(asked == 1, "20 requests asked CoinGecko {asked} times");
    Ok(())
}

/// What a clock in the future has stored delays nobody, and is not shown.
pub async fn is_asked_after_a_clock_was_ahead(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let house = House::build(plan(runner, manifest, &[])).await?;
    house.client().get("/v1/rates").await.is(200);
    for (key, value) in house.stored().await? {
        if ["bank:{rates}:last", "bank:{rates}:claim"].contains(&key.as_str()) {
            house.plant(&key, &ahead(&value)?).await?;
        }
    }
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let begun = Instant::now();
    loop {
        let rates: Value = house.client().get("/v1/rates").await.is(200).json();
        let as_of = humantime::parse_rfc3339(rates["as_of"].as_str().context("no as_of")?)?;
        let as_of = as_of.duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        ensure!(as_of <= now + NOTICED.as_secs(), "shown as of a time to come: {rates}");
        if rates["stale"] == false {
            return Ok(());
        }
        ensure!(begun.elapsed() < NOTICED, "nobody asks CoinGecko again: {rates}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The document with all of its times an hour later.
fn ahead(value: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut document: serde_json::Map<String, Value> = serde_json::from_slice(value)?;
    for (name, time) in document.iter_mut().filter(|(name, _)| name.ends_with("_ms")) {
        let time_ms = time.as_u64().with_context(|| format!("{name} is no number"))?;
        *time = (time_ms + HOUR_MS).into();
    }
    Ok(serde_json::to_vec(&document)?)
}

/// Under Spin, which does not check them, components log a bad setting with what is allowed.
pub async fn hears_of_bad_settings(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let unjudged = Unjudged::copy_of(manifest)?;
    let variables =
        [("rates_ttl_seconds", "-1"), ("log_level", "loud"), ("coingecko_origin", "ftp://gecko:21")];
    let house = House::build(plan(runner, &unjudged.manifest(), &variables)).await?;
    let log = Log::of(&house)?;
    for (setting, value, allowed) in [
        ("log_level", "loud", "error, warn, info, debug"),
        ("rates_ttl_seconds", "-1", "an integer from 1 to 31536000"),
        ("coingecko_origin", "ftp://gecko:21", "an origin http://… or https://… without a path"),
    ] {
        let line = log.line("bad-setting", &[("setting", setting)]).await?;
        ensure!(line["value"] == value && line["allowed"] == allowed, "{line}");
    }
    ensure!(log.line("rates-not-fetched", &[]).await?["cause"] == "bad-origin", "{:?}", house.logs());
    nothing_is_guessed_of_the_store(runner, &unjudged.manifest()).await
}

async fn nothing_is_guessed_of_the_store(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let house = House::build(plan(runner, manifest, &[("store", "mongo")])).await?;
    let log = Log::of(&house)?;
    let line = log.line("bad-setting", &[("setting", "store")]).await?;
    ensure!(line["value"] == "mongo" && line["allowed"] == "kv, redis", "{line}");
    house.client().get("/v1/bitcoins").await.problem(503, "storage-unavailable");
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

/// What is appended to a house's log from now on.
struct Log<'a> {
    house: &'a House,
    begins: usize,
}

impl<'a> Log<'a> {
    fn of(house: &'a House) -> anyhow::Result<Self> {
        Ok(Self { house, begins: house.logs()?.len() })
    }

    /// The lines of this event so far.
    fn lines(&self, event: &str) -> anyhow::Result<Vec<Value>> {
        let said = self.house.logs()?;
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
            self.house.client().get("/v1/rates").await;
            let mut lines = self.lines(event)?.into_iter();
            if let Some(line) = lines.find(|line| members.iter().all(|(name, value)| line[*name] == *value)) {
                return Ok(line);
            }
            ensure!(begun.elapsed() < NOTICED, "no {event} {members:?} in the log:\n{}", self.house.logs()?);
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}

fn says_no_key(house: &House) -> anyhow::Result<()> {
    let said = house.logs()?;
    let line = said.lines().find(|line| line.contains(API_KEY));
    ensure!(line.is_none(), "the key is in the log: {}", line.unwrap_or_default());
    Ok(())
}

async fn turn(house: &House, mode: &str) -> anyhow::Result<()> {
    feed::set_mode(&house.feed(), mode).await.map_err(anyhow::Error::msg)
}

async fn seen(house: &House) -> Requests {
    house.feed().get("/control").send().await.expect("the stand-in").json()
}

async fn hits(house: &House) -> u64 {
    seen(house).await.hits
}
