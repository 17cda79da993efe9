//! The bytes that a store keeps: JSON, read back as strictly as it was written.
//!
//! A wallet and a page hold only what cannot be derived (who, which way, how much, when). A reader posts each entry
//! again from the first balance and compares the result with the stored one. So a document that anybody else has
//! changed is [`Corrupt`], and never money.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Mark};
use crate::operation::{OperationKind, StoredId};
use crate::outcome::{Outcome, RefusedOperation};
use crate::refusal::Refusal;
use crate::seal::{PAGE_ENTRIES, Page};
use crate::timestamp::Timestamp;
use crate::wallet::Wallet;
use crate::{Amount, Corrupt};

/// The version of all documents.
const VERSION: u8 = 1;

/// A wallet or a page: a stretch of the chain.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainDocument<'a> {
    v: u8,
    #[serde(borrow)]
    base: MarkDocument<'a>,
    #[serde(borrow)]
    end: MarkDocument<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    indexed: u64,
    #[serde(borrow)]
    log: Vec<RecordDocument<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkDocument<'a> {
    seq: u64,
    #[serde(borrow)]
    balance: Cow<'a, str>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

/// An operation in a log. `refused` and `balance` belong to refusals, `at` to entries.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordDocument<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// The server made the id.
    #[serde(default, skip_serializing_if = "is_false")]
    made: bool,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    at: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    refused: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    balance: Option<Cow<'a, str>>,
}

/// The outcome of one idempotency key: the record, and for an entry the mark after it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeDocument<'a> {
    v: u8,
    #[serde(borrow)]
    record: RecordDocument<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    mark: Option<MarkDocument<'a>>,
}

impl Wallet {
    /// The wallet's stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write(&ChainDocument {
            v: VERSION,
            base: mark(self.base()),
            end: mark(self.head()),
            indexed: self.indexed(),
            log: self.log().iter().map(record).collect(),
        })
    }

    /// The stored form of a wallet that nobody has used yet.
    #[must_use]
    pub fn empty() -> &'static [u8] {
        static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
        EMPTY.get_or_init(|| Self::new().encode())
    }

    /// Reads a stored wallet.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no wallet or its chain does not add up.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let document = read_chain(bytes)?;
        let mut log = Vec::with_capacity(document.log.len());
        let (base, _) = replay(&document, |record| log.push(record.into_outcome()))?;
        Self::restore(base, log, document.indexed)
    }

    /// Where a stored wallet stands. It is checked as [`Wallet::decode`] checks it, and its entries are not kept.
    ///
    /// # Errors
    /// As [`Wallet::decode`].
    pub fn decode_head(bytes: &[u8]) -> Result<Mark, Corrupt> {
        let (base, head) = replay(&read_chain(bytes)?, |_| ())?;
        Self::restore(base, Vec::new(), 0).map(|_| head)
    }
}

impl Page {
    /// The page's stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write(&ChainDocument {
            v: VERSION,
            base: mark(self.base()),
            end: mark(self.end()),
            indexed: 0,
            log: self.entries().map(entry_record).collect(),
        })
    }

    /// Reads page `number`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not that page or its chain does not add up.
    pub fn decode(number: u64, bytes: &[u8]) -> Result<Self, Corrupt> {
        let document = read_chain(bytes)?;
        let mut entries = Vec::with_capacity(PAGE_ENTRIES);
        let (base, _) = replay(&document, |record| entries.extend(record.into_entry()))?;
        let full = entries.len() == PAGE_ENTRIES && document.log.len() == PAGE_ENTRIES;
        let page = Self::new(base, entries);
        if !full || !Page::starts_at(base.seq) || page.number() != number {
            return Err(Corrupt("a page does not hold its entries"));
        }
        Ok(page)
    }
}

impl Outcome {
    /// The stored form of what an idempotency key became.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write(&OutcomeDocument {
            v: VERSION,
            record: record(self),
            mark: self.entry().map(|entry| mark(&entry.mark())),
        })
    }

    /// Reads what an idempotency key became.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no outcome.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let document: OutcomeDocument<'_> =
            serde_json::from_slice(bytes).map_err(|_| Corrupt("an operation is not of its form"))?;
        check_version(document.v)?;
        match (&document.mark, &document.record.refused) {
            (Some(mark), None) => {
                let mark = read_mark(mark)?;
                Ok(Record::Posted(read_posted(&document.record)?, mark).into_outcome())
            }
            (None, Some(_)) => read_refused(&document.record).map(Self::Refused),
            _ => Err(Corrupt("an operation is neither posted nor refused")),
        }
    }
}

fn write(document: &impl Serialize) -> Vec<u8> {
    // Strings and numbers only: serde_json cannot fail on them.
    serde_json::to_vec(document).unwrap_or_default()
}

fn read_chain(bytes: &[u8]) -> Result<ChainDocument<'_>, Corrupt> {
    let document: ChainDocument<'_> =
        serde_json::from_slice(bytes).map_err(|_| Corrupt("a wallet or page is not of its form"))?;
    check_version(document.v)?;
    Ok(document)
}

