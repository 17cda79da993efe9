//! Operations on stores that tell the truth, and on one that never says whether a swap committed.

use std::cell::Cell;

use futures::executor::block_on;
use ledger::{OperationId, OperationKind, Outcome, Refusal};
use store::memory::Memory;
use store::{Document, Swap, keys};

use super::*;
use crate::history;

fn user() -> User {
    "ann".parse().unwrap()
}

fn operation(id: OperationId, kind: OperationKind, amount: &str) -> Operation {
    Operation { id, kind, amount: amount.parse().unwrap(), at: "2026-11-20T18:00:00.123Z".parse().unwrap() }
}

fn keyed(key: &str, kind: OperationKind, amount: &str) -> Operation {
    operation(OperationId::Keyed(key.parse().unwrap()), kind, amount)
}

fn made(id: &str, kind: OperationKind, amount: &str) -> Operation {
    operation(OperationId::Made(id.to_owned()), kind, amount)
}

fn balance(store: &impl Store) -> String {
    block_on(history::current(store, &user())).unwrap().balance.to_string()
}

fn carry(store: &impl Store, operation: &Operation) -> Result<OperationAnswer, Error> {
    block_on(carry_out(store, &user(), operation))
}

/// A store on which every swap answers `Unknown`, and on which a crowd comes right after the first.
struct Silent<'a> {
    store: &'a Memory,
    crowd: Cell<u32>,
}

impl Store for Silent<'_> {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        self.store.get(key).await
    }
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        self.store.set(key, value).await
    }
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        self.store.swap(key, current, next).await?;
        for n in 0..self.crowd.take() {
            carry_out(self.store, &user(), &keyed(&format!("crowd{n}"), OperationKind::Deposit, "1"))
                .await
                .unwrap();
        }
        Ok(Swap::Unknown)
    }
    counts_and_elects_as_its_store!();
}

#[test]
fn a_deposit_and_a_withdrawal_move_money() {
    let store = Memory::new();
    carry(&store, &made("a", OperationKind::Deposit, "10")).unwrap();
    let answer = carry(&store, &made("b", OperationKind::Withdrawal, "2.5")).unwrap();
    assert_eq!(answer.outcome.entry().unwrap().seq, 2);
    assert_eq!(balance(&store), "7.50");
}

#[test]
fn a_refusal_without_a_key_writes_nothing() {
    let store = Memory::new();
    let answer = carry(&store, &made("a", OperationKind::Withdrawal, "1")).unwrap();
    let Outcome::Refused(refused) = answer.outcome else { panic!() };
    assert_eq!(refused.refusal, Refusal::InsufficientFunds);
    assert_eq!(block_on(store.get(&keys::wallet("ann").plain())), Ok(None));
}

#[test]
fn a_retry_under_a_key_is_a_replay_however_old_the_first_request_is() {
    let store = Memory::new();
    let posted = keyed("posted", OperationKind::Deposit, "10");
    let refused = keyed("refused", OperationKind::Withdrawal, "11");
    let first = [carry(&store, &posted).unwrap(), carry(&store, &refused).unwrap()];
    for n in 0..50 {
        let again = [carry(&store, &posted).unwrap(), carry(&store, &refused).unwrap()];
        for (again, first) in again.iter().zip(&first) {
            assert_eq!(again.outcome, first.outcome);
            assert!(again.replayed && !first.replayed);
        }
        carry(&store, &keyed(&format!("k{n}"), OperationKind::Deposit, "1")).unwrap();
    }
    assert_eq!(balance(&store), "60.00");
}

#[test]
fn another_request_under_a_sealed_key_is_key_reuse() {
    let store = Memory::new();
    for n in 0..30 {
        carry(&store, &keyed(&format!("k{n}"), OperationKind::Deposit, "1")).unwrap();
    }
    for n in 0..30 {
        assert_eq!(
            carry(&store, &keyed(&format!("k{n}"), OperationKind::Deposit, "2")),
            Err(Error::KeyReuse)
        );
    }
    assert_eq!(balance(&store), "30.00");
}

#[test]
fn a_committed_operation_counts_once_when_no_swap_ever_says_so() {
    let store = Memory::new();
    for n in 0..40 {
        let silent = Silent { store: &store, crowd: Cell::new(0) };
        let operation = if n % 2 == 0 {
            made(&format!("m{n}"), OperationKind::Deposit, "1")
        } else {
            keyed(&format!("k{n}"), OperationKind::Deposit, "1")
        };
        assert!(!carry(&silent, &operation).unwrap().replayed);
    }
    assert_eq!(balance(&store), "40.00");
}

