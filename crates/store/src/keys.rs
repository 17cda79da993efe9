//! Every key that the bank uses, by name. All start with `bank:`, since a store label is not a
//! namespace (docs/spin.md, fact 8).
//!
//! A key is `bank:{whose}:what`. What stands in braces is the key's hash tag: a Redis Cluster keeps all keys with one
//! tag in one slot, so that all that an operation touches is on one node and a script may name it
//! (docs/spin.md, fact 10). Names stand in keys without colons and braces (`%3A` in their place), and an idempotency
//! key, which may have them, comes last: no two names give one key, and none has a hash tag of its own.

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
    /// Whose it is.
    tag: String,
    /// What it is.
    name: &'static str,
}

impl Opening {
    /// Where the document is, if the first opener saw it through: nearly always.
    #[must_use]
    pub fn plain(&self) -> Document {
        Document(key(&self.tag, self.name))
    }

    /// Where the opener with this ticket puts it.
    #[must_use]
    pub fn of_ticket(&self, ticket: i64) -> Document {
        match ticket {
            1 => self.plain(),
            _ => Document(key(&self.tag, format_args!("{}:{ticket}", self.name))),
        }
    }

    /// Hands each opener a number of its own.
    #[must_use]
    pub fn tickets(&self) -> Counter {
        Counter(key(&self.tag, format_args!("{}:tickets", self.name)))
    }

    /// Whose document counts.
    #[must_use]
    pub fn election(&self) -> Election {
        Election(key(&self.tag, format_args!("{}:elected", self.name)))
    }
}

fn key(tag: &str, what: impl fmt::Display) -> String {
    format!("bank:{{{tag}}}:{what}")
}

/// Whose a key is, and what: `("alice", "wallet:tickets")`. `None` of a key without a hash tag.
#[must_use]
pub fn parts(key: &str) -> Option<(&str, &str)> {
    let (tag, what) = key.strip_prefix("bank:{")?.split_once('}')?;
    Some((tag, what.strip_prefix(':')?))
}

impl Document {
    /// What kind of document it is, such as `wallet`, `page` or `operation`: not whose, and not which.
    #[must_use]
    pub fn kind(&self) -> &str {
        let what = parts(&self.0).map_or("document", |(_, what)| what);
        what.split_once(':').map_or(what, |(kind, _)| kind)
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
    Opening { tag: part(user), name: "wallet" }
}

/// A page of a wallet's sealed entries, counted from 0.
#[must_use]
pub fn page(user: &str, number: u64) -> Document {
    Document(key(&part(user), format_args!("page:{number}")))
}

/// What an idempotency key of a user became, once it has left the wallet.
#[must_use]
pub fn operation(user: &str, idempotency_key: &str) -> Document {
    Document(key(&part(user), format_args!("operation:{idempotency_key}")))
}

/// The keys of a counter: a cell that anyone increments, and the posts that came under idempotency keys.
#[derive(Debug, Clone)]
pub struct Tally {
    tag: String,
}

impl Tally {
    /// The part of the total that came without a key.
    #[must_use]
    pub fn cell(&self) -> Counter {
        Counter(key(&self.tag, "cell"))
    }

    /// The newest posts under keys, and their sum.
    #[must_use]
    pub fn posts(&self) -> Opening {
        Opening { tag: self.tag.clone(), name: "posts" }
    }

