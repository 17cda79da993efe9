//! `components/rates`

use std::collections::BTreeMap;

use api::Code::{
    InvalidAmount, MalformedRequest, NotFound, RatesUnavailable, StorageUnavailable, UnknownCurrency,
};
use api::view::{ConvertedView, HistoryView, OneRateView, RateView, RatesView};
use serde_json::value::to_raw_value;

use crate::example::age;
use crate::operation::Route;
use crate::parameter;

const TAG: &str = "Rates";

pub fn all() -> Vec<Route> {
    vec![rates(), rate(), history(), convert()]
}

fn rates() -> Route {
    let description = "What one bitcoin is worth, with every digit that CoinGecko sent. A currency that it sends \
                in a form that cannot be used is left out. While CoinGecko fails, the last good \
                rates with `stale: true`, up to a day.";
    let rates = to_raw_value(&BTreeMap::from([("usd", dollar())])).unwrap_or_default();
    let example = RatesView { base: "btc", age: age(), rates: &rates };
    Route::get("/v1/rates", "rates")
        .described(TAG, "All rates", description)
        .answers("All rates", &[("rates", example)])
        .cacheable()
        .may_fail([RatesUnavailable, StorageUnavailable])
}

fn rate() -> Route {
    let example = OneRateView { code: "usd", base: "btc", rate: dollar(), age: age() };
    Route::get("/v1/rates/{code}", "rate")
        .described(TAG, "One rate", "What one bitcoin is worth in one currency.")
        .takes([parameter::currency_code()])
        .answers("The rate", &[("usd", example)])
        .cacheable()
        .may_fail([UnknownCurrency, NotFound, RatesUnavailable, StorageUnavailable])
}

fn history() -> Route {
    let description = "A day of points for a picture: when rates were fetched, and for each currency a value for each \
                of those times. At most 72 points; values are cut at seven digits.";
    let example = HistoryView {
        base: "btc".to_owned(),
        at: ["2026-11-20T17:59:00Z", "2026-11-20T18:00:00Z"].map(str::to_owned).into(),
        values: [("usd".to_owned(), ["67180.10", "67187.33"].map(|value| Some(value.to_owned())).into())]
            .into(),
    };
    Route::get("/v1/rates/history", "history")
        .described(TAG, "How the rates moved", description)
        .answers("The last day", &[("two points", example)])
        .may_fail([StorageUnavailable])
}

fn convert() -> Route {
    let description = "Exact decimal arithmetic at any size. Rounding happens here and nowhere else: the result, from \
                the unrounded quotient, half to even at 8 places; the shown rate at 18.";
    let example = ConvertedView {
        amount: "1.50".to_owned(),
        from: "usd",
        to: "eth",
        rate: "0.000437255059845361".to_owned(),
        result: "0.00065588".to_owned(),
        age: age(),
    };
    Route::get("/v1/convert", "convert")
        .described(TAG, "From one currency to another", description)
        .takes([parameter::amount(), parameter::currency("from", "usd"), parameter::currency("to", "eth")])
        .answers("The amount in the other currency", &[("usd to eth", example)])
        .may_fail([MalformedRequest, InvalidAmount, UnknownCurrency, RatesUnavailable, StorageUnavailable])
}

fn dollar() -> RateView<'static> {
    RateView { name: "US Dollar", unit: "$", value: "67187.33", r#type: "fiat" }
}
