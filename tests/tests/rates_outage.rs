//! When CoinGecko fails, the last good rates are shown, marked as stale, for as long as allowed.
//!
//! Scenario: an upstream that fails in every way, recovers, or sends nonsense. Mechanism: the stand-in for
//! CoinGecko is set to misbehave; a bank whose rates live for a second fetches from it. Needs: what `rates.rs`
//! needs.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use serde_json::Value;
use tests::coingecko::{Control, document};
use tests::{Answer, Feed, limits};

fn is_stale(answer: &Answer) -> bool {
    answer.status == 200 && answer.json::<Value>()["stale"] == true
}

/// The upstream fails; the bank answers with the rates that it has, marks them as stale, and is never slow.
async fn assert_stands_in(feed: &Feed) {
    let good: Value = feed.bank().get("/v1/rates").await.is(200).json();
    let answer = feed.until("stale rates", is_stale).await;
    let stale: Value = answer.json();
    assert_eq!(stale["rates"], good["rates"], "the last good ones: {answer}");
    assert_eq!(stale["as_of"], good["as_of"], "{answer}");
    assert!(stale["age_seconds"].as_u64().unwrap() >= 1, "{answer}");
    let again = feed.bank().get("/v1/rates/usd").await.is(200);
    assert!(again.took < limits::RATES_ANSWER, "{:?}: {again}", again.took);
}

async fn assert_stands_in_when_upstream_turns(mode: &str) {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode(mode).await;
    assert_stands_in(&feed).await;
}

async fn assert_stands_in_when_upstream_says(document: &str) {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_body(document).await;
    assert_stands_in(&feed).await;
}

/// Seconds of the day in `2026-11-20T18:00:00Z` or `Fri, 20 Nov 2026 18:00:00 GMT`.
fn time_of_day(text: &str) -> i64 {
    let clock = text.split([' ', 'T', 'Z']).find(|part| part.contains(':')).unwrap();
    clock.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<i64>().unwrap())
}

#[tokio::test]
async fn the_age_of_rates_is_their_age_when_they_are_answered() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode("hang").await;
    let answer = feed.until("stale rates", is_stale).await;
    let rates: Value = answer.json();
    let now = time_of_day(answer.header("date").unwrap());
    let age = (now - time_of_day(rates["as_of"].as_str().unwrap())).rem_euclid(86_400);
    // A second for the clock of the `date` header, which may be read a little earlier or later.
    assert!((rates["age_seconds"].as_i64().unwrap() - age).abs() <= 1, "{age} seconds: {answer}");
}

macro_rules! stands_in_when_upstream_turns {
    ($($name:ident: $mode:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            assert_stands_in_when_upstream_turns($mode).await;
        })*
    };
}

stands_in_when_upstream_turns! {
    the_last_good_rates_stand_in_when_the_upstream_fails: "500";
    the_last_good_rates_stand_in_when_the_upstream_has_had_enough: "429";
    the_last_good_rates_stand_in_when_the_upstream_says_not_found: "404";
    the_last_good_rates_stand_in_when_the_upstream_has_no_content: "204";
    the_last_good_rates_stand_in_when_the_upstream_is_slow: "slow";
    the_last_good_rates_stand_in_when_the_upstream_drips: "drip";
    the_last_good_rates_stand_in_when_the_upstream_hangs: "hang";
    the_last_good_rates_stand_in_when_the_upstream_resets: "reset";
    the_last_good_rates_stand_in_when_the_upstream_breaks_off: "cut";
    the_last_good_rates_stand_in_when_the_upstream_points_elsewhere: "redirect";
    the_last_good_rates_stand_in_when_the_upstream_talks_nonsense: "nonsense";
    the_last_good_rates_stand_in_when_the_upstream_says_nothing: "empty";
    the_last_good_rates_stand_in_when_the_upstream_says_far_too_much: "huge";
}

macro_rules! stands_in_when_upstream_says {
    ($($name:ident: $document:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            assert_stands_in_when_upstream_says($document).await;
        })*
    };
}

stands_in_when_upstream_says! {
    a_document_of_another_kind_is_no_rates: r#"["rates"]"#;
    a_document_without_rates_is_no_rates: r#"{"status":{"error_code":429}}"#;
    a_document_with_no_rate_at_all_is_no_rates: r#"{"rates":{}}"#;
    a_document_whose_values_are_words_is_no_rates:
        r#"{"rates":{"usd":{"name":"US Dollar","unit":"$","value":"many","type":"fiat"}}}"#;
}

#[tokio::test]
async fn an_upstream_that_points_elsewhere_is_not_followed() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode("redirect").await;
    feed.until("stale rates", is_stale).await;
    assert_eq!(feed.requests().await.path, "/api/v3/exchange_rates");
}

#[tokio::test]
async fn an_upstream_that_asks_for_time_is_given_it() {
    let seconds = Control { retry_after: "6".into(), ..Control::default() };
    assert_given_time(&Feed::from_env().await, seconds).await;
}

#[tokio::test]
async fn an_upstream_that_asks_for_time_by_a_date_is_given_it_by_its_own_clock() {
    let [date, retry_after] = ["09:00:00", "09:00:06"].map(|time| format!("Tue, 06 Nov 2001 {time} GMT"));
    assert_given_time(&Feed::from_env().await, Control { date, retry_after, ..Control::default() }).await;
}

async fn assert_given_time(feed: &Feed, control: Control) {
    feed.refresh().await;
    let before = feed.requests().await.hits;
    feed.control(Control { mode: "429".into(), ..control }).await;
    while feed.requests().await.hits == before {
        feed.bank().get("/v1/rates").await.is(200);
    }
    let refused = feed.requests().await.hits;
    feed.set_mode("ok").await;
    // Without a word from upstream it would be asked again after a second.
    for _ in 0..30 {
        feed.bank().get("/v1/rates").await.is(200);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(feed.requests().await.hits, refused);
    feed.until("rates that are not stale", |answer| !is_stale(answer)).await;
}

#[tokio::test]
async fn an_upstream_that_recovers_is_believed_again() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode("500").await;
    feed.until("stale rates", is_stale).await;
    feed.refresh().await;
    feed.until("rates that are not stale", |answer| !is_stale(answer)).await;
}

#[tokio::test]
async fn rates_that_are_too_old_stand_in_no_more() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode("500").await;
    let answer = feed.until("the end of stale rates", |answer| answer.status == 503).await;
    answer.problem(503, "rates-unavailable");
    for path in ["/v1/rates/usd", "/v1/convert?amount=1&from=usd&to=eth"] {
        feed.bank().get(path).await.problem(503, "rates-unavailable");
    }
    feed.refresh().await;
}

#[tokio::test]
async fn a_strange_value_breaks_no_answer() {
    let feed = Feed::from_env().await;
    for value in ["0", "-1", "1e400", "1e-400", "null", "true", "\"67187.33\"", "1e2", "{}"] {
        feed.refresh().await;
        let document = document::with(&[("usd".to_owned(), value.to_owned())].into());
        feed.set_body(&document).await;
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        for path in ["/v1/rates", "/v1/rates/usd", "/v1/convert?amount=1&from=usd&to=eth"] {
            let answer = feed.bank().get(path).await;
            assert!(matches!(answer.status, 200 | 404 | 503), "{value}: {answer}");
        }
    }
}
