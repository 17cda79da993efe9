//! Every key that the bank uses, by name. All start with `bank:`, since a store label is not a
//! namespace (design section 5, fact 8).
//!
//! Names and numbers stand in keys without colons and braces (`%3A` in their place), and an idempotency key,
//! which may have them, comes last: no two names give one key, and none has a hash tag of its own.

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

/// The keys around a document whose first write must be elected; see [`crate::first_write`].
#[derive(Debug, Clone)]
pub struct Opening {
    name: String,
}

impl Opening {
    /// Where the document is, if the first opener saw it through: nearly always.
    #[must_use]
    pub fn plain(&self) -> Document {
        Document(format!("bank:{}", self.name))
    }

    /// Where the opener with this ticket puts it.
    #[must_use]
    pub fn of_ticket(&self, ticket: i64) -> Document {
        match ticket {
            1 => self.plain(),
            _ => Document(format!("bank:{}:{ticket}", self.name)),
        }
    }

    /// Hands each opener a number of its own.
    #[must_use]
    pub fn tickets(&self) -> Counter {
        Counter(format!("bank:tickets:{}", self.name))
    }

    /// Whose document counts.
    #[must_use]
    pub fn election(&self) -> Election {
        Election(format!("bank:elected:{}", self.name))
    }
}

/// A name as a part of keys: percent-encoded where it could end the part (`:`), begin or end a Redis hash tag
/// (`{`, `}`) or pass for something encoded (`%`). Any other name stands there as it is.
fn part(name: &str) -> String {
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
pub fn wallet(user: &str) -> Opening {
    Opening { name: format!("wallet:{}", part(user)) }
}

/// A page of a wallet's sealed entries, counted from 0.
#[must_use]
pub fn page(user: &str, number: u64) -> Document {
    Document(format!("bank:page:{}:{number}", part(user)))
}

/// What an idempotency key of a user became, once it has left the wallet.
#[must_use]
pub fn operation(user: &str, idempotency_key: &str) -> Document {
    Document(format!("bank:operation:{}:{idempotency_key}", part(user)))
}

/// The keys of a counter: a cell that anyone increments, and the posts that came under idempotency keys.
#[derive(Debug, Clone)]
pub struct Tally {
    name: String,
}

impl Tally {
    /// The part of the total that came without a key.
    #[must_use]
    pub fn cell(&self) -> Counter {
        Counter(format!("bank:{}", self.name))
    }

    /// The newest posts under keys, and their sum.
    #[must_use]
    pub fn posts(&self) -> Opening {
        Opening { name: format!("posts:{}", self.name) }
    }

    /// What an idempotency key of this counter became, once it has left the newest posts.
    #[must_use]
    pub fn post(&self, idempotency_key: &str) -> Document {
        Document(format!("bank:post:{}:{idempotency_key}", self.name))
    }
}

/// The bitcoins counted, in satoshis.
#[must_use]
pub fn bitcoins() -> Tally {
    Tally { name: "bitcoins".to_owned() }
}

/// A named counter.
#[must_use]
pub fn counter(name: &str) -> Tally {
    Tally { name: format!("counter:{}", part(name)) }
}

/// The last good exchange rates.
#[must_use]
pub fn rates() -> Document {
    Document("bank:rates".to_owned())
}

/// How the exchange rates moved.
#[must_use]
pub fn rates_history() -> Document {
    Document("bank:rates-history".to_owned())
}

/// Whose turn it is to fetch exchange rates.
#[must_use]
pub fn rates_claim() -> Opening {
    Opening { name: "rates-claim".to_owned() }
}

/// A key that is written to learn whether the store answers, and takes writes.
#[must_use]
pub fn ready() -> Document {
    Document("bank:ready".to_owned())
}

#[cfg(any(test, feature = "contract"))]
pub(crate) mod scratch {
    //! Keys for the contract suite, in a corner of their own.
    use super::{Counter, Document, Election, Opening};

    pub(crate) fn document(scope: &str, name: &str) -> Document {
        Document(format!("bank:contract:{scope}:{name}"))
    }

    pub(crate) fn counter(scope: &str, name: &str) -> Counter {
        Counter(format!("bank:contract:{scope}:{name}"))
    }

    pub(crate) fn election(scope: &str, name: &str) -> Election {
        Election(format!("bank:contract:{scope}:{name}"))
    }

    pub(crate) fn opening(scope: &str, name: &str) -> Opening {
        Opening { name: format!("contract:{scope}:{name}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_starts_with_bank() {
        let wallet = wallet("alice");
        for key in [
            wallet.plain().as_str(),
            wallet.of_ticket(2).as_str(),
            wallet.tickets().as_str(),
            wallet.election().as_str(),
            page("alice", 0).as_str(),
            operation("alice", "k").as_str(),
            bitcoins().cell().as_str(),
            counter("visits").posts().plain().as_str(),
            rates().as_str(),
            rates_claim().plain().as_str(),
            ready().as_str(),
        ] {
            assert!(key.starts_with("bank:"), "{key}");
        }
    }

    #[test]
    fn the_names_of_stored_keys_are_pinned() {
        let wallet = wallet("alice");
        assert_eq!(wallet.plain().as_str(), "bank:wallet:alice");
        assert_eq!(wallet.of_ticket(1), wallet.plain());
        assert_eq!(wallet.of_ticket(2).as_str(), "bank:wallet:alice:2");
        assert_eq!(wallet.tickets().as_str(), "bank:tickets:wallet:alice");
        assert_eq!(wallet.election().as_str(), "bank:elected:wallet:alice");
        assert_eq!(page("alice", 7).as_str(), "bank:page:alice:7");
        assert_eq!(operation("alice", "a:b").as_str(), "bank:operation:alice:a:b");
        assert_eq!(bitcoins().cell().as_str(), "bank:bitcoins");
        assert_eq!(counter("visits").cell().as_str(), "bank:counter:visits");
        assert_eq!(counter("visits").posts().plain().as_str(), "bank:posts:counter:visits");
        assert_eq!(counter("visits").post("a:b").as_str(), "bank:post:counter:visits:a:b");
        assert_eq!(rates_history().as_str(), "bank:rates-history");
        assert_eq!(rates_claim().plain().to_string(), "bank:rates-claim");
    }

    #[test]
    fn a_name_that_was_always_allowed_stands_in_its_keys_as_it_is() {
        let old = "Al.ice_2@example-1.org";
        assert_eq!(wallet(old).plain().as_str(), "bank:wallet:Al.ice_2@example-1.org");
        assert_eq!(page(old, 0).as_str(), "bank:page:Al.ice_2@example-1.org:0");
        assert_eq!(operation(old, "k").as_str(), "bank:operation:Al.ice_2@example-1.org:k");
    }

    #[test]
    fn a_name_with_colons_is_one_part_of_its_keys() {
        for (user, key) in [
            ("urn:isbn:1", "bank:wallet:urn%3Aisbn%3A1"),
            ("auth0|5f7c+tag/x=~", "bank:wallet:auth0|5f7c+tag/x=~"),
            // No user has these: they are left to nobody all the same.
            ("a%3Ab", "bank:wallet:a%253Ab"),
            ("{a}", "bank:wallet:%7Ba%7D"),
        ] {
            assert_eq!(wallet(user).plain().as_str(), key);
        }
        assert_ne!(wallet("a:2").plain(), wallet("a").of_ticket(2));
        assert_ne!(page("a:1", 2), page("a", 12));
        assert_ne!(operation("a:b", "c"), operation("a", "b:c"));
    }

    /// Read back by hand: nothing of a name is lost in its keys.
    fn decoded(part: &str) -> String {
        part.replace("%3A", ":").replace("%7B", "{").replace("%7D", "}").replace("%25", "%")
    }

    /// Every key that has these in its name.
    fn all(name: &str, number: u8, idempotency_key: &str) -> Vec<String> {
        let around = |opening: Opening| {
            let tickets = [1, 2, i64::from(number).saturating_add(2)]
                .map(|ticket| opening.of_ticket(ticket).to_string());
            [tickets.to_vec(), vec![opening.tickets().to_string(), opening.election().to_string()]].concat()
        };
        let tally = |tally: Tally| {
            [around(tally.posts()), vec![tally.cell().to_string(), tally.post(idempotency_key).to_string()]]
                .concat()
        };
        let mut keys =
            [around(wallet(name)), tally(counter(name)), tally(bitcoins()), around(rates_claim())].concat();
        keys.extend([page(name, number.into()).to_string(), operation(name, idempotency_key).to_string()]);
        keys.extend([rates().to_string(), ready().to_string()]);
        keys
    }

    proptest! {
        #[test]
        fn a_part_of_a_key_holds_nothing_that_parts_are_told_by_and_names_one_name(
            one in "[ -~]{0,12}", other in "[a1:%3A{}]{0,6}", another in "[a1:%3A{}]{0,6}",
        ) {
            for name in [&one, &other] {
                prop_assert!(!part(name).contains([':', '{', '}']), "{}", part(name));
            }
            prop_assert_eq!(part(&other) == part(&another), other == another);
            prop_assert_eq!(decoded(&part(&one)), one);
        }

        #[test]
        fn no_two_names_give_one_key(
            one in ("[a1.~@+|:/=%{}-]{1,4}", 1_u8..3, "[!:1a%3A{}]{1,3}"),
            other in ("[a1.~@+|:/=%{}-]{1,4}", 1_u8..3, "[!:1a%3A{}]{1,3}"),
        ) {
            let keys = all(&one.0, one.1, &one.2);
            let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
            prop_assert_eq!(distinct.len(), keys.len(), "{:?}", keys);
            // What is under one name is never what is under another, the same thing aside.
            for (place, key) in keys.iter().enumerate() {
                for (elsewhere, another) in all(&other.0, other.1, &other.2).iter().enumerate() {
                    prop_assert!(key != another || place == elsewhere);
                }
            }
        }
    }
}
