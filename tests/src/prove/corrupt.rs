//! Stored documents that something else has changed. The answer is a 500; the log names the kind of document but
//! not its owner; the client learns nothing; and not one byte in the store is changed.
//!
//! Each document is damaged in several ways, and every request that has to read it is sent. When it is mended, the bank
//! serves it again.

use crate::answer::Answer;
use crate::bank::{Bank, Wallet};
use crate::limits;
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::request::Request;
use crate::rules;
use anyhow::{Context as _, ensure};
use std::time::{Duration, Instant};

/// With this many operations under keys, some have left for the pages and for the index.
const OPERATIONS: usize = 30;

/// A user and a counter with documents in the store.
struct Owner {
    user: String,
    counter: String,
}

/// A document, the change to it, and the requests that have to read it.
struct Case<'a> {
    key: String,
    change: (&'static str, &'static str),
    requests: Vec<Request<'a>>,
}

/// Damages each kind of document in turn.
pub async fn run(deployment: &Deployment) -> anyhow::Result<()> {
    let bank = deployment.client();
    let owner = Owner::with_a_history(&bank).await;
    let before = (bank.wallet(&owner.user).await, owner.count(&bank).await);
    let mut answers = 0;
    for case in owner.cases(&bank) {
        answers += case.run(deployment).await.with_context(|| case.key.clone())?;
    }
    let after: (Wallet, String) = (bank.wallet(&owner.user).await, owner.count(&bank).await);
    ensure!(after == before, "it was {before:?}, it is {after:?}");
    println!("{answers} requests met a damaged document");
    Ok(())
}

impl Owner {
    async fn with_a_history(bank: &Bank) -> Self {
        let owner = Self { user: fresh("keeper"), counter: format!("/v1/counters/{}", fresh("keeper")) };
        for n in 0..OPERATIONS {
            owner.deposit(bank, n).await.is(200);
            owner.post(bank, n).await.is(200);
        }
        // Its own part of the total: a post without a key is added while the other part is read, and taken back if
        // that is damaged. So this creates the cell first.
        bank.post(&owner.counter).await.is(200);
        owner
    }

    fn deposit<'a>(&self, bank: &'a Bank, n: usize) -> Request<'a> {
        bank.post("/v1/deposit").user(&self.user).idempotency_key(format!("k{n}")).amount("1.25")
    }

    fn post<'a>(&self, bank: &'a Bank, n: usize) -> Request<'a> {
        bank.post(&self.counter).idempotency_key(format!("k{n}"))
    }

    async fn count(&self, bank: &Bank) -> String {
        bank.get(&self.counter).await.is(200).text().to_owned()
    }

    fn cases<'a>(&self, bank: &'a Bank) -> Vec<Case<'a>> {
        let Self { user, counter } = self;
        let name = counter.trim_start_matches("/v1/counters/");
        let read = |path: &str| bank.get(path).user(user);
        let withdraw = bank.post("/v1/withdraw").user(user).amount("1");
        vec![
            Case {
                key: format!("bank:{{{user}}}:wallet"),
                change: (r#""balance":"37.50""#, r#""balance":"38.50""#),
                requests: vec![
                    read("/v1/wallet"),
                    read("/v1/wallet?at=1"),
                    read("/v1/wallet/entries"),
                    bank.post("/v1/deposit").user(user).amount("1"),
                    self.deposit(bank, OPERATIONS - 1),
                    self.deposit(bank, OPERATIONS),
                    withdraw,
                ],
            },
            Case {
                key: format!("bank:{{{user}}}:page:0"),
                change: (r#""amount":"1.25""#, r#""amount":"1.26""#),
                requests: vec![read("/v1/wallet?at=3"), read("/v1/wallet/entries?limit=200")],
            },
            Case {
                key: format!("bank:{{{user}}}:operation:k0"),
                change: (r#""kind":"deposit""#, r#""kind":"present""#),
                requests: vec![self.deposit(bank, 0)],
            },
            Case {
                key: format!("bank:{{counter:{name}}}:posts"),
                change: (r#""sum":30"#, r#""sum":31"#),
                requests: vec![
                    bank.get(counter),
                    bank.post(counter),
                    self.post(bank, OPERATIONS - 1),
                    self.post(bank, OPERATIONS),
                ],
            },
            Case {
                key: format!("bank:{{counter:{name}}}:post:k0"),
                change: (r#""by":1"#, r#""by":1.5"#),
                requests: vec![self.post(bank, 0)],
            },
        ]
    }
}

impl Case<'_> {
    /// Damages the document in every way, and mends it; returns how many requests met it.
    async fn run(&self, deployment: &Deployment) -> anyhow::Result<usize> {
        let stored = deployment.stored().await?;
        let sound = stored.get(&self.key).context("it is not in the store")?;
        let damaged = self.damaged(sound)?;
        let named = self.as_the_log_names_it()?;
        for value in &damaged {
            deployment.replace_stored(&self.key, value).await?;
            let held = deployment.stored().await?;
            for request in &self.requests {
                let logged = deployment.logs()?.matches(&named).count();
                let answer = request.clone().send().await.map_err(anyhow::Error::msg)?;
                assert_reveals_nothing(&answer)?;
                wait_until_logged(deployment, &named, logged).await?;
                ensure!(!deployment.logs()?.contains(&self.key), "the log says whose {named} is");
                ensure!(deployment.stored().await? == held, "something was written: {answer}");
            }
        }
        deployment.replace_stored(&self.key, sound).await?;
        Ok(damaged.len() * self.requests.len())
    }

    /// Its kind, without its owner and idempotency key.
    fn as_the_log_names_it(&self) -> anyhow::Result<String> {
        let (_, what) = self.key.split_once("}:").context("a key without a hash tag")?;
        Ok(format!(r#""cause":"{}: "#, what.split(':').next().unwrap_or_default()))
    }

    /// One character changed, the end cut off, emptied, and foreign bytes.
    fn damaged(&self, sound: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
        let (from, to) = self.change;
        let text = std::str::from_utf8(sound)?;
        ensure!(text.contains(from), "{from} is not in {text}");
        let changed = text.replacen(from, to, 1).into_bytes();
        let cut = sound[..sound.len() / 2].to_vec();
        Ok(vec![changed, cut, Vec::new(), vec![0xff; 64]])
    }
}

/// A complete problem like any other, which reveals nothing internal.
fn assert_reveals_nothing(answer: &Answer) -> anyhow::Result<()> {
    rules::check_form(answer);
    answer.problem(500, "internal-error");
    for inside in ["bank:", "corrupt", "keeper"] {
        ensure!(!answer.text().contains(inside), "it tells of {inside:?}: {answer}");
    }
    Ok(())
}

/// The log of the bank that answered has one more line that names it.
async fn wait_until_logged(deployment: &Deployment, named: &str, logged: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    while deployment.logs()?.matches(named).count() <= logged {
        ensure!(begun.elapsed() < limits::ANSWER, "no log has {named}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
