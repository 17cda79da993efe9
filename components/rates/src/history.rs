//! The history of the rates: a day of points in one document, written by the request that fetches.
//!
//! It is bounded, since every fetch rewrites it and every dashboard gets all of it: at most [`MAX_POINTS`] points and
//! [`MAX_BYTES`] bytes. When there are too many points, the one closest to its neighbours is dropped, so a young
//! history is dense and a full one even. Values are cut to [`SIGNIFICANT_DIGITS`] digits: enough for a
//! picture, not for money. `/v1/rates/history` shows the stored form as it is.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use api::view::HistoryView;

use crate::sheet::Sheet;

/// Most points: one for every twenty minutes of a day.
const MAX_POINTS: usize = 72;
/// Most bytes of the document.
const MAX_BYTES: usize = 60_000;
/// Significant digits of a value.
const SIGNIFICANT_DIGITS: usize = 7;
/// How far it reaches back.
const DAY_SECONDS: u64 = 86_400;

/// What one bitcoin was worth, in columns.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct History {
    /// The times, in seconds since 1970; ascending.
    at: Vec<u64>,
    /// By code, a value for each time; `None` if there was none.
    values: BTreeMap<String, Vec<Option<String>>>,
}

impl History {
    /// Adds what was fetched, and drops what is too old or too much.
    pub fn add(&mut self, sheet: &Sheet) {
        let values =
            sheet.currencies().into_iter().map(|(code, currency)| (code, truncate_digits(&currency.value)));
        self.push(sheet.as_of_ms.checked_div(1000).unwrap_or_default(), values.collect());
        while self.at.len() > MAX_POINTS || (self.at.len() > 1 && self.encode().len() > MAX_BYTES) {
            self.thin();
        }
    }

    fn push(&mut self, now: u64, mut values: BTreeMap<String, String>) {
        let oldest = now.saturating_sub(DAY_SECONDS);
        // Points from the future were made by a wrong clock.
        self.retain(|at| oldest <= at && at < now);
        let points = self.at.len();
        for (code, column) in &mut self.values {
            column.push(values.remove(code));
        }
        for (code, value) in values {
            let mut column = vec![None; points];
            column.push(Some(value));
            self.values.insert(code, column);
        }
        self.at.push(now);
        self.values.retain(|_, column| column.iter().any(Option::is_some));
    }

    /// Drops the point that is closest to its neighbours, or the first of two.
    fn thin(&mut self) {
        let gaps = self.at.windows(3).filter_map(|three| match three {
            [before, at, after] => Some((after.saturating_sub(*before), *at)),
            _ => None,
        });
        let closest = gaps.min().map(|(_, at)| at).or_else(|| self.at.first().copied());
        self.retain(|at| Some(at) != closest);
    }

    fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        let kept: Vec<bool> = self.at.iter().map(|&at| keep(at)).collect();
        retain(&mut self.at, &kept);
        self.values.values_mut().for_each(|column| retain(column, &kept));
    }

    /// The stored form, which is also the shown one.
    pub fn encode(&self) -> Vec<u8> {
        let document = HistoryView {
            base: "btc".to_owned(),
            at: self.at.iter().map(format_time).collect(),
            values: self.values.clone(),
        };
        // Strings only: serde_json cannot fail on them.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// Reads the stored form; `None` if it is not valid.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let document: HistoryView = serde_json::from_slice(bytes).ok()?;
        let at = document.at.iter().map(|at| {
            let time = humantime::parse_rfc3339(at).ok()?;
            Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
        });
        let history = Self { at: at.collect::<Option<_>>()?, values: document.values };
        history.values.values().all(|column| column.len() == history.at.len()).then_some(history)
    }
}

fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| kept.next().copied().unwrap_or(false));
}

