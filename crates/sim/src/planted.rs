//! The proof of the proof: mistakes that the simulator must find.
//!
//! Each is made between the bank's code and the store, by [`Crooked`], which stands where `store::kv::Kv`
//! stands and passes the bank's calls on, changed, left out or in another order: what the store sees and
//! what the bank is told are exactly what they would be if the mistake were in the code. So the code
//! that is proved is the code that is shipped, without a switch in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ledger::{Operation, OperationId, Outcome, User, Wallet};
use store::breaker::{Breaker, Limits};
use store::counter::{self, Form};
use store::kv::{Failed, Kv, RawKv};
use store::{Counter, Document, Election, NotIncremented, Store, Swap, Unavailable, keys};

use crate::task::{Answer, Task, perform};

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
}

impl Bug {
    /// Answers `task` with this mistake, where it is one of the request as a whole.
    pub async fn perform<S: Store>(self, open: impl Fn() -> S, task: &Task) -> Answer {
        let answer = perform(&open, task).await;
        match (task, answer.unavailable()) {
            (Task::Operate(user, operations), Some(Unavailable::Unknown))
                if self == Self::RetriesUnderANewId && !task.is_keyed() =>
            {
                let again = operations.iter().map(|operation| {
                    let id = OperationId::Made(format!("{}-again", operation.id.as_str()));
                    Operation { id, ..operation.clone() }
                });
                perform(&open, &Task::Operate(user.clone(), again.collect())).await
            }
            _ => answer,
        }
    }
}

/// The store port, with a mistake in its use.
#[derive(Debug)]
pub struct Crooked<R> {
    kv: Kv<CrookedRaw<R>>,
    bug: Bug,
    task: Rc<Task>,
    early: RefCell<BTreeMap<Document, Option<Vec<u8>>>>,
    late: RefCell<Vec<(Document, Vec<u8>)>>,
    real: RefCell<Option<Vec<u8>>>,
    took_over: Cell<bool>,
}

/// The store's calls, with a mistake in their use.
#[derive(Debug)]
struct CrookedRaw<R> {
    raw: R,
    bug: Bug,
}

