//! A wallet under sequences of operations: what it remembers, what leaves it, and how large it gets.

use std::collections::BTreeMap;

use super::*;
use crate::timestamp::Timestamp;
use crate::{OperationKind, Refusal};

fn at() -> Timestamp {
    "2026-11-20T18:00:00.123Z".parse().unwrap()
}

fn keyed(key: &str, kind: OperationKind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Keyed(key.parse().unwrap()),
        kind,
        amount: amount.parse().unwrap(),
        at: at(),
    }
}

fn made(id: &str, kind: OperationKind, amount: &str) -> Operation {
    Operation { id: OperationId::Made(id.to_owned()), ..keyed("k", kind, amount) }
}

fn posted(decision: Decision) -> Entry {
    match decision {
        Decision::New(Outcome::Posted(entry)) => entry,
        other => panic!("not posted: {other:?}"),
    }
}

#[test]
fn deposits_and_withdrawals_move_the_balance_by_their_amount() {
    let mut wallet = Wallet::new();
    for (operation, seq, balance) in [
        (made("a", OperationKind::Deposit, "10"), 1, "10.00"),
        (made("b", OperationKind::Withdrawal, "2.5"), 2, "7.50"),
        (made("c", OperationKind::Deposit, "0.00000001"), 3, "7.50000001"),
    ] {
        let entry = posted(wallet.decide(&operation));
        assert_eq!((entry.seq, entry.balance.to_string().as_str()), (seq, balance));
    }
    assert_eq!(wallet.head().balance.to_string(), "7.50000001");
}

#[test]
fn an_overdraft_is_refused_and_leaves_no_trace_without_a_key() {
    let mut wallet = Wallet::new();
    wallet.decide(&made("a", OperationKind::Deposit, "5"));
    let before = wallet.clone();
    let decision = wallet.decide(&made("b", OperationKind::Withdrawal, "7.5"));
    let Decision::New(Outcome::Refused(refused)) = decision else { panic!("{decision:?}") };
    assert_eq!(refused.refusal, Refusal::InsufficientFunds);
    assert_eq!(refused.balance.to_string(), "5.00");
    assert_eq!(wallet, before);
}

#[test]
fn the_same_request_under_a_key_is_answered_as_the_first_time() {
    let mut wallet = Wallet::new();
    let first = posted(wallet.decide(&keyed("k", OperationKind::Deposit, "10")));
    wallet.decide(&made("x", OperationKind::Deposit, "1"));
    let again = keyed("k", OperationKind::Deposit, "10.00");
    assert_eq!(wallet.decide(&again), Decision::Known(Outcome::Posted(first)));
    assert_eq!(wallet.head().balance.to_string(), "11.00");
}

#[test]
fn a_refusal_under_a_key_stays_refused_when_the_money_is_there() {
    let mut wallet = Wallet::new();
    let withdrawal = keyed("k", OperationKind::Withdrawal, "5");
    let Decision::New(refused) = wallet.decide(&withdrawal) else { panic!() };
    wallet.decide(&made("x", OperationKind::Deposit, "100"));
    assert_eq!(wallet.decide(&withdrawal), Decision::Known(refused));
    assert_eq!(wallet.head().balance.to_string(), "100.00");
}

#[test]
fn another_request_under_a_used_key_is_key_reuse() {
    let mut wallet = Wallet::new();
    wallet.decide(&keyed("posted", OperationKind::Deposit, "10"));
    wallet.decide(&keyed("refused", OperationKind::Withdrawal, "11"));
    for other in [
        keyed("posted", OperationKind::Deposit, "10.01"),
        keyed("posted", OperationKind::Withdrawal, "10"),
        keyed("refused", OperationKind::Withdrawal, "10"),
        keyed("refused", OperationKind::Deposit, "11"),
    ] {
        assert_eq!(wallet.decide(&other), Decision::KeyReuse, "{other:?}");
    }
    assert_eq!(wallet.head().seq, 1);
}

#[test]
fn an_id_that_the_server_made_is_no_key() {
    let mut wallet = Wallet::new();
    wallet.decide(&made("same", OperationKind::Deposit, "10"));
    assert_eq!(posted(wallet.decide(&keyed("same", OperationKind::Deposit, "10"))).seq, 2);
}

