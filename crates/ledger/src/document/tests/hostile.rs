//! Changed documents, checked a second time by independent rules: JSON as a tree, sums of whole units, SHA-256 over
//! the contract's seven lines. Both checks must agree, so nothing is accepted that does not add up, and nothing is
//! refused that does.

use num_bigint::BigUint;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::*;

/// A sum of money in units of 10^-8.
fn units(text: &str) -> Option<BigUint> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let plain =
        digits(integer, 15) && (integer.len() == 1 || !integer.starts_with('0')) && digits(fraction, 8);
    plain.then(|| format!("{integer}{fraction:0<8}").parse().unwrap())
}

/// The sum as the chain has it: at least two places, no further zeros.
fn shown(units: &BigUint) -> String {
    let digits = format!("{units:0>9}");
    let (integer, fraction) = digits.split_at(digits.len() - 8);
    format!("{integer}.{:0<2}", fraction.trim_end_matches('0'))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| "0123456789abcdef".contains(c))
}

fn is_time(text: &str) -> bool {
    text.len() == 24
        && text.chars().zip("0000-00-00T00:00:00.000Z".chars()).all(|(c, shape)| match shape {
            '0' => c.is_ascii_digit(),
            _ => c == shape,
        })
}

fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.chars().all(|c| ('!'..='~').contains(&c))
}

/// The object, where it has no other members than these.
fn object<'a>(value: &'a Value, members: &[&str]) -> Option<&'a Map<String, Value>> {
    value.as_object().filter(|map| map.keys().all(|name| members.contains(&name.as_str())))
}

/// Sequence number, balance and hash.
type Place = (u64, BigUint, String);

fn place(value: &Value) -> Option<Place> {
    let map = object(value, &["seq", "balance", "hash"])?;
    let hash = map.get("hash")?.as_str().filter(|hash| is_hash(hash))?;
    Some((map.get("seq")?.as_u64()?, units(map.get("balance")?.as_str()?)?, hash.to_owned()))
}

/// Where a record leads from `from`: a refusal nowhere.
fn step(from: &Place, record: &Value) -> Option<Place> {
    let map = object(record, &["id", "made", "kind", "amount", "at", "refused", "balance"])?;
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let absent = |name: &str| map.get(name).is_none_or(Value::is_null);
    let id = text("id").filter(|id| is_id(id))?;
    let kind = text("kind").filter(|kind| ["deposit", "withdrawal"].contains(kind))?;
    let amount = units(text("amount")?).filter(|amount| *amount != BigUint::ZERO)?;
    map.get("made").is_none_or(Value::is_boolean).then_some(())?;
    if !absent("refused") {
        let known = ["insufficient-funds", "limit-exceeded"].contains(&text("refused")?);
        units(text("balance")?)?;
        return (known && absent("at")).then(|| from.clone());
    }
    let at = text("at").filter(|at| is_time(at) && absent("balance"))?;
    let (seq, balance, hash) = from;
    let balance = match kind {
        "deposit" => Some(balance + &amount).filter(|sum| *sum < BigUint::from(10u8).pow(23)),
        _ => (*balance >= amount).then(|| balance - &amount),
    }?;
    let seq = seq.checked_add(1)?;
    let lines = [hash, &seq.to_string(), id, kind, &shown(&amount), &shown(&balance), at].join("\n");
    let digest: [u8; 32] = Sha256::digest(lines).into();
    let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some((seq, balance, hash))
}

/// Whether a wallet's or a page's records lead from its base to its end.
fn adds_up(document: &Value) -> bool {
    let judge = || {
        let map = object(document, &["v", "base", "end", "indexed", "log"])?;
        let versions = map.get("v")?.as_u64()? == 1 && map.get("indexed").is_none_or(Value::is_u64);
        let base = place(map.get("base")?)?;
        let head =
            map.get("log")?.as_array()?.iter().try_fold(base.clone(), |head, record| step(&head, record))?;
        (versions && base.0 % 8 == 0 && head == place(map.get("end")?)?).then_some(())
    };
    judge().is_some()
}

fn is_page(number: u64, document: &Value) -> bool {
    let posted = |record: &Value| record.get("refused").is_none_or(Value::is_null);
    let whole = |log: &Vec<Value>| log.len() == 8 && log.iter().all(posted);
    adds_up(document)
        && document["log"].as_array().is_some_and(whole)
        && document["base"]["seq"] == json!(number * 8)
}

fn is_outcome(document: &Value) -> bool {
    let judge = || {
        let map = object(document, &["v", "record", "mark"])?;
        let record = map.get("record")?;
        // A record by itself can be a deposit into an empty wallet or a withdrawal from a full one.
        let empty = (0, BigUint::ZERO, "0".repeat(64));
        let full = (0, BigUint::from(10u8).pow(23) - 1u8, "0".repeat(64));
        [empty, full].iter().find_map(|from| step(from, record))?;
        let posted = record.get("refused").is_none_or(Value::is_null);
        let mark = map.get("mark").filter(|mark| !mark.is_null());
        mark.is_none_or(|mark| place(mark).is_some()).then_some(())?;
        (map.get("v")?.as_u64()? == 1 && posted == mark.is_some()).then_some(())
    };
    judge().is_some()
}

/// Every place in a tree, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// What may be done to a document.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, Value),
    Exchange(Index, Index),
    Copy(Index, Index),
    Drop(Index, Index),
    Add(Index, Value),
    Bump(Index),
}

