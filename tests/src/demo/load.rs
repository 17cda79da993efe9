//! Clients that deposit as `docs/retry.md` says, and judge their wallets when they are asked to.
//!
//! Each has a wallet of its own and one operation at a time, about one a second, so the load is bounded however
//! long an outage lasts. An unanswered operation is sent again under its key, no sooner than `Retry-After` allows.
//! A wallet is judged between two operations, when everything that was sent for it has ended.

use crate::answer::Answer;
use crate::bank::{Bank, Entry, Receipt, Wallet};
use crate::demo::judge::{AMOUNT, KnownWallet};
use crate::demo::score::Score;
use crate::demo::steps::TryOutcome;
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
/// The most entries in a page of a history.
const PAGE: usize = 50;

/// What all clients share.
#[derive(Clone)]
pub struct Load {
    /// The banks that they send requests to.
    pub bank: Arc<Bank>,
    /// Where they report their answers.
    pub score: Arc<Score>,
    /// The round in which wallets are to be judged.
    pub round: watch::Receiver<u64>,
    /// The time between two deposits of one client.
    pub interval: Duration,
    readers: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
    next: Option<String>,
}

/// One client.
struct Depositor {
    load: Load,
    index: usize,
    user: String,
    known: KnownWallet,
    deposits: u64,
}

impl Load {
    /// A load on this bank.
    pub fn new(bank: Bank, score: Arc<Score>, round: watch::Receiver<u64>, interval: Duration) -> Self {
        let (bank, readers) = (Arc::new(bank), Arc::new(Semaphore::new(READERS)));
        Self { bank, score, round, interval, readers }
    }

    /// Runs one client, which starts after `begin` and never ends, with a new wallet.
    pub async fn client(self, index: usize, user: String, begin: Duration) {
        let mut client = Depositor { load: self, index, user, known: KnownWallet::default(), deposits: 0 };
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

impl Depositor {
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
            let outcome = outcome_of(&tried);
            score.note_answer(outcome, asked.elapsed());
            if let (None, Ok(answer)) = (retry::wait(&tried), &tried)
                && let Ok(receipt) = serde_json::from_slice::<Receipt>(&answer.body)
            {
                self.known.acknowledge(receipt.entry);
                return score.note_acknowledged(waited, unknown);
            }
            if !std::mem::replace(&mut waited, true) {
                score.note_retry();
            }
            if outcome != TryOutcome::Untouched && !std::mem::replace(&mut unknown, true) {
                score.note_unknown();
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
        let verdict = self.known.judge(&wallet, &newest);
        self.load.score.note_verdict(self.index, round, verdict);
    }

    /// The entries that are not known yet, oldest first.
    async fn newest(&self) -> Vec<Entry> {
        let mut newest = Vec::new();
        let mut path = format!("/v1/wallet/entries?limit={PAGE}");
        loop {
            let page: Page = self.read(&path).await;
            let is_new = !page.entries.iter().any(|entry| self.known.knows(entry));
            newest.extend(page.entries.into_iter().take_while(|entry| !self.known.knows(entry)));
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

/// The outcome of a try, by its answer alone.
fn outcome_of(tried: &Result<Answer, String>) -> TryOutcome {
    let Ok(answer) = tried else { return TryOutcome::Silence };
    match (answer.status, serde_json::from_slice::<serde_json::Value>(&answer.body)) {
        (200, Ok(_)) => TryOutcome::Done,
        (503, Ok(said)) if said["outcome"] == "none" => TryOutcome::Untouched,
        (503, _) => TryOutcome::Unknown,
        _ => TryOutcome::Other,
    }
}
