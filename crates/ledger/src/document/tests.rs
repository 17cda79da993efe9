//! Stored documents: they are read back as they were written; if anything else changes them, they are corrupt.

use proptest::prelude::*;

use super::*;
use crate::operation::{Operation, OperationId};
use crate::outcome::Decision;

mod hostile;

fn operation(key: &str, kind: OperationKind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Keyed(key.parse().unwrap()),
        kind,
        amount: amount.parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

fn wallet() -> Wallet {
    let mut wallet = Wallet::new();
    wallet.decide(&operation("order-17", OperationKind::Deposit, "10.5"));
    wallet.decide(&operation("q\"\\", OperationKind::Withdrawal, "0.5"));
    wallet.decide(&operation("too-much", OperationKind::Withdrawal, "99"));
    let made =
        Operation { id: OperationId::Made("made".into()), ..operation("k", OperationKind::Deposit, "1") };
    wallet.decide(&made);
    wallet
}

fn page() -> Page {
    let mut wallet = Wallet::new();
    for n in 0..=15 {
        wallet.decide(&operation(&format!("k{n}"), OperationKind::Deposit, "1"));
    }
    wallet.seal().unwrap().page.unwrap()
}

/// Openers know a wallet that nobody has written into by its bytes. Whoever changes them has to recognize these
/// too, and every form since: a version before may have left one behind.
#[test]
fn what_an_empty_wallet_looks_like_never_changes() {
    let zeros = "0".repeat(64);
    let start = format!(r#"{{"seq":0,"balance":"0.00","hash":"{zeros}"}}"#);
    let form = format!(r#"{{"v":1,"base":{start},"end":{start},"log":[]}}"#);
    assert_eq!(String::from_utf8(Wallet::new().encode()).unwrap(), form);
    assert_eq!(Wallet::decode(form.as_bytes()), Ok(Wallet::new()));
}

#[test]
fn a_wallet_reads_back_as_it_was_written() {
    for wallet in [Wallet::new(), wallet()] {
        assert_eq!(Wallet::decode(&wallet.encode()).unwrap(), wallet);
        assert_eq!(Wallet::decode_head(&wallet.encode()).as_ref(), Ok(wallet.head()));
    }
    assert_eq!(Wallet::empty(), Wallet::new().encode());
}

#[test]
fn a_page_reads_back_under_its_own_number_only() {
    let page = page();
    assert_eq!(Page::decode(0, &page.encode()).unwrap(), page);
    assert!(Page::decode(1, &page.encode()).is_err());
}

#[test]
fn a_wallet_whose_keys_have_left_remembers_how_many() {
    let mut wallet = Wallet::new();
    for n in 0..11 {
        wallet.decide(&operation(&format!("k{n}"), OperationKind::Deposit, "1"));
    }
    wallet.seal().unwrap();
    let read = Wallet::decode(&wallet.encode()).unwrap();
    assert_eq!((read.indexed(), &read), (8, &wallet));
}

#[test]
fn a_log_that_does_not_begin_where_a_page_ends_is_corrupt() {
    for (seq, sound) in [(0, true), (1, false), (7, false), (8, true), (9, false), (16, true)] {
        let base = Mark { seq, ..Mark::START };
        assert_eq!(Wallet::restore(base, Vec::new(), 0).is_ok(), sound, "{seq}");
    }
}

/// The stored form of a stretch of entries from `base` on, as a page or wallet would have it.
fn stretch(base: u64, log: &[Operation]) -> Vec<u8> {
    let base = Mark { seq: base, ..Mark::START };
    let mut wallet = Wallet::new();
    let mut head = base;
    let outcomes = log.iter().map(|operation| match head.post(operation) {
        Ok(entry) => {
            head = entry.mark();
            Outcome::Posted(entry)
        }
        Err(_) => {
            let Decision::New(refused) = wallet.decide(operation) else { panic!("it is known") };
            refused
        }
    });
    let log: Vec<Outcome> = outcomes.collect();
    let log = log.iter().map(record).collect();
    write(&ChainDocument { v: VERSION, base: mark(&base), end: mark(&head), indexed: 0, log })
}

#[test]
fn a_page_is_eight_entries_from_the_first_of_a_page() {
    let deposits = |count: usize| -> Vec<Operation> {
        (0..count).map(|n| operation(&format!("k{n}"), OperationKind::Deposit, "1")).collect()
    };
    let refused = || operation("too-much", OperationKind::Withdrawal, "99");
    let after = |mut log: Vec<Operation>| {
        log.push(refused());
        log
    };
    for (what, number, base, log, sound) in [
        ("the first page", 0, 0, deposits(8), true),
        ("the second page", 1, 8, deposits(8), true),
        ("an entry is missing", 0, 0, deposits(7), false),
        ("an entry too many", 1, 0, deposits(9), false),
        ("it begins in the middle", 1, 4, deposits(8), false),
        ("a refusal too many", 0, 0, after(deposits(8)), false),
        ("a refusal for an entry", 0, 0, after(deposits(7)), false),
        ("another number", 1, 0, deposits(8), false),
    ] {
        assert_eq!(Page::decode(number, &stretch(base, &log)).is_ok(), sound, "{what}");
    }
}

#[test]
fn every_outcome_reads_back_as_it_was_written() {
    for outcome in wallet().log() {
        assert_eq!(&Outcome::decode(&outcome.encode()).unwrap(), outcome);
    }
}

#[test]
fn the_stored_form_of_a_wallet_is_pinned() {
    let mut wallet = Wallet::new();
    wallet.decide(&operation("order-17", OperationKind::Deposit, "10.5"));
    wallet.decide(&operation("too-much", OperationKind::Withdrawal, "99"));
    let zeros = "0".repeat(64);
    let hash = wallet.head().hash;
    let expected = format!(
        concat!(
            r#"{{"v":1,"base":{{"seq":0,"balance":"0.00","hash":"{zeros}"}},"#,
            r#""end":{{"seq":1,"balance":"10.50","hash":"{hash}"}},"#,
            r#""log":[{{"id":"order-17","kind":"deposit","amount":"10.50","at":"2026-11-20T18:00:00.123Z"}},"#,
            r#"{{"id":"too-much","kind":"withdrawal","amount":"99.00","refused":"insufficient-funds","balance":"10.50"}}]}}"#
        ),
        zeros = zeros,
        hash = hash
    );
    assert_eq!(String::from_utf8(wallet.encode()).unwrap(), expected);
}

#[test]
fn a_changed_wallet_is_corrupt() {
    let text = String::from_utf8(wallet().encode()).unwrap();
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""balance":"11.00""#, r#""balance":"12.00""#),
        (r#""amount":"10.50""#, r#""amount":"10.51""#),
        (r#""amount":"10.50""#, r#""amount":"10.5e0""#),
        (r#""kind":"deposit""#, r#""kind":"gift""#),
        (r#""id":"order-17""#, r#""id":"order-18""#),
        (r#""id":"order-17""#, r#""id":"order 17""#),
        (r#""seq":0"#, r#""seq":8"#),
        (r#""seq":0"#, r#""seq":1"#),
        (r#""refused":"insufficient-funds""#, r#""refused":"why-not""#),
        (r#""log":["#, r#""gift":1,"log":["#),
        ("2026-11-20T18:00:00.123Z", "2026-11-20T18:00:00.124Z"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert!(Wallet::decode(changed.as_bytes()).is_err(), "{from} -> {to}");
        assert!(Wallet::decode_head(changed.as_bytes()).is_err(), "{from} -> {to}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange_to_be_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Wallet::decode(&bytes).is_err());
        prop_assert!(Page::decode(0, &bytes).is_err());
        prop_assert!(Outcome::decode(&bytes).is_err());
    }

    #[test]
    fn no_single_changed_byte_of_a_wallet_goes_unseen(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let wallet = wallet();
        let mut bytes = wallet.encode();
        let index = position.index(bytes.len());
        prop_assume!(bytes[index] != byte);
        bytes[index] = byte;
        let head = Wallet::decode(&bytes).map(|changed| *changed.head());
        prop_assert_eq!(Wallet::decode_head(&bytes), head);
        // A refusal moves no money and is not in the chain: there a digit may differ and still be well formed.
        if let Ok(changed) = Wallet::decode(&bytes) {
            prop_assert_eq!(changed.head(), wallet.head());
            prop_assert!(changed.entries().eq(wallet.entries()));
        }
    }
}