    /// What an idempotency key of this counter became, once it has left the newest posts.
    #[must_use]
    pub fn post(&self, idempotency_key: &str) -> Document {
        Document(key(&self.tag, format_args!("post:{idempotency_key}")))
    }
}

/// The bitcoins counted, in satoshis.
#[must_use]
pub fn bitcoins() -> Tally {
    Tally { tag: "bitcoins".to_owned() }
}

/// A named counter.
#[must_use]
pub fn counter(name: &str) -> Tally {
    // No user's tag: a colon in a user's name is not one here.
    Tally { tag: format!("counter:{}", part(name)) }
}

/// The counter whose keys have this hash tag, if it is one's.
#[must_use]
pub fn tally(tag: &str) -> Option<Tally> {
    let is_whole = tag.strip_prefix("counter:").and_then(whole).is_some_and(|name| !name.is_empty());
    (is_whole || tag == "bitcoins").then(|| Tally { tag: tag.to_owned() })
}

/// The user whose keys have this hash tag; what is found under it says whether it is a user's.
#[must_use]
pub fn user(tag: &str) -> Option<String> {
    whole(tag)
}

/// The name that stands in keys as `part`; `None` of what is no name's part.
fn whole(text: &str) -> Option<String> {
    let name = text.replace("%3A", ":").replace("%7B", "{").replace("%7D", "}").replace("%25", "%");
    (part(&name) == text).then_some(name)
}

/// Where an import that has not ended notes what it restores.
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

/// Whose turn it is to fetch exchange rates.
#[must_use]
pub fn rates_claim() -> Opening {
    Opening { tag: RATES.to_owned(), name: "claim" }
}

/// The keys of an issuer of tokens. Banks on one store may have them from different places: `source` names the place.
#[must_use]
pub fn issuer(source: &str) -> Document {
    Document(key(&of_issuer(source), "keys"))
}

/// Whose turn it is to fetch the keys of an issuer of tokens.
#[must_use]
pub fn issuer_claim(source: &str) -> Opening {
    Opening { tag: of_issuer(source), name: "claim" }
}

fn of_issuer(source: &str) -> String {
    format!("issuer:{}", part(source))
}

/// A key that is written to learn whether the store answers, and takes writes.
#[must_use]
pub fn ready() -> Document {
    Document("bank:ready".to_owned())
}

/// How many keys there are of [`ready_in_cluster`].
pub const READY: u8 = 64;

/// As [`ready`], one of [`READY`] keys in different slots.
#[must_use]
pub fn ready_in_cluster(number: u8) -> Document {
    Document(key(&format!("ready:{}", number % READY), "write"))
}

#[cfg(any(test, feature = "contract"))]
pub(crate) mod scratch {
    //! Keys for the contract suite, in a corner of their own.
    use super::{Counter, Document, Election, Opening};

