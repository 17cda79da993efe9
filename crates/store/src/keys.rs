//! Every key that the bank uses, by name. All start with `bank:`, since a store label is not a namespace
//! (docs/spin.md, fact 8).
//!
//! A key is `bank:{whose}:what`. The part in braces is the key's hash tag: a Redis Cluster keeps all keys with one
//! tag in one slot, so everything that an operation touches is on one node, and one script may use it
//! (docs/spin.md, fact 10). Names in keys have no colons or braces (`%3A` in their place). An idempotency key,
//! which may have them, comes last. So no two names give the same key, and none has a hash tag of its own.

use std::fmt;

/// The key of a value that is read, set and swapped as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document(String);

/// The key of a number that is only ever incremented (fact 4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter(String);

/// The key of a choice that is made once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Election(String);

macro_rules! key {
    ($($kind:ident),*) => {$(
        impl $kind {
            /// The key as the store knows it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

key!(Document, Counter, Election);

/// The keys of a document whose first write must be elected; see [`crate::first_write`].
#[derive(Debug, Clone)]
pub struct ElectedKeys {
    /// The owner, as a hash tag.
    tag: String,
    /// The kind of document.
    name: &'static str,
}

impl ElectedKeys {
    /// The key of the document if the first opener finished: nearly always.
    #[must_use]
    pub fn plain(&self) -> Document {
        Document(key(&self.tag, self.name))
    }

    /// The key of the document if this ticket was elected.
    #[must_use]
    pub fn of_ticket(&self, ticket: i64) -> Document {
        match ticket {
            1 => self.plain(),
            _ => Document(key(&self.tag, format_args!("{}:{ticket}", self.name))),
        }
    }

    /// The counter that gives each opener a ticket of its own.
    #[must_use]
    pub fn tickets(&self) -> Counter {
        Counter(key(&self.tag, format_args!("{}:tickets", self.name)))
    }

    /// The election of the ticket whose document counts.
    #[must_use]
    pub fn election(&self) -> Election {
        Election(key(&self.tag, format_args!("{}:elected", self.name)))
    }
}

fn key(tag: &str, what: impl fmt::Display) -> String {
    format!("bank:{{{tag}}}:{what}")
}

/// The owner of a key and the rest: `("alice", "wallet:tickets")`. `None` for a key without a hash tag.
#[must_use]
pub fn parts(key: &str) -> Option<(&str, &str)> {
    let (tag, what) = key.strip_prefix("bank:{")?.split_once('}')?;
    Some((tag, what.strip_prefix(':')?))
}

impl Document {
    /// The kind of the document, such as `wallet`, `page` or `operation`, without its owner and number.
    #[must_use]
    pub fn kind(&self) -> &str {
        let what = parts(&self.0).map_or("document", |(_, what)| what);
        what.split_once(':').map_or(what, |(kind, _)| kind)
    }
}

/// A name as a part of keys: percent-encoded where it could end the part (`:`), begin or end a Redis hash tag (`{`,
/// `}`) or look encoded (`%`). Any other name is used as it is.
fn encode_name(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            ':' => part.push_str("%3A"),
            '{' => part.push_str("%7B"),
            '}' => part.push_str("%7D"),
            '%' => part.push_str("%25"),
            other => part.push(other),
        }
    }
    part
}

/// A user's wallet.
#[must_use]
pub fn wallet(user: &str) -> ElectedKeys {
    ElectedKeys { tag: encode_name(user), name: "wallet" }
}

/// A page of a wallet's sealed entries, counted from 0.
#[must_use]
pub fn page(user: &str, number: u64) -> Document {
    Document(key(&encode_name(user), format_args!("page:{number}")))
}

/// The outcome of a user's idempotency key, once it has left the wallet.
#[must_use]
pub fn operation(user: &str, idempotency_key: &str) -> Document {
    Document(key(&encode_name(user), format_args!("operation:{idempotency_key}")))
}

/// The keys of a counter: a cell that anyone increments, and the posts under idempotency keys.
#[derive(Debug, Clone)]
pub struct CounterKeys {
    tag: String,
}

impl CounterKeys {
    /// The part of the total that was posted without a key.
    #[must_use]
    pub fn cell(&self) -> Counter {
        Counter(key(&self.tag, "cell"))
    }

    /// The newest posts under keys, and their sum.
    #[must_use]
    pub fn posts(&self) -> ElectedKeys {
        ElectedKeys { tag: self.tag.clone(), name: "posts" }
    }

    /// The outcome of an idempotency key of this counter, once it has left the newest posts.
    #[must_use]
    pub fn post(&self, idempotency_key: &str) -> Document {
        Document(key(&self.tag, format_args!("post:{idempotency_key}")))
    }
}

/// The bitcoins counted, in satoshis.
#[must_use]
pub fn bitcoins() -> CounterKeys {
    CounterKeys { tag: "bitcoins".to_owned() }
}

/// A named counter.
#[must_use]
pub fn counter(name: &str) -> CounterKeys {
    // This is no user's tag: a colon in a user's name is encoded.
    CounterKeys { tag: format!("counter:{}", encode_name(name)) }
}

/// The counter whose keys have this hash tag, if it is a counter's.
#[must_use]
pub fn counter_of_tag(tag: &str) -> Option<CounterKeys> {
    let is_whole = tag.strip_prefix("counter:").and_then(decode_name).is_some_and(|name| !name.is_empty());
    (is_whole || tag == "bitcoins").then(|| CounterKeys { tag: tag.to_owned() })
}

/// The user whose keys have this hash tag. Only the keys under a tag tell whether it is a user's.
#[must_use]
pub fn user(tag: &str) -> Option<String> {
    decode_name(tag)
}

/// Decodes a part of a key; `None` if it is not an encoded name.
fn decode_name(text: &str) -> Option<String> {
    let name = text.replace("%3A", ":").replace("%7B", "{").replace("%7D", "}").replace("%25", "%");
    (encode_name(&name) == text).then_some(name)
}

/// The note of an import that has not ended.
#[must_use]
pub fn import() -> Document {
    Document("bank:import".to_owned())
}

const RATES: &str = "rates";

/// The last good exchange rates.
#[must_use]
pub fn rates() -> Document {
    Document(key(RATES, "last"))
}

/// How the exchange rates moved.
#[must_use]
pub fn rates_history() -> Document {
    Document(key(RATES, "history"))
}

/// The claim to fetch exchange rates.
#[must_use]
pub fn rates_claim() -> ElectedKeys {
    ElectedKeys { tag: RATES.to_owned(), name: "claim" }
}

/// The keys of an issuer of tokens. Banks on one store may fetch them from different places, which `source` names.
#[must_use]
pub fn issuer(source: &str) -> Document {
    Document(key(&issuer_tag(source), "keys"))
}

/// The claim to fetch the keys of an issuer of tokens.
#[must_use]
pub fn issuer_claim(source: &str) -> ElectedKeys {
    ElectedKeys { tag: issuer_tag(source), name: "claim" }
}

fn issuer_tag(source: &str) -> String {
    format!("issuer:{}", encode_name(source))
}

/// A key that is written to learn whether the store answers, and takes writes.
#[must_use]
pub fn ready() -> Document {
    Document("bank:ready".to_owned())
}

/// How many keys [`ready_in_cluster`] has.
pub const READY_KEYS: u8 = 64;

/// Like [`ready`]: one of [`READY_KEYS`] keys in different slots.
#[must_use]
pub fn ready_in_cluster(number: u8) -> Document {
    Document(key(&format!("ready:{}", number % READY_KEYS), "write"))
}

#[cfg(any(test, feature = "contract"))]
pub(crate) mod scratch {
    //! Keys for the contract suite, in a corner of their own.
    use super::{Counter, Document, ElectedKeys, Election};

    pub(crate) fn document(scope: &str, name: &str) -> Document {
        Document(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn counter(scope: &str, name: &str) -> Counter {
        Counter(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn election(scope: &str, name: &str) -> Election {
        Election(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn opening(scope: &str, name: &'static str) -> ElectedKeys {
        ElectedKeys { tag: format!("contract:{scope}"), name }
    }
}

#[cfg(test)]
mod tests;
