//! The cost of requests: the commands that each sends to Redis, exactly as in `budgets.toml`; the memory that
//! 10,000 of them leave behind; the memory of requests whose answers nobody reads; and the cost of a start that
//! compiles everything.
//!
//! Scenario: somebody adds a storage call, or keeps what an instance should forget. Mechanism: Redis reports every
//! command that it gets (`MONITOR`) while one client does one thing at a time; the kernel reports the process's
//! memory. Needs: a deployment on Redis that nobody else uses.

use crate::bank::Bank;
use crate::budgets::Budgets;
use crate::names::fresh;
use crate::prove::deployment::{Deployment, RedisConnection};
use crate::prove::process::Process;
use crate::raw::Wire;
use crate::request::{Request, at_once};
use anyhow::{Context as _, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Commands of the connection itself, and of the observer.
const IGNORED_COMMANDS: &[&str] = &["AUTH", "CLIENT", "ECHO", "HELLO", "PING", "SELECT"];
/// An instance keeps rates for a second, and remembers the wallets that it has used last: one of this many requests
/// hits such an instance.
const TRIES: usize = 10;
/// This long after an answer, its instance has no work left for the request.
const AFTER_AN_ANSWER: Duration = Duration::from_millis(30);
/// The twelfth operation finds a full log.
const UNTIL_SEALED: usize = 12;
/// With this many entries, 200 of them are in the wallet and in 24 pages.
const LONG_HISTORY: usize = 208;
const AT_ONCE: usize = 50;
const BEFORE: usize = 2_000;
const REQUESTS: usize = 10_000;
/// This many clients request a large file, unpacked, and read only the beginning of the answer.
const UNREAD: usize = 200;
const LARGE_FILE: &str = "GET /docs/swagger-ui.js HTTP/1.1\r\nhost: {host}\r\n\r\n";

/// Each request makes the storage calls that `budgets.toml` lists for this store, in that order.
pub async fn check_storage_calls(deployment: &mut Deployment, store: &str) -> anyhow::Result<()> {
    let (bank, other) = (deployment.client_of(0), deployment.client_of(1));
    let mut recorder = CommandRecorder::on(deployment).await?;
    let mut costs = BTreeMap::new();
    recorder.reads(&bank, &mut costs).await?;
    recorder.counters(&bank, &mut costs).await?;
    recorder.money(&bank, &other, &mut costs).await?;
    recorder.known_wallet(&bank, &mut costs).await?;
    recorder.long_history(&bank, &mut costs).await?;
    let mut budgets = Budgets::load();
    let expected = budgets.storage_calls.remove(store).unwrap_or_default();
    let lines = costs.iter().map(|(request, calls)| format!("\"{request}\" = \"{calls}\"\n"));
    ensure!(
        costs == expected,
        "budgets.toml has it otherwise:\n[storage_calls.{store}]\n{}",
        lines.collect::<String>()
    );
    Ok(())
}

/// After 10,000 requests the process is as small as after the first of them.
pub async fn check_memory(deployment: &mut Deployment) -> anyhow::Result<()> {
    let bank = deployment.client_of(0);
    let user = fresh("small");
    bank.deposit(&user, "1").await;
    let ask = async |count: usize| {
        for _ in 0..count.div_euclid(AT_ONCE) {
            let requests = (0..AT_ONCE).map(|_| bank.get("/v1/wallet").user(&user));
            at_once(requests).await.iter().for_each(|answer| drop(answer.clone().is(200)));
        }
    };
    ask(BEFORE).await;
    let before = deployment.process(0)?.resident_bytes()?;
    ask(REQUESTS - BEFORE).await;
    let after = deployment.process(0)?.resident_bytes()?;
    let memory = Budgets::load().memory;
    println!("{before} bytes after {BEFORE} requests, {after} after {REQUESTS}");
    ensure!(after < memory.resident_bytes, "{after} bytes of {}", memory.resident_bytes);
    ensure!(after < before + memory.growth_bytes, "it grew from {before} to {after} bytes");
    Ok(())
}

/// An answer that nobody reads takes no more memory than the pieces of it that are in transit.
pub async fn check_unread_answers(deployment: &mut Deployment) -> anyhow::Result<()> {
    let bank = deployment.client_of(0);
    let before = deployment.process(0)?.resident_bytes()?;
    let mut clients = Vec::new();
    for _ in 0..UNREAD {
        let mut client = Wire::to(&bank).await;
        client.send(LARGE_FILE).await;
        clients.push(client);
    }
    for client in &mut clients {
        ensure!(client.receives_anything().await, "an answer does not begin");
    }
    let after = deployment.process(0)?.resident_bytes()?;
    let each = after.saturating_sub(before).div_euclid(UNREAD as u64);
    let allowed = Budgets::load().memory.unread_bytes;
    println!("{each} bytes for each of {UNREAD} answers that nobody reads");
    ensure!(each < allowed, "an answer that nobody reads takes {each} bytes of {allowed}");
    Ok(())
}

/// A start that finds nothing compiled takes no more CPU time than it may.
pub async fn check_start(runner: &Path, manifest: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(runner);
    command.args(["up", "--listen", "127.0.0.1:0", "--disable-cache", "-f"]).arg(manifest);
    command.arg("--state-dir").arg(folder.path());
    let mut process = Process::start("uncached-bank", &mut command)?;
    process.wait_for(|line| line.starts_with("Serving ").then_some(())).await?;
    let spent = process.cpu_seconds()?;
    process.stop().await?;
    let allowed = Budgets::load().start.cpu_seconds;
    println!("{spent} CPU-seconds for a start");
    ensure!(spent <= allowed, "a start takes {spent} CPU-seconds of {allowed}");
    Ok(())
}

fn keyed_deposit<'b>(bank: &'b Bank, user: &str, number: usize) -> Request<'b> {
    bank.post("/v1/deposit").user(user).idempotency_key(format!("key-{number}")).amount("1")
}

