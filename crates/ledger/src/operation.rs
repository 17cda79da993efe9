//! What a caller asks for: whose money, which way, how much, under which idempotency key.

use std::fmt;
use std::str::FromStr;

use crate::timestamp::Timestamp;
use crate::{Amount, Corrupt};

/// Most characters of an idempotency key.
pub const MAX_KEY_LENGTH: usize = 255;
/// Most characters of a user's name.
pub const MAX_USER_LENGTH: usize = 128;
/// What a user's name may hold beside letters and digits: enough for mail tags, `auth0|…` and URNs. No comma,
/// which a proxy puts between two headers that it joins.
pub const USER_PUNCTUATION: &str = "._~@+|:/=-";

/// A user's name: 1 to 128 of `A-Za-z0-9` and [`USER_PUNCTUATION`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User(String);

/// A key under which a request is answered once and for ever (IETF draft
/// `idempotency-key-header`): 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

/// The text is not a name, or not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not well formed")]
pub struct NotWellFormed;

/// Which way money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationKind {
    /// Into the wallet.
    Deposit,
    /// Out of the wallet.
    Withdrawal,
}

/// What identifies an operation.
///
/// An id that the server made is not an idempotency key: if a client sends it as a key, it names another operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationId {
    /// The caller's idempotency key.
    Keyed(IdempotencyKey),
    /// Made by the server, unique.
    Made(String),
}

/// The id of an operation in a stored document, which was checked.
pub(crate) struct StoredId<'a> {
    text: &'a str,
    is_keyed: bool,
}

/// A request to move money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it is known by.
    pub id: OperationId,
    /// Which way.
    pub kind: OperationKind,
    /// How much.
    pub amount: Amount,
    /// When it was asked for.
    pub at: Timestamp,
}

impl User {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for User {
    type Err = NotWellFormed;

    fn from_str(text: &str) -> Result<Self, NotWellFormed> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || USER_PUNCTUATION.as_bytes().contains(&byte);
        let well_formed = (1..=MAX_USER_LENGTH).contains(&text.len()) && text.bytes().all(allowed);
        well_formed.then(|| Self(text.to_owned())).ok_or(NotWellFormed)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdempotencyKey {
    /// The key's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = NotWellFormed;

    fn from_str(text: &str) -> Result<Self, NotWellFormed> {
        visible(text).then(|| Self(text.to_owned())).ok_or(NotWellFormed)
    }
}

impl OperationId {
    /// What an entry shows as its `id`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Keyed(key) => key.as_str(),
            Self::Made(id) => id,
        }
    }

    /// The idempotency key, where there is one.
    #[must_use]
    pub fn key(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::Keyed(key) => Some(key),
            Self::Made(_) => None,
        }
    }
}

impl<'a> StoredId<'a> {
    /// Checks an id of a stored document.
    pub fn read(text: &'a str, is_keyed: bool) -> Result<Self, Corrupt> {
        visible(text).then_some(Self { text, is_keyed }).ok_or(Corrupt("an operation id is malformed"))
    }

    /// Its characters.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

impl From<&StoredId<'_>> for OperationId {
    fn from(stored: &StoredId<'_>) -> Self {
        let text = stored.text.to_owned();
        if stored.is_keyed { Self::Keyed(IdempotencyKey(text)) } else { Self::Made(text) }
    }
}

/// An id has no control character and no space, so it cannot forge a line of the hashed text.
fn visible(text: &str) -> bool {
    (1..=MAX_KEY_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl OperationKind {
    /// The word for it in entries and in the hash chain.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
        }
    }
}

impl FromStr for OperationKind {
    type Err = NotWellFormed;

    fn from_str(text: &str) -> Result<Self, NotWellFormed> {
        match text {
            "deposit" => Ok(Self::Deposit),
            "withdrawal" => Ok(Self::Withdrawal),
            _ => Err(NotWellFormed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_1_to_128_plain_characters() {
        let longest = "u".repeat(128);
        let names = ["a", "alice", "Al.ice_2+tag@example-1.org", "auth0|5f7c", "urn:x:a/b~c=1"];
        for name in names.into_iter().chain(["._~@+|:/=-", &longest]) {
            let user: User = name.parse().unwrap();
            assert_eq!((user.as_str(), user.to_string().as_str()), (name, name));
        }
        let too_long = "u".repeat(129);
        for name in ["", " ", "a b", "a,b", "a%3Ab", "a\"", "ä", "a\n", "{a}", "a*", "a;b", "a\\", &too_long]
        {
            assert_eq!(name.parse::<User>(), Err(NotWellFormed), "{name:?}");
        }
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters() {
        let longest = "k".repeat(255);
        for key in ["k", "order-17", "!~{}:/\\'", &longest] {
            assert_eq!(key.parse::<IdempotencyKey>().unwrap().as_str(), key);
        }
        let too_long = "k".repeat(256);
        for key in ["", " ", "a b", "a\tb", "a\n", "é", "\u{7f}", &too_long] {
            assert_eq!(key.parse::<IdempotencyKey>(), Err(NotWellFormed), "{key:?}");
        }
    }
}
