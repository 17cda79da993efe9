//! The numbers of the page: what clients were told, and what the judge found.
//!
//! Nothing is assumed. Each number counts answers, or entries that the judge has read and compared.

use crate::demo::judge::Verdict;
use crate::demo::outage::{Outage, Outages};
use crate::demo::slot::Moved;
use crate::demo::steps::{Kind, STEP, Step, Steps};
use crate::demo::trouble::Trouble;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Answers of any kind.
    pub answers: u64,
    /// 503s with `outcome: none`.
    pub untouched: u64,
    /// Deposits that were acknowledged.
    pub acknowledged: u64,
    /// Operations of which some try may have moved money: a 503 with `outcome: unknown`, or no answer.
    pub unknown: u64,
    /// Those of them that a retry has settled since.
    pub resolved: u64,
    /// Acknowledged deposits that the judge has found.
    pub found: u64,
    /// Acknowledged deposits that are not there.
    pub lost: u64,
    /// Entries that are one too many.
    pub doubled: u64,
    /// Wallets that did not add up when they were read.
    pub broken: u64,
}

/// All numbers at one moment, as the page gets them.
#[derive(Clone, Serialize)]
pub struct State {
    /// Since the start.
    pub at_ms: u64,
    /// How long a step is.
    pub step_ms: u64,
    /// The number of the first step in `steps`.
    pub first_step: u64,
    /// What came in each.
    pub steps: Vec<Step>,
    /// Answers in the last second.
    pub per_second: u64,
    /// How many clients there are.
    pub clients: usize,
    /// Operations that are being retried.
    pub waiting: u64,
    /// What is broken now.
    pub troubles: Vec<Trouble>,
    /// Where the banks are.
    pub banks: Vec<String>,
    #[serde(flatten)]
    /// The counts.
    pub totals: Totals,
    /// The newest first.
    pub outages: Vec<Outage>,
}

/// The score, shared by clients, the stage and the server.
pub struct Score {
    begun: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    steps: Steps,
    totals: Totals,
    waiting: u64,
    banks: Vec<String>,
    outages: Outages,
    /// By client: the last round in which its wallet was judged.
    judged: Vec<u64>,
    watched: Duration,
}

impl Score {
    /// For this many clients of these banks; nothing has happened yet.
    pub fn new(clients: usize, banks: Vec<String>) -> Self {
        let inner = Inner { banks, judged: vec![0; clients], ..Inner::default() };
        Self { begun: Instant::now(), inner: Mutex::new(inner) }
    }

    fn inner(&self) -> (Duration, MutexGuard<'_, Inner>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (self.begun.elapsed(), inner)
    }

    /// A try was answered, or had no answer.
    pub fn answered(&self, kind: Kind, took: Duration) {
        let (at, mut inner) = self.inner();
        inner.steps.add(at, kind, took);
        inner.totals.answers += u64::from(kind != Kind::Silence);
        inner.totals.untouched += u64::from(kind == Kind::Untouched);
        inner.outages.answered(at, kind, took);
    }

    /// An operation has to be retried for the first time.
    pub fn waits(&self) {
        self.inner().1.waiting += 1;
    }

    /// For the first time a try of an operation may have moved money.
    pub fn is_unknown(&self) {
        self.inner().1.totals.unknown += 1;
    }

    /// A deposit was acknowledged in the end.
    pub fn acknowledged(&self, waited: bool, was_unknown: bool) {
        let mut inner = self.inner().1;
        inner.totals.acknowledged += 1;
        inner.totals.resolved += u64::from(was_unknown);
        inner.waiting -= u64::from(waited);
    }

    /// The wallet of a client was judged in this round.
    pub fn judged(&self, client: usize, round: u64, verdict: Verdict) {
        let mut inner = self.inner().1;
        inner.totals.found += verdict.there;
        inner.totals.lost += verdict.lost;
        inner.totals.doubled += verdict.doubled;
        inner.totals.broken += u64::from(verdict.broken);
        inner.judged[client] = round;
    }

    /// Every wallet was judged in this round or a later one.
    pub fn is_round_over(&self, round: u64) -> bool {
        self.inner().1.judged.iter().all(|judged| *judged >= round)
    }

    /// Something is broken from now on.
    pub fn begins(&self, trouble: Trouble) {
        let (at, mut inner) = self.inner();
        let totals = inner.totals;
        inner.outages.begins(trouble, at, totals);
    }

    /// What is known about the slot that moves.
    pub fn moves(&self, moved: Moved) {
        self.inner().1.outages.moves(moved);
    }

    /// A trouble ends; returns the number of its outage.
    pub fn ends(&self, trouble: Trouble) -> Option<u64> {
        let (at, mut inner) = self.inner();
        inner.outages.ends(trouble, at)
    }

    /// Every wallet was judged after that outage.
    pub fn is_judged(&self, outage: u64) {
        let (_, mut inner) = self.inner();
        let totals = inner.totals;
        inner.outages.is_judged(outage, totals);
    }

    /// What is broken now.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.inner().1.outages.troubles()
    }

    /// Somebody looks at the page.
    pub fn is_watched(&self) {
        let (at, mut inner) = self.inner();
        inner.watched = at;
    }

    /// How long nobody has looked at the page.
    pub fn unwatched_for(&self) -> Duration {
        let (at, inner) = self.inner();
        at.saturating_sub(inner.watched)
    }

    /// All of it now.
    pub fn state(&self) -> State {
        let (at, mut inner) = self.inner();
        inner.steps.close_until(at);
        let (first_step, steps) = inner.steps.closed();
        State {
            at_ms: ms(at),
            step_ms: ms(STEP),
            first_step,
            steps: steps.iter().cloned().collect(),
            per_second: inner.steps.per_second(),
            clients: inner.judged.len(),
            waiting: inner.waiting,
            troubles: inner.outages.troubles(),
            banks: inner.banks.clone(),
            totals: inner.totals,
            outages: inner.outages.newest(inner.totals),
        }
    }
}

/// In whole milliseconds.
pub fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
