//! The lines of an export: one JSON object a line, whose member `kind` says what it is.
//!
//! `value` is what the store keeps of a wallet or a counter, byte for byte. So it is read by the same rules as in
//! the bank ([`ledger::document`]), and restored exactly. What follows from it is not in the file, such as the
//! index of the idempotency keys of entries.

use std::borrow::Cow;

use ledger::{Corrupt, Outcome, Page, Post, Tally, User, Wallet};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::totals::Totals;

/// The version of the format; another one is refused.
pub const VERSION: u32 = 1;

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The first line: which bank wrote the file, from what kind of store, and since when.
    Export(ExportStart),
    /// Eight entries that have left a wallet. All pages of a wallet come before it, the oldest first.
    Page(User, u64, Page),
    /// A wallet with its newest entries.
    Wallet(User, Wallet),
    /// A counter.
    Counter(Tag, Count),
    /// A refusal under an idempotency key of a user, which has left the wallet.
    Refusal(User, Outcome),
    /// The outcome of an idempotency key of a counter, which has left the counter.
    Post(Tag, Post),
    /// The last line but one: the totals of all lines.
    Totals(Box<ExportTotals>),
    /// The last one.
    End(End),
}

/// How an export begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportStart {
    /// The version of the bank that wrote it.
    pub bank: String,
    /// What it was read from.
    pub store: String,
    /// What was acknowledged before this moment is in the file.
    pub began: String,
}

/// What all lines come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportTotals {
    /// Nothing that was acknowledged after this moment is in the file.
    pub ended: String,
    /// The trial balance.
    pub totals: Totals,
}

/// How an export ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How many lines there are before this one.
    pub lines: u64,
    /// The SHA-256 of all lines before this one, each with its line feed.
    pub sha256: String,
}

/// The hash tag of a counter's keys: `bitcoins`, or `counter:NAME` ([`store::keys::CounterKeys`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

/// What a counter holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What was posted without a key.
    pub cell: i64,
    /// The posts under keys, if there ever were any.
    pub posts: Option<Tally>,
}

/// Why bytes are not a line of an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not JSON, or its members are not those of its kind.
    #[error("it is no line of an export")]
    Form,
    /// A later bank wrote the file, or it is not an export at all.
    #[error("its format is version {0}, and this bank reads version {VERSION}")]
    Version(u32),
    /// A stored value is not as the bank writes it.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// The members that a line may have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tag: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
}

impl Tag {
    /// The tag of a key, if a counter may have it.
    #[must_use]
    pub fn new(tag: &str) -> Option<Self> {
        store::keys::counter_of_tag(tag).map(|_| Self(tag.to_owned()))
    }

    /// As it stands in keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The counter's keys.
    #[must_use]
    pub fn keys(&self) -> store::keys::CounterKeys {
        store::keys::counter_of_tag(&self.0).unwrap_or_else(store::keys::bitcoins)
    }
}

