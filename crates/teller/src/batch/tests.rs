//! Many requests on one wallet in one instance.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use batch::RemainingWork;
use futures::executor::block_on;
use futures::future::{join, join_all};
use ledger::{OperationId, OperationKind};
use store::memory::Memory;
use store::{Document, Swap};

use super::*;
use crate::history;
use crate::operation::carry_out;

fn user() -> User {
    "ann".parse().unwrap()
}

fn operation(id: &str, kind: OperationKind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Made(id.to_owned()),
        kind,
        amount: amount.parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

/// A store that lets others run before each call, and counts the swaps. A request's time is over when the
/// clock shows its deadline.
#[derive(Default, Clone)]
struct Slow {
    store: Memory,
    swaps: Rc<Cell<u32>>,
    clock: Rc<Cell<Duration>>,
    deadline: Duration,
    carried: Rc<Cell<Option<RemainingWork>>>,
}

impl Slow {
    /// The store for a request that has until then.
    fn for_one_until(&self, deadline_ms: u64) -> Self {
        self.until(Duration::from_millis(deadline_ms))
    }

    fn clock_shows(&self, ms: u64) {
        self.clock.set(Duration::from_millis(ms));
    }
}

impl TimedRequest for Slow {
    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn until(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.clock.get() > self.deadline {
                return Poll::Ready(None);
            }
            call.as_mut().poll(context).map(Some)
        })
        .await
    }

    fn spawn(&self, rest: RemainingWork) {
        self.carried.set(Some(rest));
    }
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
    counts_and_elects_as_its_store!();
}

#[test]
fn what_comes_together_is_committed_together_each_with_its_own_answer() {
    let (store, wallets, user) = (Slow::default(), WalletBatches::new(), user());
    let answers = block_on(join_all((0..16).map(|n| {
        let operation = operation(&format!("m{n}"), OperationKind::Deposit, "1");
        wallets.carry_out(&store, &user, operation)
    })));
    let seqs: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap().outcome.entry().unwrap().seq).collect();
    assert_eq!(seqs, (1..=16).collect::<Vec<_>>());
    assert_eq!(store.swaps.get(), 1);
}

#[test]
fn money_that_came_in_the_same_batch_can_go_out_and_no_more() {
    let (store, wallets, user) = (Slow::default(), WalletBatches::new(), user());
    let answers = block_on(join_all((0..12).map(|n| {
        let kind = if n < 4 { OperationKind::Deposit } else { OperationKind::Withdrawal };
        wallets.carry_out(&store, &user, operation(&format!("m{n}"), kind, "1"))
    })));
    let posted = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome.entry().is_some()).count();
    assert_eq!(posted, 8);
    assert_eq!(block_on(history::current(&store, &user)).unwrap().balance.to_string(), "0.00");
}

#[test]
fn who_comes_while_a_swap_is_lost_to_another_instance_is_in_the_next_one() {
    let (slow, wallets, user) = (Slow::default(), WalletBatches::new(), user());
    let deposit = |id: &str| operation(id, OperationKind::Deposit, "1");
    block_on(wallets.carry_out(&slow, &user, deposit("m0"))).unwrap();
    slow.swaps.set(0);
    let mut first = Box::pin(wallets.carry_out(&slow, &user, deposit("m1")));
    let polled = |n: u32, first: &mut _| {
        block_on(carry_out(&slow.store, &user, &deposit(&format!("elsewhere-{n}")))).unwrap();
        assert!(poll(first).is_pending());
    };
    // It has read the wallet, and its swap is on its way.
    (0..3).for_each(|n| polled(n, &mut first));
    let mut behind = ["m2", "m3", "m4"].map(|id| Box::pin(wallets.carry_out(&slow, &user, deposit(id))));
    behind.iter_mut().for_each(|request| assert!(poll(request).is_pending()));
    polled(3, &mut first);
    assert_eq!(slow.swaps.get(), 1);
    let (first, behind) = block_on(join(first, join_all(behind)));
    let seqs =
        [vec![first], behind].concat().into_iter().map(|answer| answer.unwrap().outcome.entry().unwrap().seq);
    assert!(seqs.is_sorted());
    assert_eq!(slow.swaps.get(), 2, "one that was lost, and one for all four");
}

fn poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Three deposits to one wallet, of which the first two have little time left. `polls` is how far they get
/// before that is over.
fn two_of_three_run_out_of_time(
    polls: u32,
) -> (Vec<Result<OperationAnswer, Error>>, OperationAnswer, String) {
    let (slow, wallets, user) = (Slow::default(), WalletBatches::new(), user());
    block_on(wallets.carry_out(&slow, &user, operation("m0", OperationKind::Deposit, "1"))).unwrap();
    let stores = [10, 10, 20].map(|deadline_ms| slow.for_one_until(deadline_ms));
    let mut requests: Vec<_> = stores
        .iter()
        .zip(1..)
        .map(|(store, n)| {
            Box::pin(wallets.carry_out(
                store,
                &user,
                operation(&format!("m{n}"), OperationKind::Deposit, "1"),
            ))
        })
        .collect();
    for _ in 0..polls {
        requests.iter_mut().for_each(|request| assert!(poll(request).is_pending()));
    }
    slow.clock_shows(11);
    let mut last = requests.pop().unwrap();
    let answer = |mut request| match poll(&mut request) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a request waits past its deadline"),
    };
    let answers = requests.into_iter().map(answer).collect();
    block_on(slow.carried.take().unwrap());
    let Poll::Ready(third) = poll(&mut last) else { panic!("the third has no answer") };
    let balance = block_on(history::current(&slow, &user)).unwrap().balance.to_string();
    (answers, third.unwrap(), balance)
}

#[test]
fn whose_time_is_over_before_the_swap_is_not_in_it_and_the_others_are() {
    let (answers, third, balance) = two_of_three_run_out_of_time(2);
    assert_eq!(answers, [Err(Unavailable::Untouched.into()), Err(Unavailable::Untouched.into())]);
    assert_eq!(third.outcome.entry().unwrap().seq, 2);
    assert_eq!(balance, "2.00");
}

#[test]
fn whose_time_is_over_after_the_swap_was_sent_does_not_know_and_the_others_do() {
    let (answers, third, balance) = two_of_three_run_out_of_time(3);
    assert_eq!(answers, [Err(Unavailable::Unknown.into()), Err(Unavailable::Unknown.into())]);
    assert_eq!(third.outcome.entry().unwrap().seq, 4);
    assert_eq!(balance, "4.00");
}
