//! What is stored for a line, and under which keys: the same that the bank's components would have stored.
//!
//! A wallet is restored under the key of ticket 1, whichever ticket had been elected, together with an election of
//! ticket 1 ([`store::first_write`]).

use ledger::{Outcome, Page};
use store::keys::{self, ElectedKeys};

use crate::line::{Count, Line};

/// A key and what is stored there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key, as the store knows it.
    pub key: String,
    /// What is stored.
    pub value: StoredValue,
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredValue {
    /// These bytes.
    Document(Vec<u8>),
    /// A number, in the form in which the store keeps counters.
    Number(i64),
}

impl Item {
    fn document(key: &store::Document, value: Vec<u8>) -> Self {
        Self { key: key.as_str().to_owned(), value: StoredValue::Document(value) }
    }

    fn number(key: &impl ToString, number: i64) -> Self {
        Self { key: key.to_string(), value: StoredValue::Number(number) }
    }
}

/// What `line` stores, in the order of writing: nothing refers to what is not there yet.
#[must_use]
pub fn items(line: &Line) -> Vec<Item> {
    match line {
        Line::Export(_) | Line::Totals(_) | Line::End(_) => Vec::new(),
        Line::Page(user, number, page) => {
            let key = keys::page(user.as_str(), *number);
            let mut items = vec![Item::document(&key, page.encode())];
            items.extend(index(page).map(|(key, outcome)| {
                Item::document(&keys::operation(user.as_str(), &key), outcome.encode())
            }));
            items
        }
        Line::Wallet(user, wallet) => opening_items(&keys::wallet(user.as_str()), wallet.encode()),
        Line::Counter(tag, Count { cell, posts }) => {
            let counter = tag.keys();
            let mut items = Vec::new();
            if *cell != 0 {
                items.push(Item::number(&counter.cell(), *cell));
            }
            items.extend(posts.iter().flat_map(|posts| opening_items(&counter.posts(), posts.encode())));
            items
        }
        Line::Refusal(user, outcome) => {
            let key = outcome.id().key().map_or("", |key| key.as_str());
            vec![Item::document(&keys::operation(user.as_str(), key), outcome.encode())]
        }
        Line::Post(tag, post) => vec![Item::document(&tag.keys().post(post.key.as_str()), post.encode())],
    }
}

/// The outcomes of the idempotency keys of a page's entries, for the index.
pub fn index(page: &Page) -> impl Iterator<Item = (String, Outcome)> {
    page.entries().filter_map(|entry| {
        let key = entry.id.key()?.as_str().to_owned();
        Some((key, Outcome::Posted(entry.clone())))
    })
}

fn opening_items(opening: &ElectedKeys, value: Vec<u8>) -> Vec<Item> {
    vec![
        Item::number(&opening.tickets(), 1),
        Item::document(&opening.plain(), value),
        Item::number(&opening.election(), 1),
    ]
}