type Costs = BTreeMap<String, String>;

/// Observes every command that Redis gets.
struct CommandRecorder {
    monitor: RedisConnection,
    connection: RedisConnection,
    recorded: usize,
}

impl CommandRecorder {
    async fn on(deployment: &mut Deployment) -> anyhow::Result<Self> {
        let (mut monitor, connection) =
            (deployment.redis()?.connect().await?, deployment.redis()?.connect().await?);
        monitor.command("MONITOR").await?;
        Ok(Self { monitor, connection, recorded: 0 })
    }

    async fn reads(&mut self, bank: &Bank, costs: &mut Costs) -> anyhow::Result<()> {
        for path in ["/healthz", "/readyz", "/"] {
            costs.insert(format!("GET {path}"), self.shortest(|| bank.get(path)).await?);
        }
        costs.insert("GET /v1/rates, warm".to_owned(), self.shortest(|| bank.get("/v1/rates")).await?);
        Ok(())
    }

    async fn counters(&mut self, bank: &Bank, costs: &mut Costs) -> anyhow::Result<()> {
        let path = "/v1/bitcoins?bitcoins=5";
        self.record(bank.post(path)).await?;
        costs.insert("POST /v1/bitcoins".to_owned(), self.record(bank.post(path)).await?);
        costs.insert("GET /v1/bitcoins".to_owned(), self.record(bank.get("/v1/bitcoins")).await?);
        let path = format!("/v1/counters/{}", fresh("cost"));
        self.record(bank.post(&path).idempotency_key("first")).await?;
        let keyed = bank.post(&path).idempotency_key("second");
        costs.insert("POST /v1/counters, under a key".to_owned(), self.record(keyed).await?);
        Ok(())
    }