fn check_version(version: u8) -> Result<(), Corrupt> {
    if version == VERSION { Ok(()) } else { Err(Corrupt("the document's version is unknown")) }
}

/// Posts every entry of a log again, and compares the end with the stored one. Returns where the log begins and ends,
/// and hands each record on.
fn replay<'a>(
    document: &'a ChainDocument<'_>,
    mut each: impl FnMut(Record<'a>),
) -> Result<(Mark, Mark), Corrupt> {
    let base = read_mark(&document.base)?;
    let mut head = base;
    for record in &document.log {
        if record.refused.is_some() {
            each(Record::Refused(read_refused(record)?));
            continue;
        }
        let posted = read_posted(record)?;
        let Posted { id, kind, amount, at } = &posted;
        head = head
            .after(id.as_str(), *kind, *amount, *at)
            .map_err(|_| Corrupt("an entry cannot have been posted"))?;
        each(Record::Posted(posted, head));
    }
    if head != read_mark(&document.end)? {
        return Err(Corrupt("the entries do not lead to the stored balance and hash"));
    }
    Ok((base, head))
}

/// A record of a log, which was checked.
enum Record<'a> {
    /// An entry, and the mark after it.
    Posted(Posted<'a>, Mark),
    Refused(RefusedOperation),
}

/// What an entry was made of. Nothing is copied of a document of which only the head is wanted.
struct Posted<'a> {
    id: StoredId<'a>,
    kind: OperationKind,
    amount: Amount,
    at: Timestamp,
}

impl Record<'_> {
    fn into_outcome(self) -> Outcome {
        match self {
            Self::Posted(posted, mark) => Outcome::Posted(posted.entry(mark)),
            Self::Refused(refused) => Outcome::Refused(refused),
        }
    }

    fn into_entry(self) -> Option<Entry> {
        match self {
            Self::Posted(posted, mark) => Some(posted.entry(mark)),
            Self::Refused(_) => None,
        }
    }
}

impl Posted<'_> {
    fn entry(&self, Mark { seq, balance, hash }: Mark) -> Entry {
        let &Self { ref id, kind, amount, at } = self;
        Entry { seq, id: id.into(), kind, amount, balance, at, hash }
    }
}

fn mark(mark: &Mark) -> MarkDocument<'static> {
    MarkDocument {
        seq: mark.seq,
        balance: mark.balance.to_string().into(),
        hash: mark.hash.to_string().into(),
    }
}

fn read_mark(document: &MarkDocument<'_>) -> Result<Mark, Corrupt> {
    Ok(Mark {
        seq: document.seq,
        balance: document.balance.parse().map_err(|_| Corrupt("a balance is malformed"))?,
        hash: document.hash.parse()?,
    })
}

fn record(outcome: &Outcome) -> RecordDocument<'_> {
    match outcome {
        Outcome::Posted(entry) => entry_record(entry),
        Outcome::Refused(refused) => RecordDocument {
            id: refused.id.as_str().into(),
            made: refused.id.key().is_none(),
            kind: refused.kind.as_str().into(),
            amount: refused.amount.to_string().into(),
            at: None,
            refused: Some(refused.refusal.as_str().into()),
            balance: Some(refused.balance.to_string().into()),
        },
    }
}

fn entry_record(entry: &Entry) -> RecordDocument<'_> {
    RecordDocument {
        id: entry.id.as_str().into(),
        made: entry.id.key().is_none(),
        kind: entry.kind.as_str().into(),
        amount: entry.amount.to_string().into(),
        at: Some(entry.at.as_str().into()),
        refused: None,
        balance: None,
    }
}

fn read_posted<'a>(record: &'a RecordDocument<'_>) -> Result<Posted<'a>, Corrupt> {
    let RecordDocument { at: Some(at), refused: None, balance: None, .. } = record else {
        return Err(Corrupt("an entry is not of its form"));
    };
    Ok(Posted {
        id: StoredId::read(&record.id, !record.made)?,
        kind: record.kind.parse().map_err(|_| Corrupt("a kind is unknown"))?,
        amount: record.amount.parse().map_err(|_| Corrupt("an amount is malformed"))?,
        at: at.parse()?,
    })
}

fn read_refused(record: &RecordDocument<'_>) -> Result<RefusedOperation, Corrupt> {
    let RecordDocument { at: None, refused: Some(refusal), balance: Some(balance), .. } = record else {
        return Err(Corrupt("a refusal is not of its form"));
    };
    Ok(RefusedOperation {
        id: (&StoredId::read(&record.id, !record.made)?).into(),
        kind: record.kind.parse().map_err(|_| Corrupt("a kind is unknown"))?,
        amount: record.amount.parse().map_err(|_| Corrupt("an amount is malformed"))?,
        refusal: Refusal::restore(refusal)?,
        balance: balance.parse().map_err(|_| Corrupt("a balance is malformed"))?,
    })
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
