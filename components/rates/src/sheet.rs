//! A sheet of rates: CoinGecko's `exchange_rates`, read currency by currency, and its stored form.
//!
//! A currency that cannot be used is dropped and named in the log; the others are served. The stored form is what
//! `/v1/rates` shows, so a cached answer is one read and one copy. It is only parsed for requests of a single
//! currency.

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::failure::FetchFailure;
use crate::number::Number;

/// Most currencies of a sheet; most characters of a code, a name, a unit and a type.
const MAX_CURRENCIES: usize = 1000;
const MAX_CODE_LENGTH: usize = 64;
const MAX_TEXT_LENGTH: usize = 256;
/// How many dropped currencies are named, and how much of each is shown.
const MAX_NAMED: usize = 10;
const SHOWN_CHARACTERS: usize = 24;
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

/// A sheet as it was read from upstream.
#[derive(Debug)]
pub struct FetchedSheet {
    /// What can be used.
    pub sheet: Sheet,
    /// The currencies that were dropped, and why; empty if there are none.
    pub left_out: String,
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
    /// `crypto`, `fiat`, `commodity`, or what CoinGecko may add.
    pub r#type: String,
}

/// CoinGecko's document. Members that it may add are ignored; those that are used are checked.
#[derive(Deserialize)]
struct Upstream {
    rates: BTreeMap<String, Box<RawValue>>,
}

#[derive(Deserialize)]
struct UpstreamRate {
    name: String,
    unit: String,
    value: Box<RawValue>,
    r#type: String,
}

impl Sheet {
    /// Reads what CoinGecko sent.
    ///
    /// # Errors
    /// It is not the documented JSON, or no currency of it can be used.
    pub fn from_upstream(body: &[u8], as_of_ms: u64) -> Result<FetchedSheet, FetchFailure> {
        let upstream: Upstream = serde_json::from_slice(body).map_err(|error| {
            let (cause, detail) = if error.is_data() {
                ("not-rates", "the answer is JSON, but has no object of rates")
            } else {
                ("not-json", "the answer is no JSON")
            };
            FetchFailure::new(cause, detail)
        })?;
        let (mut currencies, mut odd) = (BTreeMap::new(), Vec::new());
        for (code, rate) in upstream.rates {
            let is_full = currencies.len() == MAX_CURRENCIES;
            match if is_full { Err("one too many".to_owned()) } else { Currency::from_upstream(&code, &rate) }
            {
                Ok(currency) => drop(currencies.insert(code, currency)),
                Err(why) => odd.push(format!("{} ({why})", shorten(&code))),
            }
        }
        let left_out = list_first(odd);
        if currencies.is_empty() {
            return Err(FetchFailure::new("no-rates", format!("no currency can be used: {left_out}")));
        }
        let rates =
            to_raw_value(&currencies).map_err(|error| FetchFailure::new("other", error.to_string()))?;
        Ok(FetchedSheet { sheet: Self { v: VERSION, as_of_ms, rates }, left_out })
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        // Strings and numbers only: serde_json cannot fail on them.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form; `None` if it is not valid.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let sheet: Self = serde_json::from_slice(bytes).ok()?;
        (sheet.v == VERSION && sheet.rates.get().starts_with('{')).then_some(sheet)
    }