#[test]
fn a_log_of_eleven_is_full_and_seals_its_oldest_page() {
    let mut wallet = Wallet::new();
    for n in 1..=11 {
        assert_eq!(wallet.seal(), None);
        wallet.decide(&keyed(&format!("k{n}"), OperationKind::Deposit, "1"));
    }
    let seal = wallet.seal().unwrap();
    let page = seal.page.unwrap();
    assert_eq!((page.number(), page.base().seq, page.end().seq), (0, 0, 8));
    let keys: Vec<_> = seal.outcomes.iter().map(|outcome| outcome.id().as_str()).collect();
    assert_eq!(keys, ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"]);
    assert_eq!((wallet.base().seq, wallet.entries().count(), wallet.indexed()), (8, 3, 8));
    assert_eq!(wallet.seal(), None);
}

#[test]
fn a_batch_has_as_much_room_as_leaves_the_value_under_8_kb() {
    let longest = |n| format!("{n:\"<255}");
    let short = |n| format!("{n:0<26}");
    for (name, fewest, most) in
        [(&longest as &dyn Fn(u32) -> String, 11, 11), (&short as &dyn Fn(u32) -> String, 30, 60)]
    {
        let mut wallet = Wallet::new();
        let mut taken = 0;
        while taken < 100 && wallet.has_room_for(&keyed(&name(taken), OperationKind::Deposit, "1").id) {
            wallet.decide(&keyed(&name(taken), OperationKind::Withdrawal, "999999999999999.99999999"));
            taken += 1;
        }
        assert!((fewest..=most).contains(&taken), "{taken}");
        assert!(wallet.encode().len() < 8192);
        let left = std::iter::from_fn(|| wallet.seal()).take(100).count();
        assert!(left > 0 && wallet.has_room_for(&keyed(&name(taken), OperationKind::Deposit, "1").id));
    }
}

#[test]
fn a_log_has_room_for_one_more_byte_and_not_for_two() {
    let id = |n, length: usize| OperationId::Keyed(format!("{n:0<length$}").parse().unwrap());
    let mut wallet = Wallet::new();
    // With what each takes beside its id, twenty ids of 230 characters fill the log.
    for n in 10..29 {
        wallet.decide(&Operation { id: id(n, 230), ..keyed("k", OperationKind::Deposit, "1") });
    }
    assert!(wallet.has_room_for(&id(29, 229)));
    assert!(!wallet.has_room_for(&id(29, 230)));
    let quotes = OperationId::Keyed("\"".repeat(115).parse().unwrap());
    assert!(!wallet.has_room_for(&quotes));
}

#[test]
fn refusals_that_crowd_the_log_leave_for_the_index() {
    let mut wallet = Wallet::new();
    wallet.decide(&keyed("in", OperationKind::Deposit, "1"));
    for n in 1..=11 {
        wallet.decide(&keyed(&format!("k{n}"), OperationKind::Withdrawal, "2"));
    }
    let seal = wallet.seal().unwrap();
    assert_eq!(seal.page, None);
    assert_eq!(seal.outcomes.len(), 11);
    assert_eq!((wallet.entries().count(), wallet.base().seq, wallet.indexed()), (1, 0, 11));
}

#[test]
fn operations_without_a_key_need_no_index() {
    let mut wallet = Wallet::new();
    for n in 1..=12 {
        wallet.decide(&made(&format!("m{n}"), OperationKind::Deposit, "1"));
    }
    assert_eq!(wallet.seal().unwrap().outcomes, []);
    assert_eq!(wallet.indexed(), 0);
}

#[test]
fn sealed_and_kept_entries_are_together_the_whole_history() {
    let mut wallet = Wallet::new();
    let mut pages = BTreeMap::new();
    for n in 1..=1000_u64 {
        let operation = match n % 3 {
            0 => keyed(&format!("k{n}"), OperationKind::Withdrawal, "0.5"),
            1 => keyed(&format!("k{n}"), OperationKind::Deposit, "1"),
            _ => keyed(&format!("k{n}"), OperationKind::Withdrawal, "100000"),
        };
        wallet.decide(&operation);
        if let Some(Seal { page: Some(page), .. }) = wallet.seal() {
            pages.insert(page.number(), page);
        }
    }
    let history: Vec<_> = pages.values().flat_map(Page::entries).chain(wallet.entries()).collect();
    let mut mark = Mark::START;
    for entry in &history {
        assert_eq!(entry.seq, mark.seq + 1);
        let again = Operation { id: entry.id.clone(), kind: entry.kind, amount: entry.amount, at: entry.at };
        assert_eq!(mark.post(&again).as_ref(), Ok(*entry));
        mark = entry.mark();
    }
    assert_eq!(&mark, wallet.head());
}

#[test]
fn the_wallet_value_stays_under_8_kb_with_the_longest_keys() {
    let mut wallet = Wallet::new();
    let mut largest = 0;
    for n in 0..100 {
        let key = format!("{n:\"<255}");
        let kind = if n % 4 == 3 { OperationKind::Withdrawal } else { OperationKind::Deposit };
        let amount = if n % 4 == 3 { "999999999999999.99999999" } else { "1000000000000.12345678" };
        wallet.decide(&keyed(&key, kind, amount));
        wallet.seal();
        largest = largest.max(wallet.encode().len());
    }
    assert!((4096..8192).contains(&largest), "{largest}");
}
