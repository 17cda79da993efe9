use super::{AMOUNT, KnownWallet, Verdict, balance_after};
use crate::bank::{Entry, Wallet};
use crate::chain;

/// Entries under these keys, after `before`, as the bank makes them.
fn after(before: &[Entry], keys: &[&str]) -> Vec<Entry> {
    let mut all = before.to_vec();
    for key in keys {
        let previous = all.last().map_or(chain::START.to_owned(), |entry| entry.hash.clone());
        let seq = all.len() as u64 + 1;
        let mut entry = Entry {
            seq,
            id: (*key).to_owned(),
            kind: "deposit".to_owned(),
            amount: AMOUNT.to_owned(),
            balance: balance_after(seq),
            at: format!("2026-11-28T22:00:{seq:02}.000Z"),
            hash: String::new(),
        };
        entry.hash = chain::hash(&previous, &entry);
        all.push(entry);
    }
    all.split_off(before.len())
}

fn wallet(entries: &[Entry]) -> Wallet {
    let seq = entries.len() as u64;
    let hash = entries.last().map_or(chain::START.to_owned(), |entry| entry.hash.clone());
    Wallet { user: "ann".to_owned(), balance: balance_after(seq), seq, hash }
}

/// A known in which these entries were acknowledged and found.
fn found(entries: &[Entry]) -> KnownWallet {
    let mut known = told(entries);
    assert_eq!(known.judge(&wallet(entries), entries), there(entries.len() as u64));
    known
}

fn told(entries: &[Entry]) -> KnownWallet {
    let mut known = KnownWallet::default();
    entries.iter().cloned().for_each(|entry| known.acknowledge(entry));
    known
}

fn there(there: u64) -> Verdict {
    Verdict { there, ..Verdict::default() }
}

#[test]
fn an_acknowledged_deposit_that_is_there_once_is_found() {
    let first = after(&[], &["a", "b"]);
    let mut known = found(&first);
    assert!(known.knows(&first[1]));
    assert_eq!(known.judge(&wallet(&first), &[]), there(0));
    let second = after(&first, &["c"]);
    assert!(!known.knows(&second[0]));
    known.acknowledge(second[0].clone());
    assert_eq!(known.judge(&wallet(&[first, second.clone()].concat()), &second), there(1));
}

#[test]
fn an_acknowledged_deposit_that_is_not_there_is_lost() {
    let entries = after(&[], &["a", "b", "c"]);
    let without_b = after(&[], &["a", "c"]);
    let verdict = told(&entries).judge(&wallet(&without_b), &without_b);
    assert_eq!((verdict.there, verdict.lost), (1, 2), "c is there, but not as it was acknowledged");
    let verdict = told(&entries).judge(&wallet(&entries[..2]), &entries[..2]);
    assert_eq!(verdict, Verdict { there: 2, lost: 1, ..Verdict::default() });
}

#[test]
fn a_wallet_that_is_gone_or_rolled_back_is_lost_once() {
    let entries = after(&[], &["a", "b", "c"]);
    let mut known = found(&entries);
    assert_eq!(known.judge(&wallet(&[]), &[]), Verdict { lost: 3, ..Verdict::default() });
    assert_eq!(known.judge(&wallet(&[]), &[]), there(0), "it is counted once");
    let mut known = found(&entries);
    let verdict = known.judge(&wallet(&entries[..1]), &[]);
    assert_eq!(verdict, Verdict { lost: 2, ..Verdict::default() });
    let mut known = found(&entries);
    let anew = after(&[], &["d"]);
    known.acknowledge(anew[0].clone());
    assert_eq!(known.judge(&wallet(&anew), &anew), Verdict { there: 1, lost: 3, ..Verdict::default() });
}

#[test]
fn an_entry_too_many_is_doubled() {
    let entries = after(&[], &["a", "a"]);
    let verdict = told(&entries[..1]).judge(&wallet(&entries), &entries);
    assert_eq!(verdict, Verdict { there: 1, doubled: 1, ..Verdict::default() });
    let verdict = KnownWallet::default().judge(&wallet(&entries[..1]), &entries[..1]);
    assert_eq!(verdict, Verdict { doubled: 1, ..Verdict::default() });
}

#[test]
fn hashes_that_do_not_chain_and_balances_that_do_not_add_up_are_broken() {
    let entries = after(&[], &["a", "b"]);
    let right = wallet(&entries);
    let mut forged = entries.clone();
    forged[1].hash.replace_range(..2, "zz");
    for (wallet, entries) in [
        (Wallet { hash: forged[1].hash.clone(), ..right.clone() }, &forged),
        (Wallet { balance: "3.00".to_owned(), ..right.clone() }, &entries),
        (Wallet { seq: 3, ..right.clone() }, &entries),
        (Wallet { hash: entries[0].hash.clone(), ..right.clone() }, &entries),
    ] {
        assert!(told(entries).judge(&wallet, entries).broken, "{wallet:?}");
    }
}
