//! Short and long histories, also read while they grow.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use futures::executor::block_on;
use ledger::{Operation, OperationId, OperationKind};
use store::memory::Memory;
use store::{Document, Swap, Unavailable};

use super::*;
use crate::operation::carry_out;

fn user() -> User {
    "ann".parse().unwrap()
}

fn deposit(store: &Memory, times: u64) {
    for n in 0..times {
        let operation = Operation {
            id: OperationId::Made(format!("m{n}")),
            kind: OperationKind::Deposit,
            amount: "1".parse().unwrap(),
            at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
        };
        // An id names one operation: a second round under the same ids would be answered, not carried out.
        let unique = OperationId::Made(format!("{}-{n}", block_on(current(store, &user())).unwrap().seq));
        block_on(carry_out(store, &user(), &Operation { id: unique, ..operation })).unwrap();
    }
}

fn walk(store: &Memory, limit: usize, between: impl Fn()) -> Vec<u64> {
    let mut seqs = Vec::new();
    let mut before = None;
    loop {
        let stretch = block_on(entries(store, &user(), before, limit)).unwrap();
        seqs.extend(stretch.entries.iter().map(|entry| entry.seq));
        between();
        match stretch.next {
            Some(next) => before = Some(next),
            None => return seqs,
        }
    }
}

#[test]
fn a_user_who_never_moved_money_stands_at_the_start() {
    let store = Memory::new();
    assert_eq!(block_on(current(&store, &user())), Ok(Mark::START));
    assert_eq!(block_on(at(&store, &user(), 0)), Ok(Some(Mark::START)));
    assert_eq!(block_on(at(&store, &user(), 1)), Ok(None));
    assert!(walk(&store, 50, || ()).is_empty());
}

#[test]
fn pages_of_any_size_show_every_entry_once_newest_first() {
    for count in [1, 7, 8, 11, 12, 13, 40] {
        let store = Memory::new();
        deposit(&store, count);
        let all: Vec<u64> = (1..=count).rev().collect();
        for limit in [1, 2, 7, 8, 9, 200] {
            assert_eq!(walk(&store, limit, || ()), all, "{count} entries, {limit} a page");
        }
    }
}

/// Counts the reads, and those that have begun before one of them was answered.
#[derive(Default)]
struct Counting {
    store: Memory,
    begun: Cell<usize>,
    at_once: Cell<usize>,
}

impl Store for Counting {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        self.begun.update(|begun| begun + 1);
        let mut waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.at_once.update(|most| most.max(self.begun.get()));
        self.begun.update(|begun| begun - 1);
        self.store.get(key).await
    }
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        self.store.set(key, value).await
    }
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        self.store.swap(key, current, next).await
    }
    counts_and_elects_as_its_store!();
}

#[test]
fn the_parts_of_a_long_page_are_read_at_the_same_time_and_no_more_of_them_than_it_takes() {
    for (limit, before, parts) in [(200, None, 24), (200, Some(205), 25), (9, Some(25), 2), (1, Some(9), 1)] {
        let store = Counting::default();
        deposit(&store.store, 210);
        let stretch = block_on(entries(&store, &user(), before, limit)).unwrap();
        assert_eq!(stretch.entries.len(), limit);
        assert_eq!(store.at_once.get(), parts, "{limit} before {before:?}");
    }
}

#[test]
fn a_cursor_keeps_its_place_while_entries_arrive() {
    let store = Memory::new();
    deposit(&store, 30);
    let all: Vec<u64> = (1..=30).rev().collect();
    assert_eq!(walk(&store, 4, || deposit(&store, 3)), all);
}

#[test]
fn a_page_that_is_corrupt_or_gone_is_named_and_nothing_is_built_on_it() {
    let key = keys::page("ann", 0);
    for value in [&b""[..], b"{}", b"\xff", br#"{"v":1}"#] {
        let store = Memory::new();
        deposit(&store, 30);
        block_on(store.set(&key, value)).unwrap();
        let old = [
            block_on(at(&store, &user(), 3)).map(drop),
            block_on(entries(&store, &user(), None, 200)).map(drop),
        ];
        for error in old.map(Result::unwrap_err) {
            assert!(error.to_string().starts_with("bank:{ann}:page:0: "), "{error}");
        }
        assert_eq!(block_on(current(&store, &user())).unwrap().seq, 30);
        assert_eq!(block_on(at(&store, &user(), 9)).unwrap().unwrap().seq, 9);
        assert_eq!(block_on(store.get(&key)), Ok(Some(value.to_vec())));
    }
}

#[test]
fn every_past_balance_can_be_asked_for() {
    let store = Memory::new();
    deposit(&store, 30);
    for seq in 0..=30 {
        let mark = block_on(at(&store, &user(), seq)).unwrap().unwrap();
        assert_eq!((mark.seq, mark.balance.to_string()), (seq, format!("{seq}.00")));
    }
    assert_eq!(block_on(at(&store, &user(), 31)), Ok(None));
}
