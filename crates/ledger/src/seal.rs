//! What leaves the wallet for good: pages of entries, and outcomes under idempotency keys, which go to the index.
//!
//! Both are immutable and follow from the wallet as it is stored, so requests that race to write them write the
//! same bytes. They are stored before the wallet that no longer holds them. An operation that was only decided, and
//! may still be lost to another request, is never among them.

use crate::entry::{Entry, Mark};
use crate::outcome::Outcome;

/// Entries in a page. Page `n` holds the entries `n * 8 + 1` to `n * 8 + 8`.
pub const PAGE_ENTRIES: usize = 8;
const PAGE_LENGTH: u64 = PAGE_ENTRIES as u64;

/// Eight consecutive entries, and the state before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    base: Mark,
    end: Mark,
    entries: Vec<Entry>,
}

/// What must be stored before the wallet that it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// A page of entries, if there are enough for one.
    pub page: Option<Page>,
    /// The outcomes of idempotency keys.
    pub outcomes: Vec<Outcome>,
}

impl Page {
    pub(crate) fn new(base: Mark, entries: Vec<Entry>) -> Self {
        let end = entries.last().map_or(base, Entry::mark);
        Self { base, end, entries }
    }

    /// The number of the page that holds entry `seq`, counted from 0; `seq` counts from 1.
    #[must_use]
    pub fn number_of(seq: u64) -> u64 {
        seq.saturating_sub(1).div_euclid(PAGE_LENGTH)
    }

    /// Whether a page can begin after entry `seq`.
    #[must_use]
    pub(crate) fn starts_at(seq: u64) -> bool {
        seq.is_multiple_of(PAGE_LENGTH)
    }

    /// The page's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        Self::number_of(self.end.seq)
    }

    /// The state of the wallet before the page's first entry.
    #[must_use]
    pub fn base(&self) -> &Mark {
        &self.base
    }

    /// The state of the wallet after the page's last entry.
    #[must_use]
    pub fn end(&self) -> &Mark {
        &self.end
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }
}
