//! The proof of the proof: mistakes that the simulator must find.
//!
//! Each is made between the bank's code and the store, by [`Crooked`], which stands where an adapter
//! stands, or by [`CrookedRaw`] below the adapter. They pass the calls on, changed, left out or in another
//! order: what the store sees and what the bank is told are exactly what they would be if the mistake were
//! in the code. So the code that is proved is the code that is shipped, without a switch in it.

mod raw;

pub use raw::CrookedRaw;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ledger::{Decision, Operation, OperationId, Outcome, Tally, User, Wallet};
use line::{Deadline, Job, Missed, Rest};
use store::keys::Opening;
use store::{
    Added, Before, Counter, Document, Election, NotIncremented, Store, Swap, Unavailable, WithTotal,
    first_write, keys, one_by_one,
};
use teller::Error;
use teller::operation::{Answer as Done, Seen, carry_out_all};

use crate::disk::Flavour;
use crate::task::{Answer, Lines, Task, perform};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// A swap that was sent counts as done.
    TrustsSuccess,
    /// A swap that was said to have failed counts as not committed (fact 1).
    TrustsCasFailed,
    /// A swap after which the store falls silent is reported as "nothing happened".
    SaysUntouchedAfterASwap,
    /// A swap after which the store falls silent counts as done.
    TakesSilenceForDone,
    /// Compares what was read and sets, without a guard in between.
    SetsInsteadOfSwapping,
    /// An unkeyed request whose outcome is not known is carried out again under a new id.
    RetriesUnderANewId,
    /// Writes the page and the index after the wallet that no longer holds them.
    SealsAfterTheSwap,
    /// Goes on to the swap when the page or the index was not acknowledged.
    DoesNotWaitForTheSeal,
    /// Looks at the wallet only.
    NeverLooksIntoTheIndex,
    /// Looks into the index before it reads the wallet.
    ReadsTheIndexBeforeTheWallet,
    /// Reads pages of history before the wallet that says which there are.
    ReadsPagesBeforeTheWallet,
    /// Reads the page after the one that holds the entry.
    CountsPagesFromOne,
    /// Answers a refusal without remembering it.
    ForgetsRefusals,
    /// Takes an id that the server made for an idempotency key.
    TakesMadeIdsForKeys,
    /// Every opener believes that it was elected.
    OpensWithoutAnElection,
    /// Every opener writes the plain key.
    OpensWithoutATicket,
    /// A second opener that sees nothing under the plain key writes it for the first one.
    TakesTheFirstTicketOver,
    /// Stands for election when its write was not acknowledged.
    StandsBeforeItsWriteIsThere,
    /// Writes the first wallet by a compare-and-swap of an absent key (fact 3).
    SwapsAnAbsentKey,
    /// Writes the elected number in the other backend's form (fact 4).
    ElectsInTheWrongForm,
    /// Reads a counter and sets it (fact 4).
    SetsACounter,
    /// Increments again when the first answer was lost.
    RetriesAnIncrement,
    /// A script whose connection broke counts as not carried out.
    TakesABreakForARefusal,
    /// A write whose connection broke is sent again.
    WritesAgainAfterABreak,
    /// An increment whose connection broke is sent again.
    AddsAgainAfterABreak,
    /// A script that missed its deadline counts as never sent.
    TakesAMissedDeadlineForUnsent,
    /// Of the steps that went together, each is told what became of the next.
    HandsAnswersToTheWrongStep,
    /// Those that were taken along by a request that died are told that nothing happened.
    TellsThoseTakenAlongUntouched,
    /// A swap looks in one script and writes in another.
    LooksAndWritesInTwoScripts,
    /// A swap does not look whether the index has an operation already.
    SwapsWhatTheIndexKnows,
    /// A swap does not write what leaves the wallet.
    SwapsWithoutTheSeal,
    /// A refusal of a whole script counts as one that it was carried out.
    TakesARefusalForDone,
    /// Each request counts missed deadlines on its own.
    HasABreakerForEachRequest,
    /// A breaker that is open lets calls through.
    SendsThroughAnOpenBreaker,
    /// What goes together ends with the deadline of the request that went first.
    HandsItsDeadlineOn,
    /// Who stands behind others waits for them, whatever its deadline.
    WaitsPastItsDeadline,
    /// A request that left before it was sent is carried out all the same.
    CarriesOutWhatWasTakenBack,
    /// A request that left before it was sent does not know what became of it.
    SaysUnknownOfWhatWasNotSent,
    /// A deadline that passed behind others counts as one that the store missed.
    TakesAQueueForSilence,
    /// Of the operations that went together, each is answered with the next one's outcome.
    ShiftsAnswersInTheLine,
    /// Refuses on a wallet that was handed on, and may be old, without reading it again.
    RefusesOnAnOldWallet,
    /// Seals what was only decided into pages and index, before the swap.
    SealsWhatWasOnlyDecided,
    /// A swap whose outcome is not known counts as lost while the old value is still there.
    ForgetsAnAttempt,
    /// An increment that went past the bound is not taken back.
    NeverTakesItsPartBack,
    /// An increment that went past the bound is taken back twice.
    TakesItsPartBackTwice,
    /// Adds to a sum of keyed posts that was read before, and may be old.
    AddsToAnOldKeyedSum,
    /// Reads a counter's cell before the script that keeps a post under a key.
    ReadsTheCellBeforeTheScript,
    /// Increments at once, before the store has answered anything.
    CallsBeforeTheStoreHasAnswered,
    /// The store forgets a swap that it has carried out, as after a failover.
    ForgetsAnAcknowledgedWrite,
}

