//! The language of cases.
//!
//! `+1 #a` is a deposit of 1 to ann's wallet under the idempotency key `a`; `-1 b` is a withdrawal without a key,
//! to which the server gives the id `b`. `{+1 #a, -2 b}` is a batch. `entries 7` are seven deposits of 1, the first
//! of them under a key; `refusals 4` are four withdrawals of 100, each under a key. `walk 7` reads the history in
//! pages of seven, and `past 3` the balance after entry 3. `count 2 #a` adds 2 to a counter whose limit is 10,
//! under a key or without one. `;` separates the requests of a client, `|` the clients.

#![allow(clippy::expect_used, reason = "a literal of this crate that is malformed has to stop it")]

use std::rc::Rc;
use std::str::FromStr;

use ledger::OperationId;
use teller::tally::KeyedPost;

use crate::task::Task;
use crate::words::{deposit, keyed, made, together, user, withdrawal};

/// What each client asks for.
pub(super) fn scripts(clients: &str) -> Vec<Vec<Rc<Task>>> {
    clients.split('|').zip(1..).map(|(text, n)| script(text, &format!("r{n}"))).collect()
}

/// What one client asks for. Its posts to counters carry the id of `request`.
pub(super) fn script(text: &str, request: &str) -> Vec<Rc<Task>> {
    let texts = text.split(';').map(str::trim).filter(|text| !text.is_empty());
    texts.flat_map(|text| tasks(text, request)).map(Rc::new).collect()
}

fn tasks(text: &str, request: &str) -> Vec<Task> {
    if let Some(batch) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        return vec![together(batch.split(',').map(|text| operation(text.trim())).collect())];
    }
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["entries", count] => (0..number(count)).map(entry).collect(),
        ["refusals", count] => {
            (0..number(count)).map(|n: u32| withdrawal(keyed(&format!("no{n}")), "100")).collect()
        }
        ["walk", limit] => {
            vec![Task::Walk { user: user("ann"), before: None, limit: number(limit), pages: 9 }]
        }
        ["past", seq] => vec![Task::Past(user("ann"), number(seq))],
        ["count", by] => vec![Task::Count { counter: "visits".to_owned(), by: number(by), limit: 10 }],
        ["count", by, key] => vec![count_once(id(key), number(by), request)],
        _ => vec![operation(text)],
    }
}

fn entry(n: u32) -> Task {
    deposit(if n == 0 { keyed("old0") } else { made(&format!("old{n}")) }, "1")
}

fn count_once(id: OperationId, by: i64, request: &str) -> Task {
    let key = id.key().cloned().expect("an idempotency key");
    let post = KeyedPost { key, by, request: request.to_owned() };
    Task::CountOnce { counter: "visits".to_owned(), post, limit: 10 }
}

fn operation(text: &str) -> Task {
    let (amount, name) = text.split_once(' ').expect("an amount and an id");
    match amount.strip_prefix('-') {
        Some(amount) => withdrawal(id(name), amount),
        None => deposit(id(name), amount.strip_prefix('+').expect("+ or -")),
    }
}

fn id(name: &str) -> OperationId {
    name.strip_prefix('#').map_or_else(|| made(name), keyed)
}

fn number<N: FromStr>(text: &str) -> N {
    text.parse().ok().expect("a number")
}
