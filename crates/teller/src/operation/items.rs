//! The operations of a batch, and how far each of them is.

use batch::Job;
use futures::future::join_all;
use ledger::{Decision, Operation, OperationId, Outcome, User, Wallet};
use store::first_write::Found;
use store::{Store, Unavailable};

use super::{Answer, sealed};
use crate::Error;

/// The operations that are committed together, in order.
pub(super) struct Items<'a>(Vec<Item<'a>>);

/// An operation on its way.
struct Item<'a> {
    operation: &'a Operation,
    job: &'a Job<Operation>,
    /// It is in a swap whose outcome is not known, as the entry with this number; 0 as a refusal.
    attempt: Option<u64>,
    answer: Option<Result<Answer, Error>>,
    /// The answer was read, and may be of what is not safe yet.
    is_read: bool,
}

/// Whether the wallet keeps what was decided.
pub(super) fn is_kept(decision: &Decision) -> bool {
    matches!(decision, Decision::New(outcome) if outcome.is_kept())
}

/// What the swap would write: the entry with this number; 0 for a refusal.
fn written(decision: &Decision) -> Option<u64> {
    match decision {
        // Known is what comes twice in one batch: it happens, or does not, with its twin.
        Decision::New(outcome) | Decision::Known(outcome) if outcome.is_kept() => {
            Some(outcome.entry().map_or(0, |entry| entry.seq))
        }
        _ => None,
    }
}

impl<'a> Items<'a> {
    /// One for each of `jobs`, without an answer.
    pub fn new(jobs: &'a [Job<Operation>]) -> Self {
        let item = |job: &'a Job<Operation>| Item {
            operation: &job.what,
            job,
            attempt: None,
            answer: None,
            is_read: false,
        };
        Self(jobs.iter().map(item).collect())
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Those that have no answer yet.
    fn open(&mut self) -> impl Iterator<Item = &mut Item<'a>> {
        self.0.iter_mut().filter(|item| item.answer.is_none())
    }

    /// Whether each has its answer.
    pub fn are_answered(&self) -> bool {
        self.0.iter().all(|item| item.answer.is_some())
    }

    /// Whether any that has no answer is in a swap whose outcome is not known.
    pub fn are_attempted(&self) -> bool {
        self.0.iter().any(|item| item.answer.is_none() && item.attempt.is_some())
    }

    /// Whether nothing has become of any, unless its request has left.
    pub fn are_untouched(&self) -> bool {
        let is_untouched =
            |item: &Item<'_>| item.attempt.is_none() && (item.answer.is_none() || item.job.is_abandoned());
        self.0.iter().all(is_untouched)
    }

    /// Whether any that has no answer is in the wallet.
    pub fn are_in(&mut self, wallet: &Wallet) -> bool {
        self.open().any(|item| wallet.find(&item.operation.id).is_some())
    }

    /// Answers those that are in the wallet. Of the others nothing is known.
    pub fn recognize(&mut self, wallet: &Wallet) {
        for item in self.open() {
            item.answer_with(wallet.find(&item.operation.id).cloned());
        }
    }

    /// Answers those that are in the wallet, or in what was sealed from it. The others have not happened yet.
    pub async fn look_up(&mut self, store: &impl Store, user: &User, wallet: &Wallet) -> Result<(), Error> {
        let outcomes = join_all(self.open().map(|item| item.look_up(store, user, wallet))).await;
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (item, outcome) in self.open().zip(outcomes) {
            item.answer_with(outcome);
        }
        Ok(())
    }

    /// Whether the answers that were found in the wallet, or in what was sealed from it, are as safe as those of a swap
    /// that is done. Where they are not, or nobody knows, there are none.
    pub async fn are_kept(&mut self, store: &impl Store, found: Option<&Found>) -> Result<bool, Error> {
        let Some(Found { key, value }) = found else { return Ok(true) };
        let mut read = self.0.iter_mut().filter(|item| item.is_read).peekable();
        if read.peek().is_none() {
            return Ok(true);
        }
        let kept = store.is_kept(key, value).await;
        for item in read {
            item.is_read = false;
            item.answer.take_if(|_| kept != Ok(true));
        }
        Ok(kept?)
    }

    /// Answers those whose requests have left. Whether they do is asked here and nowhere else: between this and the
    /// swap nothing is waited for.
    pub fn answer_abandoned(&mut self) {
        for item in self.open().filter(|item| item.job.is_abandoned()) {
            item.answer = Some(Err(Unavailable::Untouched.into()));
        }
    }

    /// What those become that find room in the wallet, in order; the others come next time.
    pub fn decide(&mut self, wallet: &mut Wallet) -> Vec<Decision> {
        let operations = self.open().map(|item| item.operation);
        operations
            .map_while(|operation| wallet.has_room_for(&operation.id).then(|| wallet.decide(operation)))
            .collect()
    }

    /// Notes that what was decided is about to be sent: who leaves now does not know what becomes of it.
    pub fn mark_sent(&mut self, decisions: &[Decision]) {
        for (item, _) in self.open().zip(decisions).filter(|(_, decision)| written(decision).is_some()) {
            item.job.mark_sent();
        }
    }

    /// Notes that what was decided may be about to happen.
    pub fn attempt(&mut self, decisions: &[Decision]) {
        for (item, decision) in self.open().zip(decisions) {
            item.attempt = written(decision);
        }
    }

    /// What was decided has happened.
    pub fn settle(&mut self, decisions: Vec<Decision>) {
        for (item, decision) in self.open().zip(decisions) {
            item.answer = Some(match decision {
                Decision::New(outcome) => Ok(Answer { outcome, replayed: false }),
                Decision::Known(outcome) => Ok(Answer { outcome, replayed: true }),
                Decision::KeyReuse => Err(Error::KeyReuse),
            });
        }
    }

    /// Notes that a swap was not carried out: what was in no other one may be left again.
    pub fn mark_unsent(&mut self) {
        self.open().filter(|item| item.attempt.is_none()).for_each(|item| item.job.mark_unsent());
    }

    /// Notes that what was attempted has not happened and never will: the value that it was to be written over has
    /// gone, and the operations are not in what came after.
    pub fn forget(&mut self) {
        self.open().for_each(|item| item.attempt = None);
        self.mark_unsent();
    }

    /// The answer of each, where `ended` tells why there may be none.
    pub fn answers(self, ended: &Result<(), Error>) -> Vec<Result<Answer, Error>> {
        self.0.into_iter().map(|item| item.into_answer(ended)).collect()
    }
}