impl Bug {
    /// Where it can be made.
    #[must_use]
    pub fn flavours(self) -> &'static [Flavour] {
        match self {
            Self::NeverTakesItsPartBack
            | Self::TakesItsPartBackTwice
            | Self::CallsBeforeTheStoreHasAnswered => &[Flavour::Sqlite, Flavour::Redis],
            Self::AddsToAnOldKeyedSum => &[Flavour::Sqlite, Flavour::Redis, Flavour::Scripts],
            Self::ReadsTheCellBeforeTheScript => &[Flavour::Scripts],
            _ if self.is_below_the_adapter() => &[Flavour::Scripts, Flavour::Switching],
            _ => &Flavour::ALL,
        }
    }

    /// Whether it is made in a script, or in what becomes of one.
    fn is_below_the_adapter(self) -> bool {
        matches!(
            self,
            Self::TakesABreakForARefusal
                | Self::WritesAgainAfterABreak
                | Self::AddsAgainAfterABreak
                | Self::TakesAMissedDeadlineForUnsent
                | Self::HandsAnswersToTheWrongStep
                | Self::LooksAndWritesInTwoScripts
                | Self::SwapsWhatTheIndexKnows
                | Self::SwapsWithoutTheSeal
                | Self::TakesARefusalForDone
                | Self::RefusesOnAnOldWallet
        )
    }

    /// Whether a store has to fall silent for it to show, which takes more faults than anything else.
    #[must_use]
    pub fn needs_silence(self) -> bool {
        matches!(
            self,
            Self::HasABreakerForEachRequest | Self::SendsThroughAnOpenBreaker | Self::TakesAQueueForSilence
        )
    }

    /// Answers `task` with this mistake, where it is one of the request as a whole.
    pub async fn perform<S: Store + Deadline + 'static>(
        self,
        open: impl Fn() -> S,
        lines: &Lines,
        task: &Task,
    ) -> Answer {
        if let Task::Operate(user, operations) = task
            && let [operation] = &operations[..]
            && self.is_in_the_line()
        {
            let answer = self.stand(&open(), lines, user, operation.clone()).await;
            return Answer::Operated(vec![answer]);
        }
        let answer = perform(&open, lines, task).await;
        match (task, answer.unavailable()) {
            (Task::Operate(user, operations), Some(Unavailable::Unknown))
                if self == Self::RetriesUnderANewId && !task.is_keyed() =>
            {
                let again = operations.iter().map(|operation| {
                    let id = OperationId::Made(format!("{}-again", operation.id.as_str()));
                    Operation { id, ..operation.clone() }
                });
                perform(&open, lines, &Task::Operate(user.clone(), again.collect())).await
            }
            (_, Some(Unavailable::Untouched)) if self == Self::SaysUnknownOfWhatWasNotSent => {
                answer.because(Unavailable::Unknown)
            }
            _ => answer,
        }
    }

    /// Whether it is made where requests stand in line.
    fn is_in_the_line(self) -> bool {
        matches!(
            self,
            Self::TellsThoseTakenAlongUntouched
                | Self::CarriesOutWhatWasTakenBack
                | Self::ShiftsAnswersInTheLine
                | Self::RefusesOnAnOldWallet
        )
    }

    /// As [`teller::line`], with a mistake.
    async fn stand<S: Store + Deadline + 'static>(
        self,
        store: &S,
        lines: &Lines,
        user: &User,
        operation: Operation,
    ) -> Result<Done, Error> {
        let whose = user.clone();
        let together = async move |jobs: Vec<Job<Operation>>, store: S, seen: &mut Seen| {
            let kept = |job: Job<Operation>| match self {
                Self::CarriesOutWhatWasTakenBack => Job::new(job.what),
                _ => job,
            };
            let jobs: Vec<_> = jobs.into_iter().map(kept).collect();
            if let Some(refused) = refused(seen, &jobs).filter(|_| self == Self::RefusesOnAnOldWallet) {
                return vec![Ok(Done { outcome: refused, replayed: false })];
            }
            let mut answers = carry_out_all(&store, &whose, &jobs, seen).await;
            if self == Self::ShiftsAnswersInTheLine && answers.len() > 1 {
                answers.rotate_left(1);
            }
            answers
        };
        let answer = lines.careless.go(user, operation, store, together).await;
        answer.unwrap_or_else(|missed| {
            Err(match missed {
                Missed::Unanswered if self != Self::TellsThoseTakenAlongUntouched => Unavailable::Unknown,
                _ => Unavailable::Untouched,
            }
            .into())
        })
    }
}

