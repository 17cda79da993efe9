//! What must be true of a wallet and of a counter once every client has been answered.

use crate::bank::{Entry, Receipt, Wallet};
use crate::prove::client::{Answers, RetryingClient, Settled, same_answer};
use crate::{chain, money};
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many of a wallet's operations are sent again.
const REPLAYS: usize = 60;

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
    next: Option<String>,
}

/// Each acknowledged operation is there once and nothing else is; refused ones are not; the entries add up, chain,
/// and were never below zero; each operation gets the same answer again.
pub async fn wallet(client: &RetryingClient<'_>, user: &str, answers: &[&Answers]) -> anyhow::Result<()> {
    let entries = history(client, user).await?;
    let last = chain::check(chain::START, &entries);
    let mut balance = 0;
    for (index, entry) in entries.iter().enumerate() {
        ensure!(entry.seq == index as u64 + 1, "{user}: entry {index} is {entry:?}");
        let amount = money::units(&entry.amount);
        balance += if entry.kind == "deposit" { amount } else { -amount };
        ensure!(balance >= 0, "{user} is overdrawn at {entry:?}");
        ensure!(entry.balance == money::shown(balance), "{user}: {entry:?} does not add up");
    }
    let now = wallet_now(client, user).await?;
    let expected = Wallet {
        user: user.to_owned(),
        balance: money::shown(balance),
        seq: entries.len() as u64,
        hash: last,
    };
    ensure!(now == expected, "the history says {expected:?}, the wallet {now:?}");
    match_answers(user, &entries, answers)?;
    replay_some(client, user, answers).await?;
    ensure!(wallet_now(client, user).await? == now, "replays moved money of {user}");
    Ok(())
}

fn match_answers(user: &str, entries: &[Entry], answers: &[&Answers]) -> anyhow::Result<()> {
    let mut acknowledged = BTreeMap::new();
    for done in answers.iter().flat_map(|one| &one.done) {
        if done.answer.status == 200 {
            let receipt: Receipt = done.answer.json();
            ensure!(receipt.entry.id == done.key, "{}", done.answer);
            acknowledged.insert(done.key.clone(), receipt.entry);
        } else {
            done.answer.problem(422, "insufficient-funds");
        }
    }
    for entry in entries {
        let given_up = answers.iter().any(|one| one.given_up.contains(&entry.id));
        ensure!(!given_up, "{user}: the bank answered that nothing had happened, but here it is: {entry:?}");
        let told = acknowledged.remove(&entry.id);
        ensure!(
            told.as_ref() == Some(entry),
            "{user}: the history has {entry:?}, the client was told {told:?}"
        );
    }
    ensure!(acknowledged.is_empty(), "{user}: acknowledged and not there: {acknowledged:?}");
    Ok(())
}

async fn replay_some(client: &RetryingClient<'_>, user: &str, answers: &[&Answers]) -> anyhow::Result<()> {
    let done: Vec<&Settled> = answers.iter().flat_map(|one| &one.done).collect();
    let step = done.len().div_ceil(REPLAYS).max(1);
    let asked = done.iter().step_by(step).map(|done| async move {
        let again = client.replay(user, done).await?;
        ensure!(again.replayed() && same_answer(&done.answer, &again), "first {}\nthen {again}", done.answer);
        Ok(())
    });
    futures::future::try_join_all(asked).await.map(drop)
}

/// Every acknowledged post counted once: the totals in the answers are 1, 2, 3 and so on.
pub async fn counter(client: &RetryingClient<'_>, counter: &str, answers: &[&Answers]) -> anyhow::Result<()> {
    let done = || answers.iter().flat_map(|one| &one.done);
    let totals = done().map(|done| total(&done.answer.clone().is(200)));
    let totals = totals.collect::<anyhow::Result<BTreeSet<u64>>>()?;
    let all = done().count() as u64;
    ensure!(totals == (1..=all).collect(), "{all} posts, and their answers have the totals {totals:?}");
    replay_some(client, counter, answers).await?;
    let now = total(&client.send_until_answered(client.get(format!("/v1/counters/{counter}"))).await?)?;
    ensure!(now == all, "{all} posts were acknowledged, the counter says {now}");
    Ok(())
}

fn total(answer: &crate::answer::Answer) -> anyhow::Result<u64> {
    answer.json::<serde_json::Value>()["value"].as_u64().with_context(|| format!("no value: {answer}"))
}

async fn wallet_now(client: &RetryingClient<'_>, user: &str) -> anyhow::Result<Wallet> {
    Ok(client.send_until_answered(client.get("/v1/wallet").user(user)).await?.is(200).json())
}

/// All entries, oldest first.
async fn history(client: &RetryingClient<'_>, user: &str) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut query = "limit=50".to_owned();
    loop {
        let path = format!("/v1/wallet/entries?{query}");
        let page: Page = client.send_until_answered(client.get(path).user(user)).await?.is(200).json();
        entries.extend(page.entries);
        let Some(next) = page.next else { break };
        query = format!("limit=50&cursor={next}");
    }
    entries.reverse();
    Ok(entries)
}
