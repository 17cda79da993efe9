use futures::executor::block_on;
use ledger::{Operation, OperationId, OperationKind, Outcome, Wallet};
use store::memory::Memory;
use store::{Store as _, keys};
use teller::operation::carry_out;
use teller::tally::{KeyedPost, add, add_once};

use super::*;
use crate::item::items;
use crate::line::Tag;

fn user(name: &str) -> User {
    name.parse().unwrap()
}

fn operation(key: &str, kind: OperationKind, amount: &str) -> Operation {
    Operation {
        id: OperationId::Keyed(key.parse().unwrap()),
        kind,
        amount: amount.parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

/// A bank in which ann has 30 entries and 12 refusals under keys, bob none, and a counter 20 posts under keys.
fn bank() -> Memory {
    let store = Memory::new();
    for n in 1..=12 {
        let refused = operation(&format!("r{n}"), OperationKind::Withdrawal, "5");
        block_on(carry_out(&store, &user("ann"), &refused)).unwrap();
    }
    for n in 1..=30 {
        block_on(carry_out(&store, &user("ann"), &operation(&format!("k{n}"), OperationKind::Deposit, "1")))
            .unwrap();
    }
    for n in 1..=20 {
        let post = KeyedPost { key: format!("p{n}").parse().unwrap(), by: 2, request: format!("{n}") };
        block_on(add_once(&store, &keys::counter("visits"), &post, i64::MAX)).unwrap();
    }
    block_on(add(&store, &keys::counter("visits"), 3, i64::MAX)).unwrap();
    store
}

fn document(store: &Memory, key: &store::Document) -> Vec<u8> {
    block_on(store.get(key)).unwrap().unwrap()
}

/// The lines of that bank, the last two aside.
fn lines() -> Vec<Line> {
    let store = bank();
    let begin = ExportStart { bank: "0.1.0".into(), store: "memory".into(), began: "then".into() };
    let mut lines = vec![Line::Export(begin)];
    for number in 0..3 {
        let page = Page::decode(number, &document(&store, &keys::page("ann", number))).unwrap();
        lines.push(Line::Page(user("ann"), number, page));
    }
    let wallet = Wallet::decode(&document(&store, &keys::wallet("ann").plain())).unwrap();
    lines.push(Line::Wallet(user("ann"), wallet));
    lines.push(Line::Wallet(user("bob"), Wallet::new()));
    let tag = Tag::new("counter:visits").unwrap();
    let posts = Tally::decode(&document(&store, &tag.keys().posts().plain())).unwrap();
    lines.push(Line::Counter(tag.clone(), Count { cell: 3, posts: Some(posts) }));
    let mut refused: Vec<String> = (1..=12).map(|n| format!("r{n}")).collect();
    refused.sort();
    for key in refused {
        let outcome = document(&store, &keys::operation("ann", &key));
        lines.push(Line::Refusal(user("ann"), Outcome::decode(&outcome).unwrap()));
    }
    let mut posted: Vec<String> = (1..=20).map(|n| format!("p{n}")).collect();
    posted.sort();
    for key in posted {
        if let Some(post) = block_on(store.get(&tag.keys().post(&key))).unwrap() {
            lines.push(Line::Post(tag.clone(), ledger::Post::decode(&post).unwrap()));
        }
    }
    lines
}

fn read(bytes: &[u8]) -> Result<Totals, ExportError> {
    let mut reading = ExportReader::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        reading.line(line)?;
    }
    reading.finish().cloned()
}

/// The file that these lines make.
fn file(lines: &[Line]) -> Result<Vec<u8>, ExportError> {
    let mut reading = ExportReader::new();
    let mut file = Vec::new();
    let mut write = |reading: &mut ExportReader, line: &Line| {
        let bytes = line.encode();
        file.extend_from_slice(&bytes);
        reading.line(&bytes).map(drop)
    };
    for line in lines {
        write(&mut reading, line)?;
    }
    let sums = reading.sums("now".into());
    write(&mut reading, &sums)?;
    let end = reading.end();
    write(&mut reading, &end)?;
    Ok(file)
}

#[test]
fn what_was_written_is_read_back_with_its_trial_balance() {
    let file = file(&lines()).unwrap();
    let totals = read(&file).unwrap();
    assert_eq!((totals.wallets, totals.deposits, totals.withdrawals), (2, 30, 0));
    assert_eq!((totals.deposited.to_string(), totals.balance.to_string()), ("30.00".into(), "30.00".into()));
    assert_eq!((totals.refusals, totals.counters, totals.counted), (12, 1, 43));
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        assert_eq!(Line::decode(line).unwrap().encode(), line, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn what_a_file_says_of_itself_draws_nothing_on_a_terminal() {
    let begin = ExportStart { bank: "0.1.0".into(), store: "memory".into(), began: "then".into() };
    let odd = || "1\u{1b}[2J\nwallets      9".to_owned();
    for begin in [
        ExportStart { bank: odd(), ..begin.clone() },
        ExportStart { store: odd(), ..begin.clone() },
        ExportStart { began: odd(), ..begin.clone() },
    ] {
        assert_eq!(Line::decode(&Line::Export(begin).encode()), Err(Malformed::Form));
    }
}

#[test]
fn what_is_stored_of_it_is_what_was_stored_byte_for_byte() {
    let (store, restored) = (bank(), Memory::new());
    let mut stored = 0;
    for item in lines().iter().flat_map(items) {
        let key = item.key.as_str();
        match item.value {
            crate::StoredValue::Document(value) => {
                let (_, what) = keys::parts(key).unwrap();
                let key = match what.split_once(':') {
                    Some(("page", number)) => keys::page("ann", number.parse().unwrap()),
                    Some(("operation", key)) => keys::operation("ann", key),
                    Some(("post", key)) => keys::counter("visits").post(key),
                    _ if what == "posts" => keys::counter("visits").posts().plain(),
                    _ if key.contains("bob") => continue,
                    _ => keys::wallet("ann").plain(),
                };
                assert_eq!(key.as_str(), item.key);
                assert_eq!(document(&store, &key), value, "{key}");
                block_on(restored.set(&key, &value)).unwrap();
                stored += 1;
            }
            crate::StoredValue::Number(number) => {
                let sought = if key.ends_with(":cell") { 3 } else { 1 };
                assert_eq!(number, sought, "{key}");
            }
        }
    }
    // 3 pages with 24 keys, the wallet; the posts, and those of them in the index; the refusals.
    assert_eq!(stored, 3 + 24 + 1 + 1 + 16 + 12);
    // No second payment under an old key, be it in the wallet, in the index, or refused.
    for key in ["k1", "k30"] {
        let again =
            block_on(carry_out(&restored, &user("ann"), &operation(key, OperationKind::Deposit, "1")))
                .unwrap();
        assert!(again.replayed, "{key}");
    }
    let again =
        block_on(carry_out(&restored, &user("ann"), &operation("r1", OperationKind::Withdrawal, "5")))
            .unwrap();
    assert!(
        again.replayed && again.outcome.entry().is_none(),
        "the money is there now, and it stays refused"
    );
}

#[test]
fn no_byte_can_be_changed() {
    let file = file(&lines()).unwrap();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(read(&changed).is_err(), "byte {at} of {}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn no_part_can_be_cut_off_and_nothing_added() {
    let file = file(&lines()).unwrap();
    for length in 0..file.len() {
        assert!(read(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
    let cut = file[..file.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    assert_eq!(read(&file[..=cut]), Err(ExportError::Truncated));
    assert_eq!(read(&[&file[..], b"\n"].concat()), Err(ExportError::TrailingData));
}

#[test]
fn a_line_that_is_missing_twice_there_or_elsewhere_is_found() {
    let lines = lines();
    // From the first page to the last post; without bob's empty wallet, or a post that was refused, the rest is whole.
    for at in 1..lines.len() {
        let mut without = lines.clone();
        let line = without.remove(at);
        let is_whole_without = matches!(&line, Line::Wallet(user, _) if user.as_str() == "bob");
        assert_eq!(file(&without).is_ok(), is_whole_without, "without {line:?}");
        let mut twice = lines.clone();
        twice.insert(at, line.clone());
        assert!(file(&twice).is_err(), "twice {line:?}");
    }
    for at in 2..lines.len() {
        let mut swapped = lines.clone();
        swapped.swap(at - 1, at);
        assert!(file(&swapped).is_err(), "{:?} before {:?}", swapped[at - 1], swapped[at]);
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let line = b"{\"kind\":\"export\",\"version\":2,\"new\":true}\n";
    let refused = ExportReader::new().line(line).unwrap_err().to_string();
    assert_eq!(refused, "its format is version 2, and this bank reads version 1");
    assert_eq!(ExportReader::new().line(b"hello\n"), Err(ExportError::Beginning));
}

#[test]
fn a_wallet_that_is_left_out_counts_nothing() {
    let lines = lines();
    let mut reading = ExportReader::new();
    for line in &lines[..3] {
        reading.line(&line.encode()).unwrap();
    }
    let broken = reading.line(&lines[5].encode()).unwrap_err();
    assert!(broken.to_string().contains("the wallet of bob"), "{broken}");
    reading.leave_out();
    reading.line(&lines[5].encode()).unwrap();
    assert_eq!((reading.totals().wallets, reading.totals().entries()), (1, 0));
}