impl Item<'_> {
    async fn look_up(
        &self,
        store: &impl Store,
        user: &User,
        wallet: &Wallet,
    ) -> Result<Option<Outcome>, Error> {
        if let Some(outcome) = wallet.find(&self.operation.id) {
            return Ok(Some(outcome.clone()));
        }
        match (&self.operation.id, self.attempt) {
            (OperationId::Keyed(key), _) if wallet.indexed() > 0 => sealed::outcome(store, user, key).await,
            (OperationId::Made(_), Some(seq)) if seq <= wallet.base().seq => {
                sealed::entry(store, user, seq, self.operation).await
            }
            _ => Ok(None),
        }
    }

    /// Answers it with the `outcome` that was found for it, if any was.
    fn answer_with(&mut self, outcome: Option<Outcome>) {
        self.answer = outcome.map(|outcome| {
            let is_own =
                self.attempt.is_some() && outcome.entry().is_none_or(|entry| entry.at == self.operation.at);
            match outcome.answer(self.operation) {
                Decision::Known(outcome) | Decision::New(outcome) => {
                    Ok(Answer { outcome, replayed: !is_own })
                }
                Decision::KeyReuse => Err(Error::KeyReuse),
            }
        });
        self.is_read = self.answer.is_some();
    }

    fn into_answer(self, ended: &Result<(), Error>) -> Result<Answer, Error> {
        match (self.answer, ended) {
            (Some(answer), _) => answer,
            (None, Err(Error::Unavailable(_)) | Ok(())) => Err(match self.attempt {
                Some(_) => Unavailable::Unknown.into(),
                None => Unavailable::Untouched.into(),
            }),
            (None, Err(error)) => Err(error.clone()),
        }
    }
}