    /// The costs for a wallet that another bank has written last, since an instance knows its own.
    async fn money(&mut self, bank: &Bank, other: &Bank, costs: &mut Costs) -> anyhow::Result<()> {
        let user = fresh("cost");
        let deposit = |number: usize| keyed_deposit(bank, &user, number);
        let mut deposited = 1;
        for (number, name) in [
            (1, "POST /v1/deposit, the first"),
            (3, "POST /v1/deposit"),
            (UNTIL_SEALED, "POST /v1/deposit, that seals a page"),
            (UNTIL_SEALED + 2, "POST /v1/deposit, some keys in the index"),
        ] {
            for number in deposited..number {
                self.record(keyed_deposit(other, &user, number)).await?;
            }
            deposited = number + 1;
            costs.insert(name.to_owned(), self.record(deposit(number)).await?);
        }
        costs.insert("POST /v1/deposit, again".to_owned(), self.record(deposit(UNTIL_SEALED)).await?);
        self.record(keyed_deposit(other, &user, UNTIL_SEALED + 3)).await?;
        costs.insert("POST /v1/deposit, again and sealed".to_owned(), self.record(deposit(1)).await?);
        self.record(keyed_deposit(other, &user, UNTIL_SEALED + 4)).await?;
        let withdrawal = bank.post("/v1/withdraw").user(&user).amount("1");
        costs.insert("POST /v1/withdraw, no key".to_owned(), self.record(withdrawal).await?);
        costs.insert("GET /v1/wallet".to_owned(), self.record(bank.get("/v1/wallet").user(&user)).await?);
        let page = bank.get("/v1/wallet/entries?limit=10").user(&user);
        costs.insert("GET /v1/wallet/entries, into a page".to_owned(), self.record(page).await?);
        Ok(())
    }

    /// A wallet that nobody else writes: some deposits reach the instance that has written it last.
    async fn known_wallet(&mut self, bank: &Bank, costs: &mut Costs) -> anyhow::Result<()> {
        let user = fresh("known");
        let calls = self.shortest(|| bank.post("/v1/deposit").user(&user).amount("1")).await?;
        costs.insert("POST /v1/deposit, to a wallet that the instance knows".to_owned(), calls);
        Ok(())
    }

    /// The cost of the cheapest of [`TRIES`] requests, since an instance may remember what another does not. Each
    /// request is sent when the one before has left no work: otherwise it would go to another instance.
    async fn shortest<'r>(&mut self, request: impl Fn() -> Request<'r>) -> anyhow::Result<String> {
        let mut shortest = self.record(request()).await?;
        for _ in 1..TRIES {
            tokio::time::sleep(AFTER_AN_ANSWER).await;
            let calls = self.record(request()).await?;
            if calls.len() < shortest.len() {
                shortest = calls;
            }
        }
        Ok(shortest)
    }

    async fn long_history(&mut self, bank: &Bank, costs: &mut Costs) -> anyhow::Result<()> {
        let user = fresh("long");
        for _ in 0..LONG_HISTORY {
            self.record(bank.post("/v1/deposit").user(&user).amount("1")).await?;
        }
        let calls = self.record(bank.get("/v1/wallet/entries?limit=200").user(&user)).await?;
        costs.insert("GET /v1/wallet/entries, 200 of them".to_owned(), calls);
        Ok(())
    }

    /// The commands that Redis gets for a request; equal ones in a row count as one.
    async fn record(&mut self, request: Request<'_>) -> anyhow::Result<String> {
        request.await.is(200);
        self.recorded += 1;
        let mark = format!("request-{}-is-over", self.recorded);
        self.connection.query(&[b"ECHO", mark.as_bytes()]).await?;
        let mut commands: Vec<(String, usize)> = Vec::new();
        loop {
            let line = self.monitor.line().await?;
            if line.contains(&mark) {
                break;
            }
            // `+1732147200.000000 [0 127.0.0.1:40000] "GET" "bank:{ann}:wallet"`, or `[0 lua]` for a part of a script.
            let (from, words) = line.split_once("] ").context("that is not what MONITOR says")?;
            let command = words.split('"').nth(1).unwrap_or_default().to_uppercase();
            if from.ends_with(" lua") || IGNORED_COMMANDS.contains(&command.as_str()) {
                continue;
            }
            match commands.last_mut() {
                Some((last, count)) if *last == command => *count += 1,
                _ => commands.push((command, 1)),
            }
        }
        let shown = |(command, count): &(String, usize)| match count {
            1 => command.clone(),
            _ => format!("{count}*{command}"),
        };
        Ok(commands.iter().map(shown).collect::<Vec<_>>().join(" "))
    }
}
