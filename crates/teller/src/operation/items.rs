//! The operations of a batch, and how far each of them is.

use batch::Job;
use futures::future::join_all;
use ledger::{Decision, Operation, OperationId, Outcome, User, Wallet};
use store::first_write::Found;
use store::{Store, Unavailable};

use super::answer::OperationAnswer;
use super::sealed;
use crate::Error;

/// The operations that are committed together, in order.
pub(super) struct Items<'a>(Vec<Item<'a>>);

/// An operation on its way.
struct Item<'a> {
    operation: &'a Operation,
    job: &'a Job<Operation>,
    /// It is in a swap whose outcome is unknown, as the entry with this number, or as a refusal (0).
    attempt: Option<u64>,
    answer: Option<Result<OperationAnswer, Error>>,
    /// The answer was read from the store, and may not be safe from a failover yet.
    is_read: bool,
}

/// Whether the wallet keeps what was decided.
pub(super) fn is_remembered(decision: &Decision) -> bool {
    matches!(decision, Decision::New(outcome) if outcome.is_remembered())
}

/// What the swap would write: the entry with this number, or a refusal (0).
fn entry_number(decision: &Decision) -> Option<u64> {
    match decision {
        // `Known` is a duplicate within the batch: it happens, or does not, together with the first one.
        Decision::New(outcome) | Decision::Known(outcome) if outcome.is_remembered() => {
            Some(outcome.entry().map_or(0, |entry| entry.seq))
        }
        _ => None,
    }
}

impl<'a> Items<'a> {
    /// An item without an answer for each of `jobs`.
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

    /// The number of items.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The items that have no answer yet.
    fn unanswered(&mut self) -> impl Iterator<Item = &mut Item<'a>> {
        self.0.iter_mut().filter(|item| item.answer.is_none())
    }

    /// Whether each has its answer.
    pub fn all_answered(&self) -> bool {
        self.0.iter().all(|item| item.answer.is_some())
    }

    /// Whether an item without an answer is in a swap whose outcome is unknown.
    pub fn any_attempted(&self) -> bool {
        self.0.iter().any(|item| item.answer.is_none() && item.attempt.is_some())
    }

    /// Whether nothing has happened to any item, except that its request may have left.
    pub fn all_untouched(&self) -> bool {
        let is_untouched =
            |item: &Item<'_>| item.attempt.is_none() && (item.answer.is_none() || item.job.is_abandoned());
        self.0.iter().all(is_untouched)
    }

    /// Whether an item without an answer is in the wallet.
    pub fn any_in(&mut self, wallet: &Wallet) -> bool {
        self.unanswered().any(|item| wallet.find(&item.operation.id).is_some())
    }

    /// Answers the items that are in the wallet. Nothing is known about the others.
    pub fn recognize(&mut self, wallet: &Wallet) {
        for item in self.unanswered() {
            item.answer_with(wallet.find(&item.operation.id).cloned());
        }
    }

    /// Answers the items that are in the wallet or in the index. The others have not happened yet.
    pub async fn look_up(&mut self, store: &impl Store, user: &User, wallet: &Wallet) -> Result<(), Error> {
        let outcomes = join_all(self.unanswered().map(|item| item.look_up(store, user, wallet))).await;
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (item, outcome) in self.unanswered().zip(outcomes) {
            item.answer_with(outcome);
        }
        Ok(())
    }

    /// Whether the answers that were found in the wallet or the index are as safe as those of an acknowledged swap.
    /// If they are not, or that is unknown, they are dropped.
    pub async fn all_replicated(&mut self, store: &impl Store, found: Option<&Found>) -> Result<bool, Error> {
        let Some(Found { key, value }) = found else { return Ok(true) };
        let mut read = self.0.iter_mut().filter(|item| item.is_read).peekable();
        if read.peek().is_none() {
            return Ok(true);
        }
        let confirmed = store.confirm_replicated(key, value).await;
        for item in read {
            item.is_read = false;
            item.answer.take_if(|_| confirmed != Ok(true));
        }
        Ok(confirmed?)
    }

    /// Answers the items whose requests have left. Only this function checks that: between it and the swap nothing is
    /// awaited.
    pub fn answer_abandoned(&mut self) {
        for item in self.unanswered().filter(|item| item.job.is_abandoned()) {
            item.answer = Some(Err(Unavailable::Untouched.into()));
        }
    }

    /// Decides the items that fit into the wallet, in order; the others come in the next round.
    pub fn decide(&mut self, wallet: &mut Wallet) -> Vec<Decision> {
        let operations = self.unanswered().map(|item| item.operation);
        operations
            .map_while(|operation| wallet.has_room_for(&operation.id).then(|| wallet.decide(operation)))
            .collect()
    }

    /// Notes that the decisions are about to be sent: a request that leaves from now on gets `unknown`.
    pub fn mark_sent(&mut self, decisions: &[Decision]) {
        for (item, _) in
            self.unanswered().zip(decisions).filter(|(_, decision)| entry_number(decision).is_some())
        {
            item.job.mark_sent();
        }
    }

    /// Notes that the decisions may be about to happen.
    pub fn attempt(&mut self, decisions: &[Decision]) {
        for (item, decision) in self.unanswered().zip(decisions) {
            item.attempt = entry_number(decision);
        }
    }

    /// What was decided has happened.
    pub fn settle(&mut self, decisions: Vec<Decision>) {
        for (item, decision) in self.unanswered().zip(decisions) {
            item.answer = Some(match decision {
                Decision::New(outcome) => Ok(OperationAnswer { outcome, replayed: false }),
                Decision::Known(outcome) => Ok(OperationAnswer { outcome, replayed: true }),
                Decision::KeyReuse => Err(Error::KeyReuse),
            });
        }
    }

    /// Notes that a swap was not carried out: items that are in no other swap may be abandoned again.
    pub fn mark_unsent(&mut self) {
        self.unanswered().filter(|item| item.attempt.is_none()).for_each(|item| item.job.mark_unsent());
    }

    /// Notes that what was attempted has not happened and never will: the value that it would replace is gone, and
    /// the items are not in the value after it.
    pub fn forget(&mut self) {
        self.unanswered().for_each(|item| item.attempt = None);
        self.mark_unsent();
    }

    /// The answer of each item; if there is none, `ended` tells why.
    pub fn answers(self, ended: &Result<(), Error>) -> Vec<Result<OperationAnswer, Error>> {
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

    /// Answers the item with the `outcome` that was found for it, if there is one.
    fn answer_with(&mut self, outcome: Option<Outcome>) {
        self.answer = outcome.map(|outcome| {
            let is_own =
                self.attempt.is_some() && outcome.entry().is_none_or(|entry| entry.at == self.operation.at);
            match outcome.answer(self.operation) {
                Decision::Known(outcome) | Decision::New(outcome) => {
                    Ok(OperationAnswer { outcome, replayed: !is_own })
                }
                Decision::KeyReuse => Err(Error::KeyReuse),
            }
        });
        self.is_read = self.answer.is_some();
    }

    fn into_answer(self, ended: &Result<(), Error>) -> Result<OperationAnswer, Error> {
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