/// The store port, with a mistake in its use.
#[derive(Debug)]
pub struct Crooked<S> {
    store: S,
    bug: Bug,
    task: Rc<Task>,
    early: RefCell<BTreeMap<Document, Option<Vec<u8>>>>,
    late: RefCell<Vec<(Document, Vec<u8>)>>,
    real: RefCell<Option<Vec<u8>>>,
    took_over: Cell<bool>,
}

impl<S: Store> Crooked<S> {
    /// The port for one request that carries out `task`.
    pub fn new(store: S, bug: Bug, task: Rc<Task>) -> Self {
        Self {
            store,
            bug,
            task,
            early: RefCell::default(),
            late: RefCell::default(),
            real: RefCell::default(),
            took_over: Cell::new(false),
        }
    }

    fn user(&self) -> Option<&User> {
        match &*self.task {
            Task::Operate(user, _) | Task::Walk { user, .. } | Task::Past(user, _) => Some(user),
            _ => None,
        }
    }

    /// What will be looked for after the wallet was read, by a request that is made properly.
    fn later(&self) -> Vec<Document> {
        let Some(user) = self.user() else { return Vec::new() };
        match (&*self.task, self.bug) {
            (Task::Operate(_, operations), Bug::ReadsTheIndexBeforeTheWallet) => {
                let keys = operations.iter().filter_map(|operation| operation.id.key());
                keys.map(|key| keys::operation(user.as_str(), key.as_str())).collect()
            }
            (Task::Walk { .. } | Task::Past(..), Bug::ReadsPagesBeforeTheWallet) => {
                (0..4).map(|number| keys::page(user.as_str(), number)).collect()
            }
            _ => Vec::new(),
        }
    }

    async fn unguarded(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        if self.store.get(key).await?.as_deref() != Some(current) {
            return Ok(Swap::Lost(None));
        }
        self.store.set(key, next).await.map(|()| Swap::Done)
    }

    /// Writes what only leaves the wallet once `next` is there; and `next` without it.
    async fn seal_early(&self, next: &[u8]) -> Result<Vec<u8>, Unavailable> {
        let (Some(user), Ok(mut wallet)) = (self.user(), Wallet::decode(next)) else {
            return Ok(next.to_vec());
        };
        while let Some(seal) = wallet.seal() {
            if let Some(page) = &seal.page {
                self.store.set(&keys::page(user.as_str(), page.number()), &page.encode()).await?;
            }
            for outcome in &seal.outcomes {
                let Some(key) = outcome.id().key() else { continue };
                self.store.set(&keys::operation(user.as_str(), key.as_str()), &outcome.encode()).await?;
            }
        }
        Ok(wallet.encode())
    }

    /// Whether `next` refuses everything that this request asks for.
    fn only_refuses(&self, next: &[u8]) -> bool {
        let (Task::Operate(_, operations), Ok(wallet)) = (&*self.task, Wallet::decode(next)) else {
            return false;
        };
        let refused = |operation: &Operation| matches!(wallet.find(&operation.id), Some(Outcome::Refused(_)));
        operations.iter().all(refused)
    }
}

impl<S: Store + Deadline> Deadline for Crooked<S> {
    fn deadline(&self) -> Duration {
        self.store.deadline()
    }

    fn until(&self, deadline: Duration) -> Self {
        let deadline = if self.bug == Bug::HandsItsDeadlineOn { self.store.deadline() } else { deadline };
        Self {
            store: self.store.until(deadline),
            bug: self.bug,
            task: Rc::clone(&self.task),
            early: self.early.clone(),
            late: self.late.clone(),
            real: self.real.clone(),
            took_over: self.took_over.clone(),
        }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        match self.bug {
            Bug::WaitsPastItsDeadline => Some(call.await),
            _ => self.store.in_time(call).await,
        }
    }

