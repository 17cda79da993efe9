//! The numbers of the page: what clients were told, and what the judge found.
//!
//! Nothing is assumed. Each number counts answers, or entries that the judge has read and compared.

use crate::demo::judge::Verdict;
use crate::demo::outage::{Outage, Outages};
use crate::demo::slot::Moved;
use crate::demo::steps::{STEP, Step, Steps, TryOutcome, whole_ms};
use crate::demo::totals::Totals;
use crate::demo::trouble::Trouble;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All numbers at one moment, as the page gets them.
#[derive(Clone, Serialize)]
pub struct PageState {
    /// The time since the start.
    pub at_ms: u64,
    /// How long a step is.
    pub step_ms: u64,
    /// The number of the first step in `steps`.
    pub first_step: u64,
    /// The answers of each step.
    pub steps: Vec<Step>,
    /// Answers in the last second.
    pub per_second: u64,
    /// How many clients there are.
    pub clients: usize,
    /// Operations that are being retried.
    pub waiting: u64,
    /// What is broken now.
    pub troubles: Vec<Trouble>,
    /// The URLs of the banks.
    pub banks: Vec<String>,
    /// The counts since the start.
    #[serde(flatten)]
    pub totals: Totals,
    /// The outages that are remembered, the newest first.
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
    /// An empty score for this many clients of these banks.
    pub fn new(clients: usize, banks: Vec<String>) -> Self {
        let inner = Inner { banks, judged: vec![0; clients], ..Inner::default() };
        Self { begun: Instant::now(), inner: Mutex::new(inner) }
    }

    fn inner(&self) -> (Duration, MutexGuard<'_, Inner>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (self.begun.elapsed(), inner)
    }

    /// Counts the outcome of a try, which may have had no answer.
    pub fn note_answer(&self, outcome: TryOutcome, took: Duration) {
        let (at, mut inner) = self.inner();
        inner.steps.add(at, outcome, took);
        inner.totals.answers += u64::from(outcome != TryOutcome::Silence);
        inner.totals.untouched += u64::from(outcome == TryOutcome::Untouched);
        inner.outages.note_answer(at, outcome, took);
    }

    /// Counts an operation that has to be retried. Called once for each operation.
    pub fn note_retry(&self) {
        self.inner().1.waiting += 1;
    }

    /// Counts an operation of which a try may have moved money. Called once for each operation.
    pub fn note_unknown(&self) {
        self.inner().1.totals.unknown += 1;
    }

    /// Counts a deposit that was acknowledged in the end.
    pub fn note_acknowledged(&self, waited: bool, was_unknown: bool) {
        let mut inner = self.inner().1;
        inner.totals.acknowledged += 1;
        inner.totals.resolved += u64::from(was_unknown);
        inner.waiting -= u64::from(waited);
    }

    /// Counts what the judge found in the wallet of a client in this round.
    pub fn note_verdict(&self, client: usize, round: u64, verdict: Verdict) {
        let mut inner = self.inner().1;
        inner.totals.found += verdict.there;
        inner.totals.lost += verdict.lost;
        inner.totals.doubled += verdict.doubled;
        inner.totals.broken += u64::from(verdict.broken);
        inner.judged[client] = round;
    }

    /// Whether every wallet was judged in this round or a later one.
    pub fn is_round_over(&self, round: u64) -> bool {
        self.inner().1.judged.iter().all(|judged| *judged >= round)
    }

    /// Begins an outage.
    pub fn begin_outage(&self, trouble: Trouble) {
        let (at, mut inner) = self.inner();
        let totals = inner.totals;
        inner.outages.begin(trouble, at, totals);
    }

    /// Notes what is known about the slot that moves.
    pub fn note_move(&self, moved: Moved) {
        self.inner().1.outages.note_move(moved);
    }

    /// Ends the outage with this trouble, and returns its number.
    pub fn end_outage(&self, trouble: Trouble) -> Option<u64> {
        let (at, mut inner) = self.inner();
        inner.outages.end(trouble, at)
    }

    /// Notes that every wallet was judged after this outage.
    pub fn note_outage_judged(&self, outage: u64) {
        let (_, mut inner) = self.inner();
        let totals = inner.totals;
        inner.outages.note_judged(outage, totals);
    }

    /// What is broken now.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.inner().1.outages.troubles()
    }

    /// Notes that somebody looks at the page.
    pub fn note_viewer(&self) {
        let (at, mut inner) = self.inner();
        inner.watched = at;
    }

    /// How long nobody has looked at the page.
    pub fn unwatched_for(&self) -> Duration {
        let (at, inner) = self.inner();
        at.saturating_sub(inner.watched)
    }

    /// The state for the page, as of now.
    pub fn state(&self) -> PageState {
        let (at, mut inner) = self.inner();
        inner.steps.close_until(at);
        let (first_step, steps) = inner.steps.closed();
        PageState {
            at_ms: whole_ms(at),
            step_ms: whole_ms(STEP),
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
