//! Stored documents: what is written is read back; what anyone else changed is corrupt.

use proptest::prelude::*;

use super::*;
use crate::operation::Kind;

fn operation(key: &str, kind: Kind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Keyed(key.parse().unwrap()),
        kind,
        amount: amount.parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

fn wallet() -> Wallet {
    let mut wallet = Wallet::new();
    wallet.decide(&operation("order-17", Kind::Deposit, "10.5"));
    wallet.decide(&operation("q\"\\", Kind::Withdrawal, "0.5"));
    wallet.decide(&operation("too-much", Kind::Withdrawal, "99"));
    let made = Operation { id: OperationId::Made("made".into()), ..operation("k", Kind::Deposit, "1") };
    wallet.decide(&made);
    wallet
}

fn page() -> Page {
    let mut wallet = Wallet::new();
    for n in 0..=15 {
        wallet.decide(&operation(&format!("k{n}"), Kind::Deposit, "1"));
    }
    wallet.seal().unwrap().page.unwrap()
}

#[test]
fn a_wallet_reads_back_as_it_was_written() {
    for wallet in [Wallet::new(), wallet()] {
        assert_eq!(Wallet::decode(&wallet.encode()).unwrap(), wallet);
    }
}

#[test]
fn a_page_reads_back_under_its_own_number_only() {
    let page = page();
    assert_eq!(Page::decode(0, &page.encode()).unwrap(), page);
    assert!(Page::decode(1, &page.encode()).is_err());
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
    wallet.decide(&operation("order-17", Kind::Deposit, "10.5"));
    wallet.decide(&operation("too-much", Kind::Withdrawal, "99"));
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
        // A refusal moves no money and is not in the chain: there a digit may differ and still be well formed.
        if let Ok(changed) = Wallet::decode(&bytes) {
            prop_assert_eq!(changed.head(), wallet.head());
            prop_assert!(changed.entries().eq(wallet.entries()));
        }
    }
}
