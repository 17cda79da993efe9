//! How much load a bank on Redis carries: deposits under keys, into many wallets or all into one.
//!
//! It is a closed loop: each client sends the next deposit when the last one was answered. A 503 is counted and
//! sent again at once under its key. Every wallet is opened before.

use crate::bank::Bank;
use crate::figures::arguments::{FiguresArguments, LoadArguments};
use crate::figures::sample::{AnswerKind, Sample, count, quantile_ms};
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use anyhow::ensure;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub async fn measure(all: &FiguresArguments, arguments: &LoadArguments) -> anyhow::Result<()> {
    println!("| store | banks | clients | wallets | fsync | deposits/s | p50 | p99 | slowest, ms | 503 |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &store in &all.adapter {
        println!("{}", one(all, arguments, store).await?);
    }
    Ok(())
}

async fn one(
    all: &FiguresArguments,
    arguments: &LoadArguments,
    store: StoreUnderTest,
) -> anyhow::Result<String> {
    let LoadArguments { wallets, deposits, banks, fault, appendfsync } = arguments;
    let plan = Plan::new(store, &all.bank, &all.manifest);
    let mut deployment = Deployment::build(Plan { processes: *banks, fault: fault.clone(), ..plan }).await?;
    deployment.redis()?.connect().await?.command(&format!("CONFIG SET appendfsync {appendfsync}")).await?;
    let clients: Vec<Bank> = (0..all.clients).map(|client| deployment.client_of(client % banks)).collect();
    let name = fresh("steady");
    let users: Vec<String> = (0..*wallets).map(|wallet| format!("{name}-{wallet}")).collect();
    run(&clients, &users, *wallets, "open").await?;
    let begun = Instant::now();
    let samples = run(&clients, &users, *deposits, "then").await?;
    let took = begun.elapsed();
    let done = count(&samples, AnswerKind::Done);
    ensure!(done == *deposits, "{done} of {deposits} were carried out");
    let [p50, p99, slowest] = [500, 990, 1000].map(|share| quantile_ms(&samples, share).unwrap_or_default());
    let fault = fault.as_ref().and_then(|fault| fault.file_stem()?.to_str());
    Ok(format!(
        "| {}{} | {banks} | {} | {wallets} | {appendfsync} | {:.0} | {p50} | {p99} | {slowest} | {} |",
        FiguresArguments::name(store),
        fault.map(|fault| format!(", {fault}")).unwrap_or_default(),
        all.clients,
        done as f64 / took.as_secs_f64(),
        samples.len() - done,
    ))
}

/// Runs all clients at the same time, until this many deposits were made.
async fn run(
    clients: &[Bank],
    users: &[String],
    deposits: usize,
    round: &str,
) -> anyhow::Result<Vec<Sample>> {
    let next = AtomicUsize::new(0);
    let clients = clients.iter().map(async |bank| {
        let mut samples = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= deposits {
                return anyhow::Ok(samples);
            }
            deposit(bank, &users[number % users.len()], &format!("{round}-{number}"), &mut samples).await?;
        }
    });
    Ok(futures::future::try_join_all(clients).await?.concat())
}

/// One deposit, until it is carried out; its time includes all its tries.
async fn deposit(bank: &Bank, user: &str, key: &str, samples: &mut Vec<Sample>) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let request = bank.post("/v1/deposit").user(user).idempotency_key(key).amount("1");
        let mut sample = Sample::of(&request.send().await.map_err(anyhow::Error::msg)?);
        sample.took = begun.elapsed();
        samples.push(sample);
        match sample.kind {
            AnswerKind::Done => return Ok(()),
            AnswerKind::Other => anyhow::bail!("{user}, {key}: neither 200 nor 503"),
            AnswerKind::Untouched | AnswerKind::Unknown => (),
        }
    }
}
