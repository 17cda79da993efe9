//! One user's money and newest operations. [`Wallet::decide`] says what an operation becomes.
//!
//! A wallet is one value under one key, so one conditional write moves it from a state to the next. Its log holds
//! the newest operations: entries, and refusals under an idempotency key ([`Outcome::is_remembered`]). When it is full,
//! [`Wallet::seal`] takes the oldest out. The rules that hold when the log grows are checked again when it is read
//! back ([`crate::document`]).

use crate::Corrupt;
use crate::entry::{Entry, Mark};
use crate::operation::{Operation, OperationId};
use crate::outcome::{Decision, Outcome, RefusedOperation};
use crate::seal::{PAGE_ENTRIES, Page, Seal};

/// A log with this many operations is full: with the longest keys, and every character of them escaped, the wallet
/// value stays under 8 KB.
pub const MAX_LOG_LENGTH: usize = 11;
/// More operations with shorter keys may be added together, as long as the log stays below this.
const MAX_LOG_BYTES: usize = 7600;
/// The bytes of an operation in the log, without its id.
const OPERATION_BYTES: usize = 150;

/// One user's money and newest operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    base: Mark,
    head: Mark,
    log: Vec<Outcome>,
    indexed: u64,
}

impl Wallet {
    /// A wallet that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self { base: Mark::START, head: Mark::START, log: Vec::new(), indexed: 0 }
    }

    /// Where the wallet stands now.
    #[must_use]
    pub fn head(&self) -> &Mark {
        &self.head
    }

    /// Where the sealed pages end: entries up to here are in them, newer ones in [`Wallet::entries`].
    #[must_use]
    pub fn base(&self) -> &Mark {
        &self.base
    }

    /// The entries that are not in a page yet, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.log.iter().filter_map(Outcome::entry)
    }

    /// How many idempotency keys have left for the index; while it is 0 there is nothing to look up.
    #[must_use]
    pub fn indexed(&self) -> u64 {
        self.indexed
    }

    /// The outcome of the operation with this id, as far as this value knows.
    #[must_use]
    pub fn find(&self, id: &OperationId) -> Option<&Outcome> {
        self.log.iter().find(|outcome| outcome.id() == id)
    }

    /// Decides `operation`, and keeps the outcome in the log if a retry must get the same answer
    /// ([`Outcome::is_remembered`]).
    pub fn decide(&mut self, operation: &Operation) -> Decision {
        if let Some(known) = self.find(&operation.id) {
            return known.clone().answer(operation);
        }
        let outcome = match self.head.post(operation) {
            Ok(entry) => Outcome::Posted(entry),
            Err(refusal) => Outcome::Refused(RefusedOperation {
                id: operation.id.clone(),
                kind: operation.kind,
                amount: operation.amount,
                refusal,
                balance: self.head.balance,
            }),
        };
        self.note(&outcome);
        Decision::New(outcome)
    }

    fn note(&mut self, outcome: &Outcome) {
        if let Outcome::Posted(entry) = outcome {
            self.head = entry.mark();
        }
        if outcome.is_remembered() {
            self.log.push(outcome.clone());
        }
    }

    /// Whether one more operation keeps the value under 8 KB. Always so after [`Wallet::seal`].
    #[must_use]
    pub fn has_room_for(&self, id: &OperationId) -> bool {
        let log = self.log.iter().map(|outcome| stored_bytes(outcome.id()));
        let bytes = log.fold(stored_bytes(id), usize::saturating_add);
        self.log.len() < MAX_LOG_LENGTH || bytes < MAX_LOG_BYTES
    }

    /// Takes the oldest operations out of a full log. The result must be stored before this wallet is: a reader looks
    /// into the wallet first and there second.
    ///
    /// Call it on a wallet as it was read, before anything is decided: pages and the index are written without a
    /// guard, so only what is committed may get there.
    pub fn seal(&mut self) -> Option<Seal> {
        if self.log.len() < MAX_LOG_LENGTH {
            return None;
        }
        let full_page = self.log.iter().filter(|outcome| outcome.entry().is_some()).count() >= PAGE_ENTRIES;
        let seal = if full_page { self.seal_page() } else { self.seal_refusals() };
        self.indexed = self.indexed.saturating_add(u64::try_from(seal.outcomes.len()).unwrap_or(u64::MAX));
        Some(seal)
    }

    /// Everything up to the entry that fills the next page.
    fn seal_page(&mut self) -> Seal {
        let mut entries = Vec::with_capacity(PAGE_ENTRIES);
        let mut outcomes = Vec::new();
        let mut rest = std::mem::take(&mut self.log).into_iter();
        for outcome in rest.by_ref() {
            entries.extend(outcome.entry().cloned());
            outcomes.extend(outcome.id().key().is_some().then_some(outcome.clone()));
            if entries.len() == PAGE_ENTRIES {
                break;
            }
        }
        self.log = rest.collect();
        let page = Page::new(self.base, entries);
        self.base = *page.end();
        Seal { page: Some(page), outcomes }
    }

    /// All refusals, if they fill the log before there are enough entries for a page.
    fn seal_refusals(&mut self) -> Seal {
        let (log, outcomes) =
            std::mem::take(&mut self.log).into_iter().partition(|outcome| outcome.entry().is_some());
        self.log = log;
        Seal { page: None, outcomes }
    }

    /// Rebuilds a wallet from a stored document, checking every step.
    pub(crate) fn restore(base: Mark, log: Vec<Outcome>, indexed: u64) -> Result<Self, Corrupt> {
        let head = log.iter().filter_map(Outcome::entry).next_back().map_or(base, Entry::mark);
        if !Page::starts_at(base.seq) {
            return Err(Corrupt("the log does not begin where a page ends"));
        }
        Ok(Self { base, head, log, indexed })
    }

    /// The operations that the value keeps, oldest first.
    pub(crate) fn log(&self) -> &[Outcome] {
        &self.log
    }
}

/// The most bytes that an operation with this id takes in the stored log.
fn stored_bytes(id: &OperationId) -> usize {
    let escaped = id.as_str().bytes().filter(|byte| b"\"\\".contains(byte)).count();
    id.as_str().len().saturating_add(escaped).saturating_add(OPERATION_BYTES)
}

impl Default for Wallet {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