fn format_time(at: &u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(*at)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A value in plain notation, its digits after the first few cut off or zero.
fn truncate_digits(value: &str) -> String {
    let (mut digits, mut is_fraction, mut cut) = (0_usize, false, String::new());
    for c in value.chars() {
        if c == '.' {
            is_fraction = true;
        } else if digits > 0 || c != '0' {
            digits = digits.saturating_add(1);
        }
        match (digits > SIGNIFICANT_DIGITS, is_fraction) {
            (false, _) => cut.push(c),
            (true, false) => cut.push('0'),
            (true, true) => break,
        }
    }
    cut.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(at: u64, currencies: &[(&str, &str)]) -> Sheet {
        let rates: Vec<String> = currencies
            .iter()
            .map(|(code, value)| {
                format!(r#""{code}":{{"name":"n","unit":"u","value":{value},"type":"fiat"}}"#)
            })
            .collect();
        let body = format!(r#"{{"rates":{{{}}}}}"#, rates.join(","));
        Sheet::from_upstream(body.as_bytes(), at * 1000).unwrap().sheet
    }

    fn minutes(count: u64) -> History {
        let mut history = History::default();
        (0..count).for_each(|minute| history.add(&sheet(minute * 60, &[("usd", "67187.33")])));
        history
    }

    #[test]
    fn every_fetch_is_a_point_and_comes_back_from_the_store() {
        let history = minutes(3);
        assert_eq!(history.at, [0, 60, 120]);
        let shown = String::from_utf8(history.encode()).unwrap();
        assert_eq!(
            shown,
            concat!(
                r#"{"base":"btc","at":["1970-01-01T00:00:00Z","1970-01-01T00:01:00Z","1970-01-01T00:02:00Z"],"#,
                r#""values":{"usd":["67187.33","67187.33","67187.33"]}}"#
            )
        );
        assert_eq!(History::decode(shown.as_bytes()), Some(history));
    }

    #[test]
    fn a_day_is_kept_evenly_and_no_more() {
        let history = minutes(3000);
        assert_eq!(history.at.len(), MAX_POINTS);
        let newest = 2999 * 60;
        assert_eq!(history.at.last(), Some(&newest));
        assert!(history.at[0] >= newest - DAY_SECONDS && history.at[0] < newest - DAY_SECONDS * 9 / 10);
        let widest = history.at.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(widest <= 3600, "{widest} seconds without a point");
    }

    #[test]
    fn a_currency_that_comes_or_goes_has_holes() {
        let mut history = History::default();
        history.add(&sheet(60, &[("usd", "1")]));
        history.add(&sheet(120, &[("usd", "2"), ("eur", "3")]));
        history.add(&sheet(180, &[("eur", "4")]));
        let texts = |code: &str| history.values[code].iter().map(Option::as_deref).collect::<Vec<_>>();
        assert_eq!(texts("usd"), [Some("1"), Some("2"), None]);
        assert_eq!(texts("eur"), [None, Some("3"), Some("4")]);
        history.add(&sheet(180 + DAY_SECONDS, &[("eur", "5")]));
        assert!(!history.values.contains_key("usd"));
    }

    #[test]
    fn many_currencies_with_long_values_stay_under_the_limit() {
        let long = "9".repeat(40);
        let codes: Vec<String> = (0..400).map(|code| format!("c{code}")).collect();
        let currencies: Vec<(&str, &str)> = codes.iter().map(|code| (code.as_str(), long.as_str())).collect();
        let mut history = History::default();
        (0..8).for_each(|minute| history.add(&sheet(minute * 60, &currencies)));
        assert!(history.encode().len() <= MAX_BYTES, "{}", history.encode().len());
        assert!(!history.at.is_empty());
    }

    #[test]
    fn a_clock_that_went_back_leaves_no_point_from_the_future() {
        let mut history = minutes(5);
        history.add(&sheet(100, &[("usd", "1")]));
        assert_eq!(history.at, [0, 60, 100]);
    }

    #[test]
    fn values_are_cut_for_a_picture() {
        for (value, kept) in [
            ("67187.3358936566", "67187.33"),
            ("1056379245.2179137", "1056379000"),
            ("0.000000123456789", "0.0000001234567"),
            ("10557343", "10557340"),
            ("1.0", "1.0"),
            ("1234567.5", "1234567"),
        ] {
            assert_eq!(truncate_digits(value), kept);
        }
    }

    #[test]
    fn what_is_no_history_begins_anew() {
        for bytes in [
            "",
            "{}",
            r#"{"base":"btc","at":["x"],"values":{}}"#,
            r#"{"base":"btc","at":[],"values":{"a":[null]}}"#,
        ] {
            assert_eq!(History::decode(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
