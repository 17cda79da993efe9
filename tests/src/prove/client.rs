//! A client that follows the published rule ([`retry`]): it sends a request again, under the same key, until the
//! operation has ended. It also checks what the bank owes every client: an answer, unless something is killed, and
//! `none` only if nothing happened.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::request::Request;
use crate::{retry, rules};
use anyhow::{Context as _, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a client goes on sending one request.
const PATIENCE: Duration = Duration::from_secs(30);
/// One operation in so many is first sent twice at the same time.
const EVERY_TWIN: usize = 7;
/// One in so many is given up when the bank has said `none` to every try: then it must never have happened.
const EVERY_GIVEN_UP: usize = 3;

pub struct Client<'a> {
    bank: &'a Bank,
    /// Instances or whole processes die, so that a 500 without a word, or no answer, is to be expected.
    kills: bool,
}

/// An operation as it was asked for, and the answer that settled it.
pub struct Done {
    pub path: String,
    pub key: String,
    pub amount: Option<String>,
    pub answer: Answer,
}

/// The answers to one client.
pub struct Answers {
    /// Whose wallet, or which counter.
    pub user: String,
    pub done: Vec<Done>,
    /// Keys of operations to whose every try the bank said `none`, and that nobody sent again.
    pub given_up: Vec<String>,
    pub sent_again: usize,
    /// How many operations were unknown before they were answered: by a 503 that says so, or by silence.
    pub unknown: usize,
    /// How long the slowest answer took, of any kind.
    pub slowest: Duration,
}

impl Answers {
    fn none(user: &str) -> Self {
        let (done, given_up) = (Vec::new(), Vec::new());
        Self { user: user.to_owned(), done, given_up, sent_again: 0, unknown: 0, slowest: Duration::ZERO }
    }
}

/// How it went until an answer came.
#[derive(Default)]
struct Sent {
    /// None when it was given up, since the bank had said `none` to every try.
    answer: Option<Answer>,
    again: usize,
    /// Some try may have happened: the answer did not say `none`.
    unknown: bool,
    slowest: Duration,
}

impl<'a> Client<'a> {
    pub fn new(bank: &'a Bank, kills: bool) -> Self {
        Self { bank, kills }
    }

    /// Deposits and withdraws, more of the latter than there is money now and then.
    pub async fn moves_money(&self, user: &str, client: usize, over: &AtomicBool) -> anyhow::Result<Answers> {
        let operation = |n: usize| {
            let (path, amount) = match n % 3 {
                0 => ("/v1/deposit", 3 + n % 5),
                1 => ("/v1/withdraw", 2 + n % 7),
                _ => ("/v1/deposit", 1),
            };
            (path.to_owned(), Some(format!("{amount}.{client:02}")))
        };
        self.repeat(user, client, over, operation).await
    }

    /// Posts to a counter.
    pub async fn counts(&self, counter: &str, client: usize, over: &AtomicBool) -> anyhow::Result<Answers> {
        let path = format!("/v1/counters/{counter}");
        self.repeat(counter, client, over, |_| (path.clone(), None)).await
    }

    async fn repeat(
        &self,
        user: &str,
        client: usize,
        over: &AtomicBool,
        operation: impl Fn(usize) -> (String, Option<String>),
    ) -> anyhow::Result<Answers> {
        let mut answers = Answers::none(user);
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            let (path, amount) = operation(n);
            let key = format!("client-{client}-{n}");
            let request = self.request(user, &path, &key, amount.as_deref());
            n += 1;
            let twins = n.is_multiple_of(EVERY_TWIN);
            if twins {
                self.twins(&request).await?;
            }
            let sent = self.send(request, !twins && n.is_multiple_of(EVERY_GIVEN_UP)).await?;
            answers.sent_again += sent.again;
            answers.unknown += usize::from(sent.unknown);
            answers.slowest = answers.slowest.max(sent.slowest);
            match sent.answer {
                None => answers.given_up.push(key),
                Some(answer) => answers.done.push(Done { path, key, amount, answer }),
            }
        }
        Ok(answers)
    }

    fn request(&self, user: &str, path: &str, key: &str, amount: Option<&str>) -> Request<'a> {
        let request = self.bank.post(path).idempotency_key(key);
        match amount {
            Some(amount) => request.user(user).amount(amount),
            None => request,
        }
    }

    /// Two at the same time under one key are answered alike.
    async fn twins(&self, request: &Request<'a>) -> anyhow::Result<()> {
        let (one, other) = tokio::join!(self.answered(request.clone()), self.answered(request.clone()));
        let (one, other) = (one?, other?);
        ensure!(same(&one, &other), "under one key: {one}\nand {other}");
        Ok(())
    }

    /// Sends what was asked once, to be given its answer again.
    pub async fn again(&self, user: &str, done: &Done) -> anyhow::Result<Answer> {
        self.answered(self.request(user, &done.path, &done.key, done.amount.as_deref())).await
    }

    /// Sends until there is an answer.
    pub async fn answered(&self, request: Request<'a>) -> anyhow::Result<Answer> {
        self.send(request, false).await?.answer.context("it was not to be given up")
    }

    pub fn get(&self, path: impl Into<String>) -> Request<'a> {
        self.bank.get(path)
    }

    async fn send(&self, request: Request<'a>, may_be_given_up: bool) -> anyhow::Result<Sent> {
        let begun = Instant::now();
        let mut sent = Sent::default();
        loop {
            let tried = request.clone().send().await;
            let outcome = self.outcome(&tried)?;
            let wait = retry::wait(&tried);
            if let Ok(answer) = tried {
                sent.slowest = sent.slowest.max(answer.took);
                if wait.is_none() {
                    return Ok(Sent { answer: Some(answer), ..sent });
                }
            }
            sent.unknown |= outcome != "none";
            if may_be_given_up && !sent.unknown {
                return Ok(sent);
            }
            sent.again += 1;
            ensure!(begun.elapsed() < PATIENCE, "not answered in {PATIENCE:?}, sent {} times", sent.again);
            tokio::time::sleep(wait.unwrap_or_default()).await;
        }
    }

    /// What an answer says of the request that it answers, and of no other; silence says nothing.
    fn outcome(&self, tried: &Result<Answer, String>) -> anyhow::Result<String> {
        match tried {
            Ok(answer) if answer.status == 500 && self.kills && answer.body.is_empty() => {}
            Ok(answer) => {
                rules::check(answer);
                let said = (answer.status == 503).then(|| answer.json::<serde_json::Value>());
                let outcome = said.as_ref().and_then(|said| said["outcome"].as_str());
                return Ok(outcome.unwrap_or("unknown").to_owned());
            }
            Err(problem) => ensure!(self.kills, "{problem}"),
        }
        Ok("unknown".to_owned())
    }
}

/// Two answers to one request, whichever of them was the first.
pub fn same(one: &Answer, other: &Answer) -> bool {
    one.status == other.status && one.body_to_replay() == other.body_to_replay()
}
