//! The proof of the proof: bugs that the simulator must find.
//!
//! Each is made between the bank's code and the store: by [`BuggyStore`], in the place of an adapter, or by
//! [`BuggyRaw`], below the adapter. These pass calls on, but change, drop or reorder some. The store and the bank
//! see exactly what they would see if the bug were in the code. So the proven code is the shipped code, without a
//! switch in it.

mod bug;
mod buggy_raw;
mod nodes;
mod raw;

pub use bug::Bug;
pub use buggy_raw::BuggyRaw;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use batch::{RemainingWork, TimedRequest};
use ledger::{Operation, Outcome, Tally, User, Wallet};
use store::keys::ElectedKeys;
use store::{
    Added, Counter, Document, Election, NotIncremented, Store, Swap, SwapPrerequisites, Unavailable,
    ValueWithTotal, first_write, keys, one_by_one,
};

use crate::call::what;
use crate::task::Task;

/// The store port, used with a bug.
#[derive(Debug)]
pub struct BuggyStore<S> {
    store: S,
    bug: Bug,
    task: Rc<Task>,
    early: RefCell<BTreeMap<Document, Option<Vec<u8>>>>,
    late: RefCell<Vec<(Document, Vec<u8>)>>,
    real: RefCell<Option<Vec<u8>>>,
    took_over: Cell<bool>,
}

impl<S: Store> BuggyStore<S> {
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

impl<S: Store + TimedRequest> TimedRequest for BuggyStore<S> {
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

    fn spawn(&self, rest: RemainingWork) {
        self.store.spawn(rest);
    }
}

impl<S: Store> Store for BuggyStore<S> {
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
        before: SwapPrerequisites<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        match self.bug {
            Bug::SwapsWhatTheIndexKnows | Bug::SwapsWithoutTheSeal => {
                self.store.swap_after(before, key, current, next).await
            }
            bug if bug.is_in_a_cluster() || bug.is_with_a_replica() => {
                self.store.swap_after(before, key, current, next).await
            }
            _ => one_by_one(self, before, key, current, next).await,
        }
    }

    async fn confirm_replicated(&self, key: &Document, value: &[u8]) -> Result<bool, Unavailable> {
        match self.bug {
            Bug::TakesWhatWasReadForKept => Ok(true),
            _ => self.store.confirm_replicated(key, value).await,
        }
    }

    async fn write_first(
        &self,
        opening: &ElectedKeys,
        empty: &[u8],
        first: &[u8],
    ) -> Result<Swap, Unavailable> {
        // Most mistakes are made in the steps that this goes without.
        if self.bug.is_below_the_adapter() {
            self.store.write_first(opening, empty, first).await
        } else {
            Ok(Swap::Lost(None))
        }
    }

    fn shares_round_trips(&self) -> bool {
        self.store.shares_round_trips()
    }

    async fn add_to_total(
        &self,
        counter: &keys::CounterKeys,
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
                Ok(sum.map_or(Added::OverLimit, |sum| Added::Total(sum.saturating_add(keyed), None)))
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
        next: ValueWithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        if self.bug != Bug::ReadsTheCellBeforeTheScript {
            return self.store.swap_total(key, current, next).await;
        }
        let ValueWithTotal { cell, own, limit, head, tail, otherwise } = next;
        let total = self.store.count(cell).await?.checked_add(own).filter(|total| *total <= limit);
        let value = match total {
            Some(total) => [head, total.to_string().as_bytes(), tail].concat(),
            None => otherwise.to_vec(),
        };
        Ok((self.store.swap(key, current, &value).await?, total))
    }

    async fn step_aside(&self, together: u32) -> bool {
        self.store.step_aside(together).await
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

/// Whether it is the key of one of these.
fn is(key: &Document, kinds: &[&str]) -> bool {
    what(key.as_str()).split(':').next().is_some_and(|kind| kinds.contains(&kind))
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
