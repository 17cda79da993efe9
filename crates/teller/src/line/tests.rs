//! Many requests at one wallet of one instance.

use std::cell::Cell;
use std::task::Poll;

use futures::executor::block_on;
use futures::future::join_all;
use ledger::{Kind, OperationId};
use store::memory::Memory;
use store::{Counter, Document, Election, NotIncremented, Swap};

use super::*;
use crate::history;

fn user() -> User {
    "ann".parse().unwrap()
}

fn operation(id: &str, kind: Kind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Made(id.to_owned()),
        kind,
        amount: amount.parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

/// A store that lets others run before each call, and counts the swaps.
#[derive(Default)]
struct Slow {
    store: Memory,
    swaps: Cell<u32>,
}

async fn let_others_run() {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Store for Slow {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        let_others_run().await;
        self.store.get(key).await
    }
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        let_others_run().await;
        self.store.set(key, value).await
    }
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        let_others_run().await;
        self.swaps.set(self.swaps.get() + 1);
        self.store.swap(key, current, next).await
    }
    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        self.store.count(key).await
    }
    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        self.store.increment(key, delta).await
    }
    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        self.store.increment_within(key, delta, bound).await
    }
    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        self.store.elected(key).await
    }
    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        self.store.elect(key, candidate).await
    }
}

#[test]
fn what_comes_together_is_committed_together_each_with_its_own_answer() {
    let (store, line, user) = (Slow::default(), Line::new(), user());
    let answers = block_on(join_all((0..16).map(|n| {
        let operation = operation(&format!("m{n}"), Kind::Deposit, "1");
        line.carry_out(&store, &user, operation)
    })));
    let seqs: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap().outcome.entry().unwrap().seq).collect();
    assert_eq!(seqs, (1..=16).collect::<Vec<_>>());
    assert_eq!(store.swaps.get(), 1);
}

#[test]
fn money_that_came_in_the_same_batch_can_go_out_and_no_more() {
    let (store, line, user) = (Slow::default(), Line::new(), user());
    let answers = block_on(join_all((0..12).map(|n| {
        let kind = if n < 4 { Kind::Deposit } else { Kind::Withdrawal };
        line.carry_out(&store, &user, operation(&format!("m{n}"), kind, "1"))
    })));
    let posted = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome.entry().is_some()).count();
    assert_eq!(posted, 8);
    assert_eq!(block_on(history::now(&store, &user)).unwrap().balance.to_string(), "0.00");
}
