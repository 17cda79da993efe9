//! A client that does not give up: it sends a request again, under the same key, until it is answered.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::request::Request;
use crate::rules;
use anyhow::{Context as _, ensure};
use std::time::{Duration, Instant};

/// How long a client goes on sending one request.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// One operation in so many is first sent twice at the same time.
const EVERY_TWIN: usize = 7;
/// One in so many is not sent again when the bank says that nothing happened.
const EVERY_GIVEN_UP: usize = 3;

pub struct Client<'a> {
    bank: &'a Bank,
    /// Instances die, so that a 500 without a word is an answer.
    kills: bool,
}

/// An operation as it was asked for, and the answer that settled it.
pub struct Done {
    pub path: String,
    pub key: String,
    pub amount: Option<String>,
    pub answer: Answer,
}

/// What one client was told.
pub struct Told {
    /// Whose wallet, or which counter.
    pub user: String,
    pub done: Vec<Done>,
    /// Keys of operations that the bank said had not happened, and that nobody sent again.
    pub given_up: Vec<String>,
    pub sent_again: usize,
}

impl<'a> Client<'a> {
    pub fn new(bank: &'a Bank, kills: bool) -> Self {
        Self { bank, kills }
    }

    /// Deposits and withdraws, more of the latter than there is money now and then.
    pub async fn moves_money(&self, user: &str, client: usize, length: Duration) -> anyhow::Result<Told> {
        let operation = |n: usize| {
            let (path, amount) = match n % 3 {
                0 => ("/v1/deposit", 3 + n % 5),
                1 => ("/v1/withdraw", 2 + n % 7),
                _ => ("/v1/deposit", 1),
            };
            (path.to_owned(), Some(format!("{amount}.{client:02}")))
        };
        self.repeat(user, client, length, operation).await
    }

    /// Posts to a counter.
    pub async fn counts(&self, counter: &str, client: usize, length: Duration) -> anyhow::Result<Told> {
        let path = format!("/v1/counters/{counter}");
        self.repeat(counter, client, length, |_| (path.clone(), None)).await
    }

    async fn repeat(
        &self,
        user: &str,
        client: usize,
        length: Duration,
        operation: impl Fn(usize) -> (String, Option<String>),
    ) -> anyhow::Result<Told> {
        let begun = Instant::now();
        let mut told = Told { user: user.to_owned(), done: Vec::new(), given_up: Vec::new(), sent_again: 0 };
        let mut n = 0;
        while begun.elapsed() < length {
            let (path, amount) = operation(n);
            let key = format!("client-{client}-{n}");
            let request = self.request(user, &path, &key, amount.as_deref());
            n += 1;
            let twins = n.is_multiple_of(EVERY_TWIN);
            if twins {
                self.twins(&request).await?;
            }
            match self.send(request, !twins && n.is_multiple_of(EVERY_GIVEN_UP)).await? {
                None => told.given_up.push(key),
                Some((answer, again)) => {
                    told.sent_again += again;
                    told.done.push(Done { path, key, amount, answer });
                }
            }
        }
        Ok(told)
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
        let answered = self.send(request, false).await?;
        answered.map(|(answer, _)| answer).context("it was not to be given up")
    }

    pub fn get(&self, path: impl Into<String>) -> Request<'a> {
        self.bank.get(path)
    }

    /// The answer, and how often it was sent again; none when it was given up, since the first answer was
    /// 503 and said that nothing had happened.
    async fn send(
        &self,
        request: Request<'a>,
        may_be_given_up: bool,
    ) -> anyhow::Result<Option<(Answer, usize)>> {
        let begun = Instant::now();
        let mut again = 0;
        loop {
            match request.clone().send().await {
                Ok(answer) if answer.status == 500 && self.kills && answer.body.is_empty() => (),
                Ok(answer) => {
                    rules::check(&answer);
                    if answer.status != 503 {
                        return Ok(Some((answer, again)));
                    }
                    let outcome = answer.json::<serde_json::Value>()["outcome"].clone();
                    if may_be_given_up && again == 0 && outcome == "none" {
                        return Ok(None);
                    }
                }
                Err(problem) => ensure!(self.kills, "{problem}"),
            }
            again += 1;
            ensure!(begun.elapsed() < PATIENCE, "not answered in {PATIENCE:?}, sent {again} times");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Two answers to one request, whichever of them was the first.
pub fn same(one: &Answer, other: &Answer) -> bool {
    one.status == other.status && one.body_to_replay() == other.body_to_replay()
}