#[test]
fn an_operation_that_was_sealed_before_its_request_looked_again_counts_once() {
    for operation in [made("mine", OperationKind::Deposit, "1"), keyed("mine", OperationKind::Deposit, "1")] {
        let store = Memory::new();
        carry(&store, &made("first", OperationKind::Deposit, "1")).unwrap();
        let silent = Silent { store: &store, crowd: Cell::new(30) };
        assert_eq!(carry(&silent, &operation).unwrap().outcome.entry().unwrap().seq, 2);
        assert_eq!(balance(&store), "32.00");
    }
}

#[test]
fn a_corrupt_index_is_named_and_nothing_is_paid() {
    let store = Memory::new();
    for n in 0..30 {
        carry(&store, &keyed(&format!("k{n}"), OperationKind::Deposit, "1")).unwrap();
    }
    let key = keys::operation("ann", "k0");
    block_on(store.set(&key, b"{}")).unwrap();
    for amount in ["1", "2"] {
        let error = carry(&store, &keyed("k0", OperationKind::Deposit, amount)).unwrap_err();
        assert!(error.to_string().starts_with("bank:{ann}:operation:k0: "), "{error}");
    }
    assert_eq!(balance(&store), "30.00");
    assert_eq!(block_on(store.get(&key)), Ok(Some(b"{}".to_vec())));
}

#[test]
fn a_corrupt_wallet_is_named_and_left_alone() {
    let store = Memory::new();
    let key = keys::wallet("ann").plain();
    block_on(store.set(&key, b"{}")).unwrap();
    let error = carry(&store, &made("a", OperationKind::Deposit, "1")).unwrap_err();
    assert!(error.to_string().starts_with("bank:{ann}:wallet: "), "{error}");
    assert_eq!(block_on(store.get(&key)), Ok(Some(b"{}".to_vec())));
}

/// Carries out `operation` on a store that goes together, beginning with what was `seen`.
fn carry_from(store: &Memory, seen: &mut LastKnown, operation: &Operation) -> OperationAnswer {
    let mut answers =
        block_on(carry_out_all(store, &user(), &[Job::new(operation.clone())], seen)).into_iter();
    answers.next().unwrap().unwrap()
}

#[test]
fn nothing_is_refused_on_a_wallet_that_is_old_by_now() {
    for withdrawal in [made("m", OperationKind::Withdrawal, "5"), keyed("k", OperationKind::Withdrawal, "5")]
    {
        let (store, mut seen) = (Memory::with_shared_round_trips(), LastKnown::default());
        carry_from(&store, &mut seen, &made("a", OperationKind::Deposit, "1"));
        assert!(seen.wallet.is_some());
        carry(&store, &made("b", OperationKind::Deposit, "10")).unwrap();
        let answer = carry_from(&store, &mut seen, &withdrawal);
        assert!(matches!(answer.outcome, Outcome::Posted(_)), "{answer:?}");
        assert_eq!(balance(&store), "6.00");
        assert_eq!(seen.wallet.map(|known| known.found.value), block_on(first(&store)));
    }
}

#[test]
fn nothing_is_replayed_that_the_store_no_longer_has() {
    for other in [keyed("k", OperationKind::Deposit, "5"), keyed("k", OperationKind::Deposit, "6")] {
        let (store, mut seen) = (Memory::with_shared_round_trips(), LastKnown::default());
        carry_from(&store, &mut seen, &made("a", OperationKind::Deposit, "1"));
        let before = block_on(first(&store)).unwrap();
        carry_from(&store, &mut seen, &keyed("k", OperationKind::Deposit, "5"));
        block_on(store.set(&keys::wallet("ann").plain(), &before)).unwrap();
        let answer = carry_from(&store, &mut seen, &other);
        assert_eq!((answer.replayed, answer.outcome.entry().unwrap().seq), (false, 2));
    }
}

#[test]
fn a_wallet_that_is_known_and_gone_is_opened_anew() {
    let (store, mut seen) = (Memory::with_shared_round_trips(), LastKnown::default());
    carry_from(&store, &mut seen, &made("a", OperationKind::Deposit, "1"));
    let empty = Memory::with_shared_round_trips();
    assert_eq!(
        carry_from(&empty, &mut seen, &made("b", OperationKind::Deposit, "2")).outcome.entry().unwrap().seq,
        1
    );
    assert_eq!(balance(&empty), "2.00");
}

