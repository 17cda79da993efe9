//! A sheet of rates: what CoinGecko's `exchange_rates` says, read strictly, and its stored form.

use std::collections::BTreeMap;

use api::view::CurrencyKind;
use api::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::number::Number;

/// Most currencies of a sheet, most characters of a code, a name and a unit.
const CURRENCIES: usize = 1000;
const CODE_LENGTH: usize = 16;
const NAME_LENGTH: usize = 64;
/// The version of the stored form.
const VERSION: u8 = 1;

/// What one bitcoin is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// When it was fetched, in milliseconds since 1970.
    pub as_of_ms: u64,
    /// By code, in lower case; never empty.
    pub currencies: BTreeMap<String, Currency>,
}

/// One currency of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// Its code, in lower case.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Its sign.
    pub unit: String,
    /// `crypto`, `fiat` or `commodity`.
    pub kind: CurrencyKind,
    /// What one bitcoin is worth in it.
    pub rate: Number,
}

/// CoinGecko's document. Members that it may add are ignored; those that are used are checked.
#[derive(Deserialize)]
struct Upstream {
    rates: BTreeMap<String, UpstreamRate>,
}

#[derive(Deserialize)]
struct UpstreamRate {
    name: String,
    unit: String,
    value: Box<RawValue>,
    r#type: CurrencyKind,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u8,
    as_of_ms: u64,
    rates: BTreeMap<String, StoredRate>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRate {
    name: String,
    unit: String,
    value: String,
    r#type: CurrencyKind,
}

impl Sheet {
    /// Reads what CoinGecko sent; `None` when it is not the documented JSON.
    pub fn from_upstream(body: &[u8], as_of_ms: u64) -> Option<Self> {
        let upstream: Upstream = serde_json::from_slice(body).ok()?;
        let currencies = upstream.rates.into_iter().map(|(code, rate)| {
            let number = Number::parse(rate.value.get())?;
            Currency { code, name: rate.name, unit: rate.unit, kind: rate.r#type, rate: number }.sane()
        });
        Self { as_of_ms, currencies: collect(currencies)? }.sane()
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let rates = self.currencies.iter().map(|(code, currency)| {
            let Currency { name, unit, kind, rate, .. } = currency;
            let stored =
                StoredRate { name: name.clone(), unit: unit.clone(), value: rate.plain(), r#type: *kind };
            (code.clone(), stored)
        });
        let stored = Stored { v: VERSION, as_of_ms: self.as_of_ms, rates: rates.collect() };
        // Strings and numbers only: serde_json has nothing to fail on.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Reads the stored form; `None` when it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Stored =
            serde_json::from_slice(bytes).ok().filter(|stored: &Stored| stored.v == VERSION)?;
        let currencies = stored.rates.into_iter().map(|(code, rate)| {
            let number = Number::parse(&rate.value)?;
            Currency { code, name: rate.name, unit: rate.unit, kind: rate.r#type, rate: number }.sane()
        });
        Self { as_of_ms: stored.as_of_ms, currencies: collect(currencies)? }.sane()
    }

    /// The currency with this code, in any letter case.
    pub fn currency(&self, code: &str) -> Result<&Currency, Problem> {
        let lower = code.to_ascii_lowercase();
        self.currencies.get(&lower).ok_or_else(|| {
            Problem::new(
                Code::UnknownCurrency,
                "The rates know no currency with this code; /v1/rates lists them.",
            )
        })
    }

    fn sane(self) -> Option<Self> {
        (1..=CURRENCIES).contains(&self.currencies.len()).then_some(self)
    }
}

impl Currency {
    fn sane(self) -> Option<Self> {
        let code = (1..=CODE_LENGTH).contains(&self.code.len())
            && self.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let text = |text: &str| text.chars().count() <= NAME_LENGTH && !text.chars().any(char::is_control);
        (code && text(&self.name) && text(&self.unit)).then_some(self)
    }
}

fn collect(currencies: impl Iterator<Item = Option<Currency>>) -> Option<BTreeMap<String, Currency>> {
    currencies.map(|currency| currency.map(|currency| (currency.code.clone(), currency))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = r#"{"rates":{
        "btc":{"name":"Bitcoin","unit":"BTC","value":1.0,"type":"crypto"},
        "usd":{"name":"US Dollar","unit":"$","value":67187.3358936566,"type":"fiat"},
        "xau":{"name":"Gold - Troy Ounce","unit":"XAU","value":25.0000000000000000001,"type":"commodity"}}}"#;

    #[test]
    fn the_documented_json_is_read_with_every_digit() {
        let sheet = Sheet::from_upstream(GOOD.as_bytes(), 7).unwrap();
        let plain: Vec<_> = sheet.currencies.values().map(|currency| currency.rate.plain()).collect();
        assert_eq!(plain, ["1.0", "67187.3358936566", "25.0000000000000000001"]);
        assert_eq!(Sheet::decode(&sheet.encode()), Some(sheet));
    }

    #[test]
    fn a_currency_is_found_in_any_letter_case() {
        let sheet = Sheet::from_upstream(GOOD.as_bytes(), 7).unwrap();
        assert_eq!(sheet.currency("UsD").unwrap().name, "US Dollar");
        assert_eq!(sheet.currency("xxx").unwrap_err().code(), Code::UnknownCurrency);
    }

    #[test]
    fn nonsense_is_refused_whole() {
        for (from, to) in [
            (r#""rates""#, r#""prices""#),
            ("67187.3358936566", r#""67187""#),
            ("67187.3358936566", "-1"),
            ("67187.3358936566", "0"),
            ("67187.3358936566", "null"),
            (r#""fiat""#, r#""magic""#),
            (r#""usd""#, r#""us d""#),
            (r#""usd""#, r#""""#),
            ("US Dollar", r"US\u0000"),
            ("}}}", "}}"),
        ] {
            assert!(GOOD.contains(from));
            assert_eq!(
                Sheet::from_upstream(GOOD.replacen(from, to, 1).as_bytes(), 7),
                None,
                "{from} -> {to}"
            );
        }
        for body in ["", "null", "{}", r#"{"rates":{}}"#, "<html>"] {
            assert_eq!(Sheet::from_upstream(body.as_bytes(), 7), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Sheet::from_upstream(&body, 0), None);
            prop_assert_eq!(Sheet::decode(&body), None);
        }
    }
}
