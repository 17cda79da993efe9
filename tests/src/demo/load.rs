//! Clients that deposit as `docs/retry.md` says, and judge their wallets when they are asked to.
//!
//! Each has a wallet of its own and one operation at a time, about one a second, so the load is bounded however
//! long an outage lasts. An unanswered operation is sent again under its key, no sooner than `Retry-After` allows.
//! A wallet is judged between two operations, when everything that was sent for it has ended.

use crate::answer::Answer;
use crate::bank::{Bank, Entry, Receipt, Wallet};
use crate::demo::judge::{AMOUNT, Book};
use crate::demo::score::Score;
use crate::demo::steps::Kind;
use crate::names::fresh;
use crate::request::Request;
use crate::retry;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, sleep};

/// When nobody has looked at the page for this long, no client begins another deposit.
const UNWATCHED: Duration = Duration::from_secs(120);
/// How many wallets are read at the same time.
const READERS: usize = 8;
/// Entries in a page of a history, at most.
const PAGE: usize = 50;

/// What all clients share.
#[derive(Clone)]
pub struct Load {
    /// Whom they ask.
    pub bank: Arc<Bank>,
    /// Where they report their answers.
    pub score: Arc<Score>,
    /// The round in which wallets are to be judged.
    pub round: watch::Receiver<u64>,
    /// Between two deposits of one client.
    pub interval: Duration,
    readers: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
    next: Option<String>,
}

/// One client.
struct Client {
    load: Load,
    index: usize,
    user: String,
    book: Book,
    deposits: u64,
}

impl Load {
    /// For clients of this bank.
    pub fn new(bank: Bank, score: Arc<Score>, round: watch::Receiver<u64>, interval: Duration) -> Self {
        let (bank, readers) = (Arc::new(bank), Arc::new(Semaphore::new(READERS)));
        Self { bank, score, round, interval, readers }
    }

    /// One client, which starts after `begin` and runs for ever, with a new wallet.
    pub async fn client(self, index: usize, user: String, begin: Duration) {
        let mut client = Client { load: self, index, user, book: Book::default(), deposits: 0 };
        sleep(begin).await;
        // After a delay it keeps its own schedule, so that an outage does not line all clients up.
        let mut times = tokio::time::interval(client.load.interval);
        times.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                Ok(()) = client.load.round.changed() => client.judge().await,
                _ = times.tick() => client.deposit_if_watched().await,
            }
        }
    }
}

/// Names of wallets for so many clients.
pub fn users(clients: usize) -> Vec<String> {
    let name = fresh("demo");
    (0..clients).map(|index| format!("{name}-{index}")).collect()
}

impl Client {
    /// Deposits, unless nobody has looked at the page for long.
    async fn deposit_if_watched(&mut self) {
        if self.load.score.unwatched_for() < UNWATCHED {
            self.deposit().await;
        }
    }

    /// One deposit under a key, until it is acknowledged.
    async fn deposit(&mut self) {
        self.deposits += 1;
        let key = format!("deposit-{}", self.deposits);
        let (score, bank) = (&self.load.score, &self.load.bank);
        let (mut waited, mut unknown) = (false, false);
        loop {
            let request = bank.post("/v1/deposit").user(&self.user).idempotency_key(&key).amount(AMOUNT);
            let asked = Instant::now();
            let tried = request.send().await;
            let kind = kind(&tried);
            score.answered(kind, asked.elapsed());
            if let (None, Ok(answer)) = (retry::wait(&tried), &tried)
                && let Ok(receipt) = serde_json::from_slice::<Receipt>(&answer.body)
            {
                self.book.acknowledge(receipt.entry);
                return score.acknowledged(waited, unknown);
            }
            if !std::mem::replace(&mut waited, true) {
                score.waits();
            }
            if kind != Kind::Untouched && !std::mem::replace(&mut unknown, true) {
                score.is_unknown();
            }
            sleep(retry::wait(&tried).unwrap_or(self.load.interval)).await;
        }
    }

    /// Reads its wallet and compares it with what it was told.
    async fn judge(&mut self) {
        let round = *self.load.round.borrow_and_update();
        let readers = Arc::clone(&self.load.readers);
        let Ok(_one_of_few) = readers.acquire().await else { return };
        let newest = self.newest().await;
        let wallet: Wallet = self.read("/v1/wallet").await;
        let verdict = self.book.judge(&wallet, &newest);
        self.load.score.judged(self.index, round, verdict);
    }

    /// The entries that are not in the book, oldest first.
    async fn newest(&self) -> Vec<Entry> {
        let mut newest = Vec::new();
        let mut path = format!("/v1/wallet/entries?limit={PAGE}");
        loop {
            let page: Page = self.read(&path).await;
            let is_new = !page.entries.iter().any(|entry| self.book.knows(entry));
            newest.extend(page.entries.into_iter().take_while(|entry| !self.book.knows(entry)));
            match page.next.filter(|_| is_new) {
                Some(next) => path = format!("/v1/wallet/entries?limit={PAGE}&cursor={next}"),
                None => break,
            }
        }
        newest.reverse();
        newest
    }

    /// Asks until there is an answer.
    async fn read<T: for<'a> Deserialize<'a>>(&self, path: &str) -> T {
        loop {
            let request: Request<'_> = self.load.bank.get(path).user(&self.user);
            let tried = request.send().await;
            if let Ok(answer) = &tried
                && answer.status == 200
                && let Ok(read) = serde_json::from_slice(&answer.body)
            {
                return read;
            }
            sleep(retry::wait(&tried).unwrap_or(self.load.interval)).await;
        }
    }
}

/// The kind of a try, by its answer alone.
fn kind(tried: &Result<Answer, String>) -> Kind {
    let Ok(answer) = tried else { return Kind::Silence };
    match (answer.status, serde_json::from_slice::<serde_json::Value>(&answer.body)) {
        (200, Ok(_)) => Kind::Done,
        (503, Ok(said)) if said["outcome"] == "none" => Kind::Untouched,
        (503, _) => Kind::Unknown,
        _ => Kind::Other,
    }
}