fn make(change: &Change, document: &mut Value) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let place = |at: &Index| at.get(&all).as_str();
    let value = |document: &Value, at: &Index| document.pointer(place(at)).unwrap().clone();
    let put = |document: &mut Value, at: &Index, value| *document.pointer_mut(place(at)).unwrap() = value;
    match change {
        Change::Replace(at, new) => put(document, at, new.clone()),
        Change::Exchange(one, other) if !nested(place(one), place(other)) => {
            let (first, second) = (value(document, one), value(document, other));
            put(document, one, second);
            put(document, other, first);
        }
        Change::Exchange(..) => {}
        Change::Copy(from, to) => {
            let copied = value(document, from);
            put(document, to, copied);
        }
        Change::Drop(at, which) => match document.pointer_mut(place(at)).unwrap() {
            Value::Object(members) if !members.is_empty() => {
                let name = which.get(&members.keys().cloned().collect::<Vec<_>>()).clone();
                members.remove(&name);
            }
            Value::Array(items) if !items.is_empty() => {
                items.remove(which.index(items.len()));
            }
            _ => {}
        },
        Change::Add(at, new) => match document.pointer_mut(place(at)).unwrap() {
            Value::Object(members) => {
                members.insert("gift".into(), new.clone());
            }
            Value::Array(items) => items.extend(items.last().cloned()),
            _ => {}
        },
        Change::Bump(at) => {
            if let Some(number) = value(document, at).as_u64() {
                put(document, at, json!(number.wrapping_add(1)));
            }
        }
    }
}

fn nested(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn any_value() -> impl Strategy<Value = Value> {
    let pool = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(8),
        json!(u64::MAX),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("1"),
        json!("1.0"),
        json!("0.00"),
        json!("01"),
        json!("-1.00"),
        json!("999999999999999.99999999"),
        json!("1000000000000000"),
        json!("deposit"),
        json!("withdrawal"),
        json!("insufficient-funds"),
        json!("limit-exceeded"),
        json!("another"),
        json!("a b"),
        json!("k".repeat(255)),
        json!("k".repeat(256)),
        json!("0".repeat(64)),
        json!("F".repeat(64)),
        json!("f".repeat(63)),
        json!("2026-11-20T18:00:00.124Z"),
        json!("2026-11-20T18:00:00Z"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"seq": 0}),
    ];
    prop::sample::select(pool.to_vec())
}

fn any_change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any_value()).prop_map(|(at, value)| Change::Replace(at, value)),
        2 => (at(), at()).prop_map(|(one, other)| Change::Exchange(one, other)),
        2 => (at(), at()).prop_map(|(from, to)| Change::Copy(from, to)),
        2 => (at(), at()).prop_map(|(at, which)| Change::Drop(at, which)),
        1 => (at(), any_value()).prop_map(|(at, value)| Change::Add(at, value)),
        1 => at().prop_map(Change::Bump),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let amount =
        prop::sample::select(vec!["1", "0.00000001", "10.5", "999999999999999", "500000000000000.25"]);
    ("[!-~]{1,12}", any::<bool>(), any::<bool>(), amount).prop_map(|(id, keyed, deposit, amount)| {
        let made =
            Operation { id: OperationId::Made(id.clone()), ..operation("k", OperationKind::Deposit, amount) };
        let kind = if deposit { OperationKind::Deposit } else { OperationKind::Withdrawal };
        Operation { id: if keyed { OperationId::Keyed(id.parse().unwrap()) } else { made.id }, kind, ..made }
    })
}

/// A wallet after some operations, and the last page that left it.
fn lived(operations: &[Operation]) -> (Wallet, Option<Page>) {
    let (mut wallet, mut page) = (Wallet::new(), None);
    for operation in operations {
        wallet.decide(operation);
        page = wallet.seal().and_then(|seal| seal.page).or(page);
    }
    (wallet, page)
}

fn tree(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

proptest! {
    #[test]
    fn a_wallet_is_taken_exactly_when_it_adds_up(
        operations in prop::collection::vec(any_operation(), 0..25),
        changes in prop::collection::vec(any_change(), 0..3),
    ) {
        let (wallet, _) = lived(&operations);
        let mut document = tree(&wallet.encode());
        prop_assert!(adds_up(&document));
        changes.iter().for_each(|change| make(change, &mut document));
        let taken = Wallet::decode(document.to_string().as_bytes());
        prop_assert_eq!(taken.is_ok(), adds_up(&document), "{}", document);
        if let Ok(taken) = taken {
            prop_assert_eq!(Wallet::decode(&taken.encode()).unwrap(), taken);
        }
    }

    #[test]
    fn a_page_is_taken_exactly_when_it_adds_up_and_is_the_one(
        operations in prop::collection::vec(any_operation(), 30..60),
        changes in prop::collection::vec(any_change(), 0..3),
        number in 0_u64..4,
    ) {
        let (_, page) = lived(&operations);
        let Some(page) = page else { return Ok(()) };
        let mut document = tree(&page.encode());
        prop_assert!(is_page(page.number(), &document));
        changes.iter().for_each(|change| make(change, &mut document));
        for number in [number, page.number()] {
            let taken = Page::decode(number, document.to_string().as_bytes());
            prop_assert_eq!(taken.is_ok(), is_page(number, &document), "{} {}", number, document);
        }
    }

    #[test]
    fn an_outcome_is_taken_exactly_when_it_is_of_its_form(
        operations in prop::collection::vec(any_operation(), 1..8),
        changes in prop::collection::vec(any_change(), 0..3),
    ) {
        let (wallet, _) = lived(&operations);
        for outcome in wallet.log() {
            let mut document = tree(&outcome.encode());
            prop_assert!(is_outcome(&document));
            changes.iter().for_each(|change| make(change, &mut document));
            let taken = Outcome::decode(document.to_string().as_bytes());
            prop_assert_eq!(taken.is_ok(), is_outcome(&document), "{}", document);
        }
    }
}
