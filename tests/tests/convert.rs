//! Conversions: exact, rounded once.
//!
//! Scenario: amounts from one currency into another at rates with many digits. Mechanism: the stand-in for
//! CoinGecko sets the rates, and an exact decimal gives the expected result. Needs: what `rates.rs` needs.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use serde_json::Value;
use tests::decimal::Decimal;
use tests::{Answer, Feed};

/// Rates that stay while a test converts.
const USD: &str = "67187.3358936566000000000000000000000000000001";
const ETH: &str = "29.3781234567890123456789012345678901234567";
const QUARTER: &str = "0.25";

async fn feed() -> Feed {
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", USD), ("eth", ETH), ("xau", QUARTER), ("xag", "3")]).await;
    feed
}

async fn convert(feed: &Feed, amount: &str, from: &str, to: &str) -> Answer {
    feed.bank().get(format!("/v1/convert?amount={amount}&from={from}&to={to}")).await
}

/// What must come out: to / from, times the amount, from the unrounded quotient.
async fn assert_exact(
    feed: &Feed,
    amount: &str,
    (from, from_value): (&str, &str),
    (to, to_value): (&str, &str),
) {
    let answer = convert(feed, amount, from, to).await.is(200);
    let body: Value = answer.json();
    let [of, by] = [to_value, from_value].map(Decimal::read);
    let result = Decimal::read(amount).times_over(&of, &by, 8).shown();
    assert_eq!(body["result"], result, "{answer}");
    let rate = Decimal::one().times_over(&of, &by, 18);
    assert!(Decimal::read(body["rate"].as_str().unwrap()) == rate, "the rate is {}: {answer}", rate.shown());
}

#[tokio::test]
async fn a_conversion_says_what_it_converted_and_at_what_rate() {
    let feed = feed().await;
    let body: Value = convert(&feed, "1.5", "usd", "eth").await.is(200).json();
    assert_eq!((&body["amount"], &body["from"], &body["to"]), (&"1.50".into(), &"usd".into(), &"eth".into()));
    assert!(
        body["as_of"].is_string() && body["age_seconds"].is_u64() && body["stale"].is_boolean(),
        "{body}"
    );
}

#[tokio::test]
async fn results_are_exact_at_any_size() {
    let feed = feed().await;
    let (usd, eth, btc) = (("usd", USD), ("eth", ETH), ("btc", "1.0"));
    for amount in ["1.5", "0.00000001", "1", "3", "999999999999999.99999999", "123456789.12345678"] {
        for (from, to) in [(usd, eth), (eth, usd), (btc, usd), (usd, btc), (usd, usd)] {
            assert_exact(&feed, amount, from, to).await;
        }
    }
}

#[tokio::test]
async fn the_longest_rates_convert_exactly() {
    let (long, small) = (format!("{0}.{0}", "9".repeat(40)), format!("0.{}1", "0".repeat(39)));
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", &long), ("eth", &small)]).await;
    let (usd, eth, btc) = (("usd", long.as_str()), ("eth", small.as_str()), ("btc", "1.0"));
    for amount in ["0.00000001", "1", "999999999999999.99999999"] {
        for (from, to) in [(usd, eth), (eth, usd), (btc, usd), (usd, btc), (eth, eth)] {
            assert_exact(&feed, amount, from, to).await;
        }
    }
}

#[tokio::test]
async fn results_half_way_go_to_the_even_digit() {
    let feed = feed().await;
    // btc into xau: times 0.25. 0.00000002 -> 0.000000005, half way; even is 0.
    for (amount, result) in
        [("0.00000002", "0.00"), ("0.00000006", "0.00000002"), ("0.00000003", "0.00000001")]
    {
        let body: Value = convert(&feed, amount, "btc", "xau").await.is(200).json();
        assert_eq!(body["result"], result, "{amount}");
    }
}

#[tokio::test]
async fn a_quotient_without_end_is_rounded_from_all_of_it() {
    let feed = feed().await;
    for amount in ["1", "2", "0.00000001", "0.00000002", "100000000000000"] {
        assert_exact(&feed, amount, ("xag", "3"), ("btc", "1.0")).await;
    }
}

#[tokio::test]
async fn codes_are_taken_in_any_case_of_letters() {
    let feed = feed().await;
    let body: Value = convert(&feed, "1", "USD", "Eth").await.is(200).json();
    assert_eq!((&body["from"], &body["to"]), (&"usd".into(), &"eth".into()));
}

#[tokio::test]
async fn a_currency_nobody_knows_is_unknown() {
    let feed = feed().await;
    for (from, to) in [("usd", "nix"), ("nix", "usd"), ("", "usd"), ("usd", "%ff")] {
        convert(&feed, "1", from, to).await.problem(404, "unknown-currency");
    }
}

#[tokio::test]
async fn what_is_no_amount_is_refused() {
    let feed = feed().await;
    for amount in ["0", "-1", "1e2", "01", "1.", ".5", "%201", "1.000000001", "", "ten", "1000000000000000"] {
        convert(&feed, amount, "usd", "eth").await.problem(400, "invalid-amount");
    }
}

#[tokio::test]
async fn a_conversion_that_does_not_say_all_is_malformed() {
    let feed = feed().await;
    for query in ["", "?amount=1", "?amount=1&from=usd", "?amount=1&to=usd", "?from=usd&to=eth"] {
        let answer = feed.bank().get(format!("/v1/convert{query}")).await;
        answer.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn a_conversion_that_says_something_twice_is_malformed() {
    let feed = feed().await;
    for twice in ["amount=1", "from=usd", "to=eth"] {
        let answer = feed.bank().get(format!("/v1/convert?amount=1&from=usd&to=eth&{twice}")).await;
        answer.problem(400, "malformed-request");
    }
}
