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
/// One operation in this many is first sent twice at the same time.
const EVERY_TWIN: usize = 7;
/// One in this many is given up if every try was answered `none`: then it must never have happened.
const EVERY_GIVEN_UP: usize = 3;

pub struct RetryingClient<'a> {
    bank: &'a Bank,
    /// Instances or whole processes die, so a bare 500, or no answer, is to be expected.
    kills: bool,
}

/// An operation, and the answer that settled it.
pub struct Settled {
    pub path: String,
    pub key: String,
    pub amount: Option<String>,
    pub answer: Answer,
}

/// The answers to one client.
pub struct Answers {
    /// Whose wallet, or which counter.
    pub user: String,
    pub done: Vec<Settled>,
    /// Keys of operations whose every try was answered `none`, and that nobody sent again.
    pub given_up: Vec<String>,
    pub sent_again: usize,
    /// How many operations were unknown before they were answered: because of a 503 `unknown`, or no answer.
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

/// The tries of one operation, until an answer came.
#[derive(Default)]
struct Sent {
    /// `None` if it was given up, because every try was answered `none`.
    answer: Option<Answer>,
    again: usize,
    /// Some try may have happened: it was not answered `none`.
    unknown: bool,
    slowest: Duration,
}

impl<'a> RetryingClient<'a> {
    pub fn new(bank: &'a Bank, kills: bool) -> Self {
        Self { bank, kills }
    }

    /// Deposits and withdraws, sometimes more than there is.
    pub async fn move_money(&self, user: &str, client: usize, over: &AtomicBool) -> anyhow::Result<Answers> {
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
    pub async fn count(&self, counter: &str, client: usize, over: &AtomicBool) -> anyhow::Result<Answers> {
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
                self.send_twice_at_once(&request).await?;
            }
            let sent = self.send(request, !twins && n.is_multiple_of(EVERY_GIVEN_UP)).await?;
            answers.sent_again += sent.again;
            answers.unknown += usize::from(sent.unknown);
            answers.slowest = answers.slowest.max(sent.slowest);
            match sent.answer {
                None => answers.given_up.push(key),
                Some(answer) => answers.done.push(Settled { path, key, amount, answer }),
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

    /// Two requests at the same time under one key get the same answer.
    async fn send_twice_at_once(&self, request: &Request<'a>) -> anyhow::Result<()> {
        let (one, other) = tokio::join!(
            self.send_until_answered(request.clone()),
            self.send_until_answered(request.clone())
        );
        let (one, other) = (one?, other?);
        ensure!(same_answer(&one, &other), "under one key: {one}\nand {other}");
        Ok(())
    }

    /// Sends a settled operation again, to get its replay.
    pub async fn replay(&self, user: &str, done: &Settled) -> anyhow::Result<Answer> {
        self.send_until_answered(self.request(user, &done.path, &done.key, done.amount.as_deref())).await
    }

    /// Sends until there is an answer.
    pub async fn send_until_answered(&self, request: Request<'a>) -> anyhow::Result<Answer> {
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

    /// The outcome of this try alone: `unknown` without an answer or a member `outcome`.
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
pub fn same_answer(one: &Answer, other: &Answer) -> bool {
    one.status == other.status && one.body_to_replay() == other.body_to_replay()
}
