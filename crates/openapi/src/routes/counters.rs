//! `components/counter`

use api::Code::{InvalidAmount, LimitExceeded, MalformedRequest, NotFound, StorageUnavailable};
use api::view::{BitcoinsView, CounterView};
use serde_json::value::RawValue;

use crate::operation::Route;
use crate::parameter;

const TAG: &str = "Counters";

pub fn all() -> Vec<Route> {
    vec![bitcoins(), add_bitcoins(), counter(), add_to_counter()]
}

fn bitcoins() -> Route {
    Route::get("/v1/bitcoins", "bitcoins")
        .described(
            TAG,
            "Bitcoins counted so far",
            "A JSON number with all its digits: `5`, `5.5`, `0.00000001`.",
        )
        .answers("The total", &[("bitcoins", total("5"))])
        .may_fail([StorageUnavailable])
}

fn add_bitcoins() -> Route {
    let description = "Answers the total after it. A total past 2^63 − 1 satoshis is refused, never wrapped.";
    Route::post("/v1/bitcoins", "addBitcoins")
        .described(TAG, "Count bitcoins", description)
        .with_any_token()
        .takes([parameter::bitcoins()])
        .answers("The total after it", &[("bitcoins", total("10.5"))])
        .with_headers(["idempotent-replayed"])
        .may_fail([MalformedRequest, InvalidAmount, LimitExceeded, StorageUnavailable])
}

fn counter() -> Route {
    Route::get("/v1/counters/{name}", "counter")
        .described(TAG, "A counter's value", "0 when it was never touched.")
        .takes([parameter::counter_name()])
        .answers("The value", &[("visits", CounterView { name: "visits", value: 41 })])
        .may_fail([MalformedRequest, NotFound, StorageUnavailable])
}

fn add_to_counter() -> Route {
    Route::post("/v1/counters/{name}", "addToCounter")
        .described(TAG, "Add to a counter", "Answers the value after it.")
        .with_any_token()
        .takes([parameter::counter_name(), parameter::by()])
        .answers("The value after it", &[("visits", CounterView { name: "visits", value: 42 })])
        .with_headers(["idempotent-replayed"])
        .may_fail([MalformedRequest, NotFound, LimitExceeded, StorageUnavailable])
}

fn total(digits: &str) -> BitcoinsView {
    let bitcoins = RawValue::from_string(digits.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    BitcoinsView { bitcoins }
}