impl<R: RawKv> Crooked<R> {
    /// The port for one request that carries out `task`.
    pub fn new(raw: R, bug: Bug, task: Rc<Task>) -> Self {
        Self {
            kv: Kv::new(CrookedRaw { raw, bug }),
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
        if self.kv.get(key).await?.as_deref() != Some(current) {
            return Ok(Swap::Lost(None));
        }
        self.kv.set(key, next).await.map(|()| Swap::Done)
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

impl<R: RawKv> Store for Crooked<R> {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        if is_wallet(key) {
            for later in self.later() {
                let value = self.kv.get(&later).await?;
                self.early.borrow_mut().insert(later, value);
            }
        }
        if let Some(early) = self.early.borrow().get(key) {
            return Ok(early.clone());
        }
        match self.bug {
            Bug::NeverLooksIntoTheIndex if is_index(key) => Ok(None),
            Bug::CountsPagesFromOne if is_page(key) => self.kv.get(&next_page(key, self.user())).await,
            Bug::SwapsAnAbsentKey if is_wallet(key) => {
                Ok(self.kv.get(key).await?.or_else(|| Some(Wallet::new().encode())))
            }
            Bug::TakesMadeIdsForKeys if is_wallet(key) => {
                let value = self.kv.get(key).await?;
                self.real.replace(value.clone());
                Ok(value.map(|value| String::from_utf8_lossy(&value).replace(r#""made":true,"#, "").into()))
            }
            _ => self.kv.get(key).await,
        }
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        let sealed = is_page(key) || is_index(key);
        match self.bug {
            Bug::SealsAfterTheSwap if sealed => {
                self.late.borrow_mut().push((key.clone(), value.to_vec()));
                Ok(())
            }
            Bug::DoesNotWaitForTheSeal if sealed => self.kv.set(key, value).await.or(Ok(())),
            Bug::StandsBeforeItsWriteIsThere if is_wallet(key) => self.kv.set(key, value).await.or(Ok(())),
            Bug::TakesTheFirstTicketOver if is_wallet(key) => {
                if let Some(user) = self.user() {
                    let plain = keys::wallet(user.as_str()).plain();
                    if *key != plain && self.kv.get(&plain).await?.is_none() {
                        self.took_over.set(true);
                        return self.kv.set(&plain, value).await;
                    }
                }
                self.kv.set(key, value).await
            }
            _ => self.kv.set(key, value).await,
        }
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        let real = self.real.take();
        let current = real.as_deref().unwrap_or(current);
        match self.bug {
            Bug::SetsInsteadOfSwapping => return self.unguarded(key, current, next).await,
            Bug::ForgetsRefusals if self.only_refuses(next) => return Ok(Swap::Done),
            _ => {}
        }
        let swap = self.kv.swap(key, current, next).await?;
        let late = self.late.take();
        for (key, value) in late {
            self.kv.set(&key, &value).await?;
        }
        match (self.bug, swap) {
            (Bug::TrustsSuccess, Swap::Unknown) => Ok(Swap::Done),
            (Bug::TrustsCasFailed, Swap::Unknown) => Ok(Swap::Lost(None)),
            (Bug::SaysUntouchedAfterASwap, Swap::Unknown) => self.kv.get(key).await.map(|_| Swap::Unknown),
            (Bug::TakesSilenceForDone, Swap::Unknown) => {
                Ok(self.kv.get(key).await.map_or(Swap::Done, |_| Swap::Unknown))
            }
            (_, swap) => Ok(swap),
        }
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        self.kv.count(key).await
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        let tickets = key.as_str().contains(":tickets:");
        match self.bug {
            Bug::OpensWithoutATicket if tickets => self.kv.increment(key, delta).await.map(|_| 1),
            Bug::RetriesAnIncrement if !tickets => match self.kv.increment(key, delta).await {
                Err(NotIncremented::Unavailable(Unavailable::Unknown)) => self.kv.increment(key, delta).await,
                answer => answer,
            },
            _ => self.kv.increment(key, delta).await,
        }
    }

    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        match self.kv.increment_within(key, delta, bound).await {
            Err(Unavailable::Unknown) if self.bug == Bug::RetriesAnIncrement => {
                self.kv.increment_within(key, delta, bound).await
            }
            answer => answer,
        }
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        match self.bug {
            Bug::SwapsAnAbsentKey => Ok(Some(1)),
            _ => self.kv.elected(key).await,
        }
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        match self.bug {
            Bug::OpensWithoutAnElection => Ok(candidate),
            Bug::TakesTheFirstTicketOver if self.took_over.get() => self.kv.elect(key, 1).await,
            _ => self.kv.elect(key, candidate).await,
        }
    }
}

impl<R: RawKv> RawKv for CrookedRaw<R> {
    type Cas = (R::Cas, bool);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        self.raw.get(key).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Failed> {
        self.raw.set(key, value).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Failed> {
        let cell = self.bug == Bug::SetsACounter && key.starts_with("bank:counter:");
        let Some(stored) = (if cell { self.raw.get(key).await? } else { None }) else {
            return self.raw.increment(key, delta).await;
        };
        let (number, form) = counter::read(&stored).ok_or(Failed::Other)?;
        self.raw.set(key, &counter::write(number.wrapping_add(delta), form)).await?;
        Ok(number.wrapping_add(delta))
    }

    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), Failed> {
        let (cas, mut current) = self.raw.begin(key).await?;
        if self.bug == Bug::SwapsAnAbsentKey && current.is_none() && key.starts_with("bank:wallet:") {
            current = Some(Wallet::new().encode());
        }
        Ok(((cas, key.starts_with("bank:elected:")), current))
    }

    async fn swap(&self, (cas, election): Self::Cas, value: &[u8]) {
        let other = |(number, form)| match form {
            Form::Bytes => counter::write(number, Form::Text),
            Form::Text => counter::write(number, Form::Bytes),
        };
        match counter::read(value).filter(|_| election && self.bug == Bug::ElectsInTheWrongForm) {
            Some(number) => self.raw.swap(cas, &other(number)).await,
            None => self.raw.swap(cas, value).await,
        }
    }
}

impl<R: Limits> Limits for CrookedRaw<R> {
    fn now(&self) -> Duration {
        self.raw.now()
    }

    fn breaker(&self) -> &Breaker {
        self.raw.breaker()
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        self.raw.by_deadline(call).await
    }
}

fn is_wallet(key: &Document) -> bool {
    key.as_str().starts_with("bank:wallet:")
}

fn is_page(key: &Document) -> bool {
    key.as_str().starts_with("bank:page:")
}

fn is_index(key: &Document) -> bool {
    key.as_str().starts_with("bank:operation:") || key.as_str().starts_with("bank:post:")
}

fn next_page(key: &Document, user: Option<&User>) -> Document {
    let number = key.as_str().rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or(0_u64);
    user.map_or_else(|| key.clone(), |user| keys::page(user.as_str(), number.wrapping_add(1)))
}
