//! What a cache in front may keep of the rates, and for how long.
//!
//! Scenario: a client that asks again with the `etag` it was given. Mechanism: headers of `/v1/rates`;
//! the stand-in for CoinGecko changes a value. Needs: what `rates.rs` needs.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests: a panic here is a test that fails")]

use serde_json::Value;
use tests::{Answer, Feed};

fn max_age(answer: &Answer) -> u64 {
    let said = answer.header("cache-control").unwrap_or_default();
    said.trim_start_matches("public, max-age=").parse().expect("a number of seconds")
}

fn etag(answer: &Answer) -> String {
    let etag = answer.header("etag").unwrap_or_else(|| panic!("no etag: {answer}"));
    let plain = etag.trim_start_matches("W/");
    assert!(plain.len() > 2 && plain.starts_with('"') && plain.ends_with('"'), "{answer}");
    etag.to_owned()
}

#[tokio::test]
async fn rates_may_be_kept_for_what_is_left_of_their_life() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    for _ in 0..20 {
        let answer = feed.bank().get("/v1/rates").await.is(200);
        let age = answer.json::<Value>()["age_seconds"].as_u64().unwrap();
        assert!(max_age(&answer) <= 2_u64.saturating_sub(age), "{answer}");
    }
}

#[tokio::test]
async fn stale_rates_may_not_be_kept() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    feed.set_mode("500").await;
    let stale = |answer: &Answer| answer.status == 200 && answer.json::<Value>()["stale"] == true;
    let answer = feed.until("stale rates", stale).await;
    assert_eq!(max_age(&answer), 0, "{answer}");
}

#[tokio::test]
async fn a_client_that_has_the_rates_already_is_told_so() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    // Between the two answers the rates may have been fetched again; then the next pair is judged.
    for _ in 0..5 {
        let first = feed.bank().get("/v1/rates").await.is(200);
        let again = feed.bank().get("/v1/rates").header("if-none-match", etag(&first)).await;
        if again.status == 304 {
            assert!(again.body.is_empty(), "{again}");
            assert_eq!(etag(&again), etag(&first));
            return;
        }
    }
    panic!("five times the same rates, and never a 304");
}

#[tokio::test]
async fn any_of_several_tags_will_do() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    for _ in 0..5 {
        let first = etag(&feed.bank().get("/v1/rates").await.is(200));
        let mut seen = Vec::new();
        for tags in
            [format!("\"other\", {first}"), format!("W/{}", first.trim_start_matches("W/")), "*".into()]
        {
            seen.push(feed.bank().get("/v1/rates").header("if-none-match", tags).await.status);
        }
        if seen == [304, 304, 304] {
            return;
        }
    }
    panic!("five times the same rates, and never a 304");
}

#[tokio::test]
async fn a_client_that_has_other_rates_gets_the_new_ones() {
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", "60000.1")]).await;
    let old = etag(&feed.bank().get("/v1/rates").await.is(200));
    feed.refresh_with([("usd", "70000.2")]).await;
    let answer = feed.bank().get("/v1/rates").header("if-none-match", &old).await.is(200);
    assert_ne!(etag(&answer), old);
}
