//! The parameters and answers of the routes.

use std::time::UNIX_EPOCH;

use api::view::{AgeView, ConvertedView, OneRateView, RateView, RatesView};
use api::{Answer, Problem, Request, money};
use ledger::Amount;
use serde::Serialize;

use crate::cache::CurrentRates;
use crate::convert::Conversion;
use crate::sheet::Currency;

/// The code in `/v1/rates/{code}`.
pub fn code_in_path(request: &Request) -> Result<String, Problem> {
    let code =
        request.path().strip_prefix("/v1/rates/").filter(|code| !code.is_empty() && !code.contains('/'));
    code.map(str::to_owned).ok_or_else(Problem::not_found)
}

/// The parameters of a conversion: how much, from what, to what.
pub fn conversion(request: &Request) -> Result<(Amount, String, String), Problem> {
    let required = |name| {
        let missing = || Problem::malformed(format!("The query parameter {name} is missing."));
        request.query(name)?.ok_or_else(missing)
    };
    Ok((money::amount(&required("amount")?)?, required("from")?, required("to")?))
}

/// All rates.
pub fn all(request: &Request, kept: &CurrentRates) -> Answer {
    cacheable(request, kept, &RatesView { base: "btc", age: age(kept), rates: &kept.sheet.rates })
}

/// One rate.
pub fn one(request: &Request, kept: &CurrentRates, code: &str, currency: &Currency) -> Answer {
    cacheable(request, kept, &OneRateView { code, base: "btc", rate: rate(currency), age: age(kept) })
}

/// A conversion.
pub fn converted(
    kept: &CurrentRates,
    amount: Amount,
    from: &str,
    to: &str,
    conversion: &Conversion,
) -> Answer {
    Answer::json(&ConvertedView {
        amount: amount.to_string(),
        from,
        to,
        rate: conversion.rate.as_amount(),
        result: conversion.result.as_amount(),
        age: age(kept),
    })
    .aged(kept.age.as_secs())
}

fn rate(currency: &Currency) -> RateView<'_> {
    let Currency { name, unit, value, r#type } = currency;
    RateView { name, unit, value, r#type }
}

fn age(kept: &CurrentRates) -> AgeView {
    let as_of = UNIX_EPOCH.checked_add(kept.as_of).unwrap_or(UNIX_EPOCH);
    AgeView {
        as_of: humantime::format_rfc3339_seconds(as_of).to_string(),
        age_seconds: kept.age.as_secs(),
        stale: kept.is_stale(),
    }
}

/// Caches may keep rates for the rest of their lifetime. The tag is weak: the age in the body changes while the rates
/// stay the same (RFC 9110, section 8.8.1).
fn cacheable(request: &Request, kept: &CurrentRates, document: &impl Serialize) -> Answer {
    let tag = format!("W/\"{:x}-{}\"", kept.sheet.as_of_ms, u8::from(kept.is_stale()));
    let answer = if request.has(&tag) { Answer::not_modified() } else { Answer::json(document) };
    let control = format!("public, max-age={}", kept.fresh_for.as_secs());
    answer.aged(kept.age.as_secs()).with("etag", tag).with("cache-control", control)
}