    fn carry_on(&self, rest: Rest) {
        self.store.carry_on(rest);
    }
}

impl<S: Store> Store for Crooked<S> {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        if is_wallet(key) {
            for later in self.later() {
                let value = self.store.get(&later).await?;
                self.early.borrow_mut().insert(later, value);
            }
        }
        if let Some(early) = self.early.borrow().get(key) {
            return Ok(early.clone());
        }
        match self.bug {
            Bug::NeverLooksIntoTheIndex if is_index(key) => Ok(None),
            Bug::AddsToAnOldKeyedSum if is_posts(key) && matches!(&*self.task, Task::Count { .. }) => {
                let value = self.store.get(key).await?;
                self.early.borrow_mut().insert(key.clone(), value.clone());
                Ok(value)
            }
            Bug::CountsPagesFromOne if is_page(key) => self.store.get(&next_page(key, self.user())).await,
            Bug::SwapsAnAbsentKey if is_wallet(key) => {
                Ok(self.store.get(key).await?.or_else(|| Some(Wallet::new().encode())))
            }
            Bug::TakesMadeIdsForKeys if is_wallet(key) => {
                let value = self.store.get(key).await?;
                self.real.replace(value.clone());
                Ok(value.map(|value| String::from_utf8_lossy(&value).replace(r#""made":true,"#, "").into()))
            }
            _ => self.store.get(key).await,
        }
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        let sealed = is_page(key) || is_index(key);
        match self.bug {
            Bug::SealsAfterTheSwap if sealed => {
                self.late.borrow_mut().push((key.clone(), value.to_vec()));
                Ok(())
            }
            Bug::DoesNotWaitForTheSeal if sealed => self.store.set(key, value).await.or(Ok(())),
            Bug::StandsBeforeItsWriteIsThere if is_wallet(key) => self.store.set(key, value).await.or(Ok(())),
            Bug::TakesTheFirstTicketOver if is_wallet(key) => {
                if let Some(user) = self.user() {
                    let plain = keys::wallet(user.as_str()).plain();
                    if *key != plain && self.store.get(&plain).await?.is_none() {
                        self.took_over.set(true);
                        return self.store.set(&plain, value).await;
                    }
                }
                self.store.set(key, value).await
            }
            _ => self.store.set(key, value).await,
        }
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        let real = self.real.take();
        let current = real.as_deref().unwrap_or(current);
        match self.bug {
            Bug::SetsInsteadOfSwapping => return self.unguarded(key, current, next).await,
            Bug::ForgetsRefusals if self.only_refuses(next) => return Ok(Swap::Done),
            Bug::SealsWhatWasOnlyDecided if is_wallet(key) => {
                let next = self.seal_early(next).await.map_err(|_| Unavailable::Untouched)?;
                return self.store.swap(key, current, &next).await;
            }
            _ => {}
        }
        let swap = self.store.swap(key, current, next).await?;
        let late = self.late.take();
        for (key, value) in late {
            self.store.set(&key, &value).await?;
        }
        match (self.bug, swap) {
            (Bug::TrustsSuccess, Swap::Unknown) => Ok(Swap::Done),
            (Bug::TrustsCasFailed, Swap::Unknown) => Ok(Swap::Lost(None)),
            (Bug::ForgetsAnAttempt, Swap::Unknown) => {
                let held = self.store.get(key).await?;
                let stands = held.as_deref() == Some(current);
                Ok(if stands { Swap::Lost(held) } else { Swap::Unknown })
            }
            (Bug::ForgetsAnAcknowledgedWrite, swap) if !matches!(swap, Swap::Lost(_)) => {
                self.store.set(key, current).await.map(|()| swap)
            }
            (Bug::SaysUntouchedAfterASwap, Swap::Unknown) => self.store.get(key).await.map(|_| Swap::Unknown),
            (Bug::TakesSilenceForDone, Swap::Unknown) => {
                Ok(self.store.get(key).await.map_or(Swap::Done, |_| Swap::Unknown))
            }
            (_, swap) => Ok(swap),
        }
    }

    async fn swap_after(
        &self,
        before: Before<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        match self.bug {
            Bug::SwapsWhatTheIndexKnows | Bug::SwapsWithoutTheSeal => {
                self.store.swap_after(before, key, current, next).await
            }
            _ => one_by_one(self, before, key, current, next).await,
        }
    }

    async fn write_first(&self, opening: &Opening, empty: &[u8], first: &[u8]) -> Result<Swap, Unavailable> {
        // Most mistakes are made in the steps that this goes without.
        if self.bug.is_below_the_adapter() {
            self.store.write_first(opening, empty, first).await
        } else {
            Ok(Swap::Lost(None))
        }
    }

    fn goes_together(&self) -> bool {
        self.store.goes_together()
    }

    async fn add_to_total(
        &self,
        counter: &keys::Tally,
        delta: i64,
        limit: i64,
    ) -> Result<Added, Unavailable> {
        match self.bug {
            Bug::AddsToAnOldKeyedSum => {
                let (opening, empty) = (counter.posts(), Tally::new().encode());
                let found = first_write::find(&self.store, &opening, &empty).await?;
                let keyed = found.and_then(|found| Tally::decode(&found.value).ok());
                let keyed = keyed.map_or(0, |keyed| keyed.sum());
                let room = limit.saturating_sub(keyed);
                let sum = self.store.increment_within(&counter.cell(), delta, room).await?;
                Ok(sum.map_or(Added::Past, |sum| Added::To(sum.saturating_add(keyed))))
            }
            Bug::RetriesAnIncrement => match self.store.add_to_total(counter, delta, limit).await {
                Err(Unavailable::Unknown) => self.store.add_to_total(counter, delta, limit).await,
                answer => answer,
            },
            _ => self.store.add_to_total(counter, delta, limit).await,
        }
    }

    async fn swap_total(
        &self,
        key: &Document,
        current: &[u8],
        next: WithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        if self.bug != Bug::ReadsTheCellBeforeTheScript {
            return self.store.swap_total(key, current, next).await;
        }
        let WithTotal { cell, own, limit, head, tail, otherwise } = next;
        let total = self.store.count(cell).await?.checked_add(own).filter(|total| *total <= limit);
        let value = match total {
            Some(total) => [head, total.to_string().as_bytes(), tail].concat(),
            None => otherwise.to_vec(),
        };
        Ok((self.store.swap(key, current, &value).await?, total))
    }

    async fn step_aside(&self, losses: u32) -> bool {
        self.store.step_aside(losses).await
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        self.store.count(key).await
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        let tickets = key.as_str().ends_with(":tickets");
        match self.bug {
            Bug::OpensWithoutATicket if tickets => self.store.increment(key, delta).await.map(|_| 1),
            Bug::RetriesAnIncrement if !tickets => match self.store.increment(key, delta).await {
                Err(NotIncremented::Unavailable(Unavailable::Unknown)) => {
                    self.store.increment(key, delta).await
                }
                answer => answer,
            },
            _ => self.store.increment(key, delta).await,
        }
    }

    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        let answer = self.store.increment_within(key, delta, bound).await;
        match (self.bug, answer) {
            (Bug::RetriesAnIncrement, Err(Unavailable::Unknown)) => {
                self.store.increment_within(key, delta, bound).await
            }
            (_, answer) => answer,
        }
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        match self.bug {
            Bug::SwapsAnAbsentKey => Ok(Some(1)),
            _ => self.store.elected(key).await,
        }
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        match self.bug {
            Bug::OpensWithoutAnElection => Ok(candidate),
            Bug::TakesTheFirstTicketOver if self.took_over.get() => self.store.elect(key, 1).await,
            _ => self.store.elect(key, candidate).await,
        }
    }
}

/// What a wallet as it was `seen` refuses to the only one of `jobs`, without anything to be kept.
fn refused(seen: &Seen, jobs: &[Job<Operation>]) -> Option<Outcome> {
    let ([job], Ok(mut wallet)) = (jobs, Wallet::decode(&seen.as_ref()?.value)) else { return None };
    match wallet.decide(&job.what) {
        Decision::New(outcome) if !outcome.is_kept() => Some(outcome),
        _ => None,
    }
}

/// Whether it is the key of one of these.
fn is(key: &Document, kinds: &[&str]) -> bool {
    let what = keys::parts(key.as_str()).and_then(|(_, what)| what.split(':').next());
    what.is_some_and(|what| kinds.contains(&what))
}

fn is_wallet(key: &Document) -> bool {
    is(key, &["wallet"])
}

fn is_posts(key: &Document) -> bool {
    is(key, &["posts"])
}

fn is_page(key: &Document) -> bool {
    is(key, &["page"])
}

fn is_index(key: &Document) -> bool {
    is(key, &["operation", "post"])
}

fn next_page(key: &Document, user: Option<&User>) -> Document {
    let number = key.as_str().rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or(0_u64);
    user.map_or_else(|| key.clone(), |user| keys::page(user.as_str(), number.wrapping_add(1)))
}
