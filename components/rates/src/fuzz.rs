//! Fuzz targets: CoinGecko may send anything, and the store may hold anything. Nothing panics, and what is shown is
//! a number. Each target is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use crate::convert::convert;
use crate::history::History;
use crate::number::Number;
use crate::sheet::{FetchedSheet, Sheet};

const NOW_MS: u64 = 1_793_000_000_000;

corpus::targets! {
    upstream_documents: upstream,
    stored_sheets: stored,
    histories: history,
    numbers: number,
}

/// What is read can be shown, stored, read back, found by its code and calculated with.
fn upstream(bytes: &[u8]) {
    let Ok(FetchedSheet { sheet, .. }) = Sheet::from_upstream(bytes, NOW_MS) else { return };
    let again = Sheet::decode(&sheet.encode()).unwrap();
    assert_eq!((again.as_of_ms, again.rates.get()), (NOW_MS, sheet.rates.get()));
    let currencies = sheet.currencies();
    assert!((1..=1000).contains(&currencies.len()));
    for (code, currency) in currencies {
        let (found, shown, rate) = sheet.currency(&code.to_ascii_uppercase()).unwrap();
        assert_eq!((found, &shown), (code, &currency));
        assert!(rate.is_short() && rate.plain() == currency.value, "{}", currency.value);
        let conversion = convert("1.5".parse().unwrap(), &rate, &rate);
        assert_eq!(
            (conversion.rate.as_amount(), conversion.result.as_amount()),
            ("1.00".into(), "1.50".into())
        );
    }
    let mut history = History::default();
    history.add(&sheet);
    assert_eq!(History::decode(&history.encode()), Some(history));
}

/// Anything may have written it: it is read completely or not at all, and a currency in it is a number or missing.
fn stored(bytes: &[u8]) {
    let Some(sheet) = Sheet::decode(bytes) else { return };
    assert_eq!(Sheet::decode(&sheet.encode()).unwrap().rates.get(), sheet.rates.get());
    for (code, currency) in sheet.currencies() {
        let Ok((_, found, rate)) = sheet.currency(&code) else { continue };
        assert!(Number::parse(&found.value).is_some_and(|again| again == rate), "{}", currency.value);
    }
}

fn history(bytes: &[u8]) {
    let Some(mut history) = History::decode(bytes) else { return };
    assert_eq!(History::decode(&history.encode()).as_ref(), Some(&history));
    let body = br#"{"rates":{"usd":{"name":"n","unit":"u","value":1.5,"type":"fiat"}}}"#;
    history.add(&Sheet::from_upstream(body, NOW_MS).unwrap().sheet);
    assert!(history.encode().len() <= 60_000);
    assert_eq!(History::decode(&history.encode()), Some(history));
}

fn number(bytes: &[u8]) {
    let Ok(token) = str::from_utf8(bytes) else { return };
    let Some(number) = Number::parse(token) else { return };
    if number.is_short() {
        assert_eq!(Number::parse(&number.plain()).as_ref(), Some(&number));
    }
    let shown = number.as_amount();
    assert!(shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{shown}");
    assert!(
        shown.split_once('.').is_some_and(|(whole, places)| !whole.is_empty() && places.len() >= 2),
        "{shown}"
    );
}
