//! A sheet of rates: what CoinGecko's `exchange_rates` says, read strictly, and its stored form.
//!
//! The stored form holds the rates as `/v1/rates` shows them, so that a cached answer is one read and
//! one copy; a currency is taken out of it only where one is asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::view::CurrencyKind;
use api::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::number::Number;

/// Most currencies of a sheet, most characters of a code, a name and a unit.
const CURRENCIES: usize = 1000;
const CODE_LENGTH: usize = 16;
const NAME_LENGTH: usize = 64;
/// The version of the stored form.
const VERSION: u8 = 1;

/// What one bitcoin is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    v: u8,
    /// When it was fetched, in milliseconds since 1970.
    pub as_of_ms: u64,
    /// The rates by code, as JSON: never empty, and checked before they were stored.
    pub rates: Box<RawValue>,
}

/// One currency of a sheet: as it is stored, and as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// Its name, for people.
    pub name: String,
    /// Its sign.
    pub unit: String,
    /// What one bitcoin is worth in it: plain notation, every digit.
    pub value: String,
    /// `crypto`, `fiat` or `commodity`.
    pub r#type: CurrencyKind,
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

impl Sheet {
    /// Reads what CoinGecko sent; `None` when it is not the documented JSON.
    pub fn from_upstream(body: &[u8], as_of_ms: u64) -> Option<Self> {
        let upstream: Upstream = serde_json::from_slice(body).ok()?;
        let sane =
            |(code, rate): (String, _)| is_code(&code).then_some((code, Currency::from_upstream(rate)?));
        let currencies = upstream.rates.into_iter().map(sane).collect::<Option<BTreeMap<_, _>>>()?;
        if !(1..=CURRENCIES).contains(&currencies.len()) {
            return None;
        }
        Some(Self { v: VERSION, as_of_ms, rates: to_raw_value(&currencies).ok()? })
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        // Strings and numbers only: serde_json has nothing to fail on.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form; `None` when it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let sheet: Self = serde_json::from_slice(bytes).ok()?;
        (sheet.v == VERSION && sheet.rates.get().starts_with('{')).then_some(sheet)
    }

    /// The currency with this code, in any letter case, and its code.
    ///
    /// # Errors
    /// 404 `unknown-currency`.
    pub fn currency(&self, code: &str) -> Result<(String, Currency), Problem> {
        let code = code.to_ascii_lowercase();
        let all: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(self.rates.get()).unwrap_or_default();
        let found = all.get(code.as_str()).and_then(|one| serde_json::from_str(one.get()).ok());
        found.map(|currency| (code, currency)).ok_or_else(|| {
            Problem::new(
                Code::UnknownCurrency,
                "The rates know no currency with this code; /v1/rates lists them.",
            )
        })
    }

    /// Every currency by its code.
    pub fn currencies(&self) -> BTreeMap<String, Currency> {
        serde_json::from_str(self.rates.get()).unwrap_or_default()
    }
}

impl Currency {
    fn from_upstream(rate: UpstreamRate) -> Option<Self> {
        let UpstreamRate { name, unit, value, r#type } = rate;
        let text = |text: &str| text.chars().count() <= NAME_LENGTH && !text.chars().any(char::is_control);
        let value = Number::parse(value.get())?.plain();
        (text(&name) && text(&unit)).then_some(Self { name, unit, value, r#type })
    }

    /// What one bitcoin is worth in it, to calculate with.
    ///
    /// # Errors
    /// An internal error, when the store holds what was never put there.
    pub fn rate(&self) -> Result<Number, Problem> {
        Number::parse(&self.value).ok_or_else(|| Problem::internal("a stored rate is no number"))
    }
}

fn is_code(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=CODE_LENGTH).contains(&code.len()) && code.bytes().all(allowed)
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
        let stored = Sheet::decode(&sheet.encode()).unwrap();
        assert_eq!((stored.as_of_ms, stored.rates.get()), (7, sheet.rates.get()));
        let values: Vec<_> = stored.currencies().into_values().map(|currency| currency.value).collect();
        assert_eq!(values, ["1.0", "67187.3358936566", "25.0000000000000000001"]);
    }

    #[test]
    fn a_currency_is_found_in_any_letter_case() {
        let sheet = Sheet::from_upstream(GOOD.as_bytes(), 7).unwrap();
        let (code, currency) = sheet.currency("UsD").unwrap();
        assert_eq!((code.as_str(), currency.name.as_str()), ("usd", "US Dollar"));
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
            let bad = GOOD.replacen(from, to, 1);
            assert!(Sheet::from_upstream(bad.as_bytes(), 7).is_none(), "{from} -> {to}");
        }
        for body in ["", "null", "{}", r#"{"rates":{}}"#, "<html>"] {
            assert!(Sheet::from_upstream(body.as_bytes(), 7).is_none(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Sheet::from_upstream(&body, 0).is_none());
            prop_assert!(Sheet::decode(&body).is_none());
        }
    }
}