impl Line {
    /// The line, with its line feed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Export(ExportStart { bank, store, began }) => {
                let (kind, bank) = ("export".into(), bank.into());
                write(&BeginForm { kind, version: VERSION, bank, store: store.into(), began: began.into() })
            }
            Self::Totals(sums) => {
                let (ended, totals) = ((&sums.ended).into(), sums.totals.clone());
                write(&SumsForm { kind: "totals".into(), ended, totals })
            }
            Self::End(End { lines, sha256 }) => {
                write(&EndForm { kind: "end".into(), lines: *lines, sha256: sha256.into() })
            }
            Self::Page(user, number, page) => {
                form("page", Some(user), None, Some(*number), None, Some(page.encode()))
            }
            Self::Wallet(user, wallet) => form("wallet", Some(user), None, None, None, Some(wallet.encode())),
            Self::Refusal(user, outcome) => {
                form("refusal", Some(user), None, None, None, Some(outcome.encode()))
            }
            Self::Counter(tag, Count { cell, posts }) => {
                form("counter", None, Some(tag), None, Some(*cell), posts.as_ref().map(Tally::encode))
            }
            Self::Post(tag, post) => form("post", None, Some(tag), None, None, Some(post.encode())),
        };
        bytes.push(b'\n');
        bytes
    }

    /// Reads a line, with or without its line feed.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        // The kind is the first member. These three kinds have a form of their own.
        if bytes.starts_with(br#"{"kind":"export""#) {
            let version: Version = read(bytes)?;
            if version.version != VERSION {
                return Err(Malformed::Version(version.version));
            }
            let BeginForm { bank, store, began, .. } = read(bytes)?;
            // These texts are printed before the file has been checked.
            if [&bank, &store, &began].into_iter().any(|text| text.contains(char::is_control)) {
                return Err(Malformed::Form);
            }
            let (bank, store, began) = (bank.into_owned(), store.into_owned(), began.into_owned());
            return Ok(Self::Export(ExportStart { bank, store, began }));
        }
        if bytes.starts_with(br#"{"kind":"totals""#) {
            let SumsForm { ended, totals, .. } = read(bytes)?;
            return Ok(Self::Totals(Box::new(ExportTotals { ended: ended.into_owned(), totals })));
        }
        if bytes.starts_with(br#"{"kind":"end""#) {
            let EndForm { lines, sha256, .. } = read(bytes)?;
            return Ok(Self::End(End { lines, sha256: sha256.into_owned() }));
        }
        from_form(read(bytes)?)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginForm<'a> {
    kind: Cow<'a, str>,
    version: u32,
    bank: Cow<'a, str>,
    store: Cow<'a, str>,
    began: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SumsForm<'a> {
    kind: Cow<'a, str>,
    ended: Cow<'a, str>,
    totals: Totals,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm<'a> {
    kind: Cow<'a, str>,
    lines: u64,
    sha256: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(bytes).map_err(|_| Malformed::Form)
}

fn from_form(form: Form<'_>) -> Result<Line, Malformed> {
    let user = |user: Cow<'_, str>| user.parse().map_err(|_| Malformed::Form);
    let tag = |tag: Cow<'_, str>| Tag::new(&tag).ok_or(Malformed::Form);
    let Form { kind, user: whose, tag: of, number, cell, value } = form;
    let value = value.map(|value| value.get().as_bytes());
    Ok(match (&*kind, whose, of, number, cell, value) {
        ("page", Some(whose), None, Some(number), None, Some(value)) => {
            Line::Page(user(whose)?, number, Page::decode(number, value)?)
        }
        ("wallet", Some(whose), None, None, None, Some(value)) => {
            Line::Wallet(user(whose)?, Wallet::decode(value)?)
        }
        ("refusal", Some(whose), None, None, None, Some(value)) => {
            Line::Refusal(user(whose)?, Outcome::decode(value)?)
        }
        ("counter", None, Some(of), None, Some(cell), posts) => {
            Line::Counter(tag(of)?, Count { cell, posts: posts.map(Tally::decode).transpose()? })
        }
        ("post", None, Some(of), None, None, Some(value)) => Line::Post(tag(of)?, Post::decode(value)?),
        _ => return Err(Malformed::Form),
    })
}

fn form(
    kind: &'static str,
    user: Option<&User>,
    tag: Option<&Tag>,
    number: Option<u64>,
    cell: Option<i64>,
    value: Option<Vec<u8>>,
) -> Vec<u8> {
    // What `ledger` encodes is JSON.
    let value = value.and_then(|value| RawValue::from_string(String::from_utf8(value).ok()?).ok());
    write(&Form {
        kind: kind.into(),
        user: user.map(|user| user.as_str().into()),
        tag: tag.map(|tag| tag.as_str().into()),
        number,
        cell,
        value: value.as_deref(),
    })
}

fn write(line: &impl Serialize) -> Vec<u8> {
    // Strings and numbers only: serde_json has nothing to fail on.
    serde_json::to_vec(line).unwrap_or_default()
}
