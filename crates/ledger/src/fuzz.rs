//! Fuzz targets: a store or a caller may give any bytes. Nothing panics, and what is accepted reads the same after
//! it was written again. Each target is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use crate::seal::PAGE_ENTRIES;
use crate::{
    Amount, Balance, Hash, IdempotencyKey, Operation, OperationId, OperationKind, Outcome, Page, Post,
};
use crate::{Tally, Timestamp, User, Wallet};

corpus::targets! {
    wallets: wallet,
    pages: page,
    outcomes: outcome,
    tallies: tally,
    texts: text,
}

fn wallet(bytes: &[u8]) {
    let read = Wallet::decode(bytes);
    assert_eq!(Wallet::decode_head(bytes), read.as_ref().map(|read| *read.head()).map_err(|why| *why));
    let Ok(read) = read else { return };
    assert_eq!(Wallet::decode(&read.encode()).as_ref(), Ok(&read));
    let entries = u64::try_from(read.entries().count()).unwrap();
    assert_eq!(read.base().seq + entries, read.head().seq);
    goes_on(read);
}

/// Seals it and moves money, as happens to every wallet that is read.
fn goes_on(mut wallet: Wallet) {
    let before = *wallet.head();
    if let Some(seal) = wallet.seal() {
        for outcome in &seal.outcomes {
            assert_eq!(Outcome::decode(&outcome.encode()).as_ref(), Ok(outcome));
        }
        if let Some(page) = seal.page {
            assert_eq!(page.end(), wallet.base());
            assert_eq!(Page::decode(page.number(), &page.encode()), Ok(page));
        }
    }
    assert_eq!(wallet.head(), &before, "sealing moves no money");
    for kind in [OperationKind::Deposit, OperationKind::Withdrawal] {
        let _ = wallet.decide(&Operation {
            id: OperationId::Keyed(format!("fuzz-{}", kind.as_str()).parse().unwrap()),
            kind,
            amount: "0.00000001".parse().unwrap(),
            at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
        });
        assert_eq!(Wallet::decode(&wallet.encode()).as_ref(), Ok(&wallet));
    }
}

/// The first byte is the page's number.
fn page(bytes: &[u8]) {
    let Some((number, bytes)) = bytes.split_first() else { return };
    let number = u64::from(number.saturating_sub(b'0'));
    let Ok(read) = Page::decode(number, bytes) else { return };
    assert_eq!((read.number(), read.entries().count()), (number, PAGE_ENTRIES));
    assert!(Page::decode(number + 1, bytes).is_err(), "it is no other page");
    assert_eq!(Page::decode(number, &read.encode()), Ok(read));
}

fn outcome(bytes: &[u8]) {
    let Ok(read) = Outcome::decode(bytes) else { return };
    assert_eq!(Outcome::decode(&read.encode()), Ok(read));
}

fn tally(bytes: &[u8]) {
    if let Ok(read) = Post::decode(bytes) {
        assert_eq!(Post::decode(&read.encode()), Ok(read));
    }
    let Ok(read) = Tally::decode(bytes) else { return };
    assert_eq!(Tally::decode(&read.encode()).as_ref(), Ok(&read));
    let key: IdempotencyKey = "fuzz".parse().unwrap();
    if let Some(draft) = read.draft(key.clone(), 1, "request".to_owned()) {
        let total = draft.sum.to_string().into_bytes();
        let counted = Tally::decode(&[draft.head, total, draft.tail].concat()).unwrap();
        assert_eq!(counted.sum(), draft.sum);
        let refused = Tally::decode(&draft.refused).unwrap();
        assert_eq!(refused.sum(), read.sum());
    }
    let mut counted = read.clone();
    let post = counted.count(key, 1, "request".to_owned(), 0, i64::MAX);
    counted.seal();
    assert_eq!(counted.sum(), read.sum() + i64::from(post.total.is_some()));
    assert_eq!(Tally::decode(&counted.encode()), Ok(counted));
}

fn text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(amount) = text.parse::<Amount>() {
        let shown = amount.to_string();
        assert_eq!(shown.parse(), Ok(amount));
        assert!(is_shown(&shown), "{shown}");
        let full = Balance::ZERO.credit(amount).unwrap();
        assert_eq!((full.to_string(), full.debit(amount)), (shown, Some(Balance::ZERO)));
    }
    if let Ok(balance) = text.parse::<Balance>() {
        assert!(is_shown(&balance.to_string()), "{balance}");
        assert_eq!(balance.to_string().parse(), Ok(balance));
    }
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string(), text);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.as_str(), text);
    }
    if let Ok(user) = text.parse::<User>() {
        assert_eq!(user.as_str(), text);
    }
    if let Ok(key) = text.parse::<IdempotencyKey>() {
        assert_eq!(key.as_str(), text);
    }
    if let Ok(kind) = text.parse::<OperationKind>() {
        assert_eq!(kind.as_str(), text);
    }
}

/// A sum has only one form: at least two places, no further zeros, no leading zeros.
fn is_shown(sum: &str) -> bool {
    let (integer, places) = sum.split_once('.').unwrap();
    let one_form = places.len() == 2 || !places.ends_with('0');
    (2..=8).contains(&places.len()) && one_form && (integer == "0" || !integer.starts_with('0'))
}