#[test]
fn an_empty_wallet_that_a_failover_has_left_is_nobodys_also_for_who_knows_what_was_in_it() {
    for is_handed_on in [true, false] {
        let (store, mut seen) = (Memory::with_shared_round_trips(), LastKnown::default());
        carry_from(&store, &mut seen, &made("a", OperationKind::Deposit, "1"));
        // The replica had the first opener's ticket and its empty wallet, and no election yet.
        let replica = Memory::with_shared_round_trips();
        let opening = keys::wallet(user().as_str());
        block_on(replica.increment(&opening.tickets(), 1)).unwrap();
        block_on(replica.set(&opening.plain(), &ledger::Wallet::new().encode())).unwrap();
        carry(&replica, &made("b", OperationKind::Deposit, "100")).unwrap();
        seen.is_handed_on = is_handed_on;
        let answer = carry_from(&replica, &mut seen, &made("c", OperationKind::Deposit, "10"));
        assert_eq!(answer.outcome.entry().unwrap().seq, 2);
        assert_eq!(balance(&replica), "110.00");
    }
}

/// A store that goes together, and notes how often a request steps aside.
#[derive(Default)]
struct Patient {
    store: Memory,
    aside: Cell<u32>,
}

impl Store for Patient {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        self.store.get(key).await
    }
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        self.store.set(key, value).await
    }
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        self.store.swap(key, current, next).await
    }
    fn shares_round_trips(&self) -> bool {
        true
    }
    async fn step_aside(&self, _: u32) -> bool {
        self.aside.set(self.aside.get() + 1);
        false
    }
    counts_and_elects_as_its_store!();
}

#[test]
fn who_loses_to_a_write_of_long_ago_steps_aside_for_nobody() {
    for (is_handed_on, aside) in [(true, 1), (false, 0)] {
        let (store, mut seen) = (Patient::default(), LastKnown::default());
        let carry_on = |id: &str, seen: &mut LastKnown| {
            let job = Job::new(made(id, OperationKind::Deposit, "1"));
            block_on(carry_out_all(&store, &user(), &[job], seen)).remove(0).unwrap()
        };
        carry_on("a", &mut seen);
        carry(&store, &made("b", OperationKind::Deposit, "1")).unwrap();
        seen.is_handed_on = is_handed_on;
        assert_eq!(carry_on("c", &mut seen).outcome.entry().unwrap().seq, 3);
        assert_eq!(store.aside.get(), aside);
    }
}

async fn first(store: &Memory) -> Option<Vec<u8>> {
    store.get(&keys::wallet("ann").plain()).await.unwrap()
}

#[test]
fn a_key_that_left_the_wallet_is_a_replay_also_for_who_has_not_looked_into_the_index() {
    let (store, mut seen) = (Memory::with_shared_round_trips(), LastKnown::default());
    let deposit = |n: u32| keyed(&format!("k{n}"), OperationKind::Deposit, "1");
    let answers: Vec<OperationAnswer> = (0..30).map(|n| carry_from(&store, &mut seen, &deposit(n))).collect();
    for (n, first) in (0..30).zip(answers) {
        let again = carry_from(&store, &mut seen, &deposit(n));
        assert_eq!(again, OperationAnswer { replayed: true, ..first });
    }
    assert_eq!(balance(&store), "30.00");
}

/// The only form that there ever was; see `ledger`.
#[test]
fn an_empty_wallet_that_a_dead_opener_left_is_nobodys() {
    let zeros = "0".repeat(64);
    let start = format!(r#"{{"seq":0,"balance":"0.00","hash":"{zeros}"}}"#);
    let form = format!(r#"{{"v":1,"base":{start},"end":{start},"log":[]}}"#);
    for store in [Memory::new(), Memory::with_shared_round_trips()] {
        let opening = keys::wallet(user().as_str());
        block_on(store.increment(&opening.tickets(), 1)).unwrap();
        block_on(store.set(&opening.plain(), form.as_bytes())).unwrap();
        assert!(carry(&store, &keyed("a", OperationKind::Deposit, "1")).is_ok());
        assert_eq!(balance(&store), "1.00");
        assert_eq!(block_on(store.elected(&opening.election())), Ok(Some(2)));
        assert_eq!(block_on(store.get(&opening.plain())), Ok(Some(form.clone().into_bytes())));
    }
}