    /// The currency with this code, in any letter case: its code, its view, and its value to calculate with. If the
    /// stored value is not a number, the currency counts as unknown.
    ///
    /// # Errors
    ///
    /// 404 `unknown-currency`.
    pub fn currency(&self, code: &str) -> Result<(String, Currency, Number), Problem> {
        let code = code.to_ascii_lowercase();
        let all: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(self.rates.get()).unwrap_or_default();
        let found = all.get(code.as_str()).and_then(|one| serde_json::from_str::<Currency>(one.get()).ok());
        let found = found.and_then(|currency| Some((Number::parse(&currency.value)?, currency)));
        found.map(|(rate, currency)| (code, currency, rate)).ok_or_else(|| {
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
    /// Reads one of CoinGecko's currencies, or returns why it cannot be used.
    fn from_upstream(code: &str, rate: &RawValue) -> Result<Self, String> {
        if !is_code(code) {
            return Err("its code".to_owned());
        }
        let rate: UpstreamRate =
            serde_json::from_str(rate.get()).map_err(|_| "a member is missing or no text")?;
        let UpstreamRate { name, unit, value, r#type } = rate;
        let number = Number::parse(value.get()).filter(Number::is_short);
        let value = number.ok_or_else(|| format!("value {}", shorten(value.get())))?.plain();
        if ![&name, &unit, &r#type].into_iter().all(|text| is_text(text)) {
            return Err("a text is too long or has control characters".to_owned());
        }
        Ok(Self { name, unit, value, r#type })
    }
}

fn is_code(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_CODE_LENGTH).contains(&code.len()) && code.bytes().all(allowed)
}

fn is_text(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT_LENGTH && !text.chars().any(char::is_control)
}

/// The first few of them, and how many more there are.
fn list_first(mut odd: Vec<String>) -> String {
    let more = odd.len().saturating_sub(MAX_NAMED);
    odd.truncate(MAX_NAMED);
    let named = odd.join(", ");
    if more == 0 { named } else { format!("{named}, and {more} more") }
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if short.len() == text.len() { short } else { format!("{short}…") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = r#"{"rates":{
        "btc":{"name":"Bitcoin","unit":"BTC","value":1.0,"type":"crypto"},
        "usd":{"name":"US Dollar","unit":"$","value":67187.3358936566,"type":"fiat"},
        "xau":{"name":"Gold - Troy Ounce","unit":"XAU","value":25.0000000000000000001,"type":"commodity"}}}"#;

    fn read(body: &str) -> FetchedSheet {
        Sheet::from_upstream(body.as_bytes(), 7).unwrap()
    }

    fn codes(sheet: &Sheet) -> Vec<String> {
        sheet.currencies().into_keys().collect()
    }

    #[test]
    fn the_documented_json_is_read_with_every_digit() {
        let FetchedSheet { sheet, left_out } = read(GOOD);
        let stored = Sheet::decode(&sheet.encode()).unwrap();
        assert_eq!((stored.as_of_ms, stored.rates.get()), (7, sheet.rates.get()));
        let values: Vec<_> = stored.currencies().into_values().map(|currency| currency.value).collect();
        assert_eq!(values, ["1.0", "67187.3358936566", "25.0000000000000000001"]);
        assert_eq!(left_out, "");
    }

    #[test]
    fn a_currency_is_found_in_any_letter_case() {
        let (code, currency, rate) = read(GOOD).sheet.currency("UsD").unwrap();
        assert_eq!((code.as_str(), currency.name.as_str()), ("usd", "US Dollar"));
        assert_eq!(rate.plain(), "67187.3358936566");
        assert_eq!(read(GOOD).sheet.currency("xxx").unwrap_err().code(), Code::UnknownCurrency);
    }

    #[test]
    fn one_odd_currency_is_left_out_and_named_and_takes_no_other_away() {
        let long = format!("1.{}", "0".repeat(41));
        for (from, to, said) in [
            ("67187.3358936566", r#""67187""#, r#"usd (value "67187")"#),
            ("67187.3358936566", "-1", "usd (value -1)"),
            ("67187.3358936566", "0", "usd (value 0)"),
            ("67187.3358936566", "null", "usd (value null)"),
            ("67187.3358936566", "1e400", "usd (value 1e400)"),
            ("67187.3358936566", "[{}]", "usd (value [{}])"),
            ("67187.3358936566", &long, "usd (value 1.0000000000000000000000…)"),
            (r#""value":67187.3358936566,"#, "", "usd (a member is missing or no text)"),
            (r#""US Dollar""#, "null", "usd (a member is missing or no text)"),
            (r#""fiat""#, "7", "usd (a member is missing or no text)"),
            (
                r#"{"name":"US Dollar","unit":"$","value":67187.3358936566,"type":"fiat"}"#,
                "null",
                "usd (a member is missing or no text)",
            ),
            (r#""usd""#, r#""us d""#, "us d (its code)"),
            (r#""usd""#, r#""USD""#, "USD (its code)"),
            (r#""usd""#, r#""""#, " (its code)"),
            ("US Dollar", r"US\u0000", "usd (a text is too long or has control characters)"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let FetchedSheet { sheet, left_out } = read(&GOOD.replacen(from, to, 1));
            assert_eq!(codes(&sheet), ["btc", "xau"], "{from} -> {to}");
            assert_eq!(left_out, said, "{from} -> {to}");
        }
    }

    #[test]
    fn any_type_and_any_code_of_lower_case_letters_digits_and_hyphens_is_passed_on() {
        for (from, to) in [
            (r#""fiat""#, r#""stable-coin 2""#),
            (r#""usd""#, r#""usd-2""#),
            (r#""usd""#, r#""1inch-network-token""#),
        ] {
            let FetchedSheet { sheet, left_out } = read(&GOOD.replacen(from, to, 1));
            assert_eq!((codes(&sheet).len(), left_out.as_str()), (3, ""), "{to}");
        }
    }

    #[test]
    fn what_has_no_rate_that_can_be_used_is_refused_whole() {
        for (body, cause) in [
            ("", "not-json"),
            ("<html>", "not-json"),
            (r#"{"rates":{"usd":"#, "not-json"),
            ("null", "not-rates"),
            ("{}", "not-rates"),
            (r#"["rates"]"#, "not-rates"),
            (r#"{"rates":[]}"#, "not-rates"),
            (r#"{"rates":{}}"#, "no-rates"),
            (r#"{"rates":{"usd":null}}"#, "no-rates"),
        ] {
            assert_eq!(Sheet::from_upstream(body.as_bytes(), 7).unwrap_err().cause, cause, "{body}");
        }
    }

    #[test]
    fn many_currencies_are_cut_and_few_of_the_odd_ones_named() {
        let one = |code: usize| format!(r#""c{code:04}":{{"name":"n","unit":"u","value":1,"type":"t"}}"#);
        let all: Vec<String> = (0..MAX_CURRENCIES + 25).map(one).collect();
        let FetchedSheet { sheet, left_out } = read(&format!(r#"{{"rates":{{{}}}}}"#, all.join(",")));
        assert_eq!(codes(&sheet).len(), MAX_CURRENCIES);
        assert!(
            left_out.starts_with("c1000 (one too many), ") && left_out.ends_with(", and 15 more"),
            "{left_out}"
        );
    }

    #[test]
    fn a_stored_value_of_an_older_bank_is_never_a_fault() {
        let stored = |value: &str| {
            let rates = format!(r#"{{"usd":{{"name":"n","unit":"u","value":"{value}","type":"fiat"}}}}"#);
            Sheet::decode(format!(r#"{{"v":1,"as_of_ms":7,"rates":{rates}}}"#).as_bytes()).unwrap()
        };
        // 1e-64 with 64 characters of token was stored in 129.
        assert!(stored(&format!("0.{}1", "0".repeat(127))).currency("usd").is_ok());
        assert_eq!(stored("many").currency("usd").unwrap_err().code(), Code::UnknownCurrency);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Sheet::from_upstream(&body, 0).is_err());
            prop_assert!(Sheet::decode(&body).is_none());
        }
    }
}