    pub(crate) fn document(scope: &str, name: &str) -> Document {
        Document(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn counter(scope: &str, name: &str) -> Counter {
        Counter(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn election(scope: &str, name: &str) -> Election {
        Election(super::key(&format!("contract:{scope}"), name))
    }

    pub(crate) fn opening(scope: &str, name: &'static str) -> Opening {
        Opening { tag: format!("contract:{scope}"), name }
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
        assert_eq!(wallet.plain().as_str(), "bank:{alice}:wallet");
        assert_eq!(wallet.of_ticket(1), wallet.plain());
        assert_eq!(wallet.of_ticket(2).as_str(), "bank:{alice}:wallet:2");
        assert_eq!(wallet.tickets().as_str(), "bank:{alice}:wallet:tickets");
        assert_eq!(wallet.election().as_str(), "bank:{alice}:wallet:elected");
        assert_eq!(page("alice", 7).as_str(), "bank:{alice}:page:7");
        assert_eq!(operation("alice", "a:b").as_str(), "bank:{alice}:operation:a:b");
        assert_eq!(bitcoins().cell().as_str(), "bank:{bitcoins}:cell");
        assert_eq!(counter("visits").cell().as_str(), "bank:{counter:visits}:cell");
        assert_eq!(counter("visits").posts().plain().as_str(), "bank:{counter:visits}:posts");
        assert_eq!(counter("visits").post("a:b").as_str(), "bank:{counter:visits}:post:a:b");
        assert_eq!(rates_history().as_str(), "bank:{rates}:history");
        assert_eq!(rates().as_str(), "bank:{rates}:last");
        assert_eq!(rates_claim().plain().to_string(), "bank:{rates}:claim");
        assert_eq!(issuer("0f").as_str(), "bank:{issuer:0f}:keys");
        assert_eq!(issuer_claim("0f").plain().as_str(), "bank:{issuer:0f}:claim");
        assert_eq!(ready().as_str(), "bank:ready");
        assert_eq!(import().as_str(), "bank:import");
        assert_eq!(ready_in_cluster(READY + 3).as_str(), "bank:{ready:3}:write");
    }

    #[test]
    fn a_documents_kind_says_neither_whose_it_is_nor_which() {
        for (document, kind) in [
            (wallet("alice").plain(), "wallet"),
            (wallet("alice").of_ticket(2), "wallet"),
            (page("alice", 7), "page"),
            (operation("alice", "a:b"), "operation"),
            (counter("visits").post("k"), "post"),
            (rates(), "last"),
        ] {
            assert_eq!(document.kind(), kind, "{document}");
        }
    }

    #[test]
    fn a_name_that_was_always_allowed_stands_in_its_keys_as_it_is() {
        let old = "Al.ice_2@example-1.org";
        assert_eq!(wallet(old).plain().as_str(), "bank:{Al.ice_2@example-1.org}:wallet");
        assert_eq!(page(old, 0).as_str(), "bank:{Al.ice_2@example-1.org}:page:0");
        assert_eq!(operation(old, "k").as_str(), "bank:{Al.ice_2@example-1.org}:operation:k");
    }

    #[test]
    fn a_name_with_colons_is_one_part_of_its_keys() {
        for (user, key) in [
            ("urn:isbn:1", "bank:{urn%3Aisbn%3A1}:wallet"),
            ("auth0|5f7c+tag/x=~", "bank:{auth0|5f7c+tag/x=~}:wallet"),
            // No user has these: they are left to nobody all the same.
            ("a%3Ab", "bank:{a%253Ab}:wallet"),
            ("{a}", "bank:{%7Ba%7D}:wallet"),
        ] {
            assert_eq!(wallet(user).plain().as_str(), key);
        }
        assert_ne!(wallet("a:2").plain(), wallet("a").of_ticket(2));
        assert_ne!(page("a:1", 2), page("a", 12));
        assert_ne!(operation("a:b", "c"), operation("a", "b:c"));
    }

    #[test]
    fn whose_a_key_is_is_read_back_from_its_tag() {
        for name in ["alice", "urn:isbn:1", "a%3Ab", "{a}", "%", "%25"] {
            let opening = wallet(name);
            let (tag, _) =
                parts(opening.plain().as_str()).map(|(tag, what)| (tag.to_owned(), what.to_owned())).unwrap();
            assert_eq!(user(&tag).as_deref(), Some(name));
            let cell = counter(name).cell();
            let (tag, _) = parts(cell.as_str()).unwrap();
            assert_eq!(tally(tag).unwrap().cell(), cell);
        }
        assert_eq!(tally("bitcoins").unwrap().cell(), bitcoins().cell());
        for tag in ["alice", "counter:", "counter:a:b", "counter:%", "rates"] {
            assert!(tally(tag).is_none(), "{tag}");
        }
        assert_eq!(user("a:b"), None);
    }

    /// Read back by hand: nothing of a name is lost in its keys.
    fn decoded(part: &str) -> String {
        part.replace("%3A", ":").replace("%7B", "{").replace("%7D", "}").replace("%25", "%")
    }

    /// What decides the slot of a key (Redis cluster specification, "Hash tags").
    fn hash_tag(key: &str) -> &str {
        let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
        tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
    }

    /// The keys of an opening with a few tickets.
    fn around(opening: &Opening) -> Vec<String> {
        let tickets = [1, 2, 3, 4].map(|ticket| opening.of_ticket(ticket).to_string());
        [tickets.to_vec(), vec![opening.tickets().to_string(), opening.election().to_string()]].concat()
    }

    /// Every key that has these in its name.
    fn all(name: &str, number: u8, idempotency_key: &str) -> Vec<String> {
        let tally = |tally: Tally| {
            [around(&tally.posts()), vec![tally.cell().to_string(), tally.post(idempotency_key).to_string()]]
                .concat()
        };
        let mut keys =
            [around(&wallet(name)), tally(counter(name)), tally(bitcoins()), around(&rates_claim())].concat();
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
        fn all_that_an_operation_touches_is_in_one_slot(
            name in "[a1.~@+|:/=%{}-]{1,4}", number in 1_u64..3, idempotency_key in "[!:1a%3A{}]{1,3}",
        ) {
            let (mut of_user, mut of_counter) = (around(&wallet(&name)), around(&counter(&name).posts()));
            of_user.push(page(&name, number).to_string());
            of_user.push(operation(&name, &idempotency_key).to_string());
            of_counter.push(counter(&name).cell().to_string());
            of_counter.push(counter(&name).post(&idempotency_key).to_string());
            let mut of_rates = around(&rates_claim());
            of_rates.extend([rates().to_string(), rates_history().to_string()]);
            for keys in [of_user, of_counter, of_rates] {
                let tags: std::collections::BTreeSet<&str> = keys.iter().map(|key| hash_tag(key)).collect();
                prop_assert_eq!(tags.len(), 1, "{:?}", keys);
            }
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
