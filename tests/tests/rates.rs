//! Exchange rates: CoinGecko's, with every digit, fetched no more often than necessary.
//!
//! Scenario: an upstream that is well. Mechanism: the stand-in for CoinGecko has set values and counts its
//! requests; a bank whose rates live for a second fetches again and again. Needs: `BANK_URL` of a bank with
//! `rates_ttl_seconds=1` and `rates_max_stale_seconds=8`, and its stand-in as `COINGECKO_URL`. Caching headers:
//! `rates_cache.rs`; failures: `rates_outage.rs`.

use serde_json::Value;
use tests::coingecko::document;
use tests::{Feed, fresh};

#[tokio::test]
async fn rates_are_those_of_the_upstream_with_every_digit() {
    let feed = Feed::from_env().await;
    let digits = "67187.3358936566000000000000000000000000000001";
    feed.refresh_with([("usd", digits), ("jpy", "10557343"), ("xdr", "50601.700000")]).await;
    let answer = feed.bank().get("/v1/rates").await.is(200);
    let rates: Value = answer.json();
    assert_eq!((rates["base"].as_str(), rates["stale"].as_bool()), (Some("btc"), Some(false)));
    assert_eq!(rates["rates"].as_object().unwrap().len(), document::COUNT);
    let usd = &rates["rates"]["usd"];
    assert_eq!(usd["value"], digits);
    assert_eq!(
        (&usd["name"], &usd["unit"], &usd["type"]),
        (&"US Dollar".into(), &"$".into(), &"fiat".into())
    );
    assert_eq!(rates["rates"]["jpy"]["value"], "10557343");
    assert_eq!(rates["rates"]["xdr"]["value"], "50601.700000");
    assert_eq!(rates["rates"]["eur"]["unit"], "€");
}

#[tokio::test]
async fn rates_say_when_they_are_from() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    let rates: Value = feed.bank().get("/v1/rates").await.is(200).json();
    let as_of = rates["as_of"].as_str().unwrap();
    let shape: String = as_of.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99Z", "{as_of}");
    assert!(rates["age_seconds"].as_u64().unwrap() <= 2, "{rates}");
}

#[tokio::test]
async fn one_rate_is_answered_alone_in_any_case_of_letters() {
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", "67187.3358936566")]).await;
    for code in ["usd", "USD", "uSd"] {
        let rate: Value = feed.bank().get(format!("/v1/rates/{code}")).await.is(200).json();
        assert_eq!((&rate["code"], &rate["base"]), (&"usd".into(), &"btc".into()));
        assert_eq!((&rate["value"], &rate["name"]), (&"67187.3358936566".into(), &"US Dollar".into()));
        assert_eq!((&rate["unit"], &rate["type"]), (&"$".into(), &"fiat".into()));
        assert!(rate["as_of"].is_string() && rate["age_seconds"].is_u64() && rate["stale"].is_boolean());
    }
}

#[tokio::test]
async fn a_currency_nobody_knows_is_unknown() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    for code in ["nix", "us", "usdd", "%20usd", "u%2Fd", "%ff", &"u".repeat(2000), "stale", "rates"] {
        feed.bank().get(format!("/v1/rates/{code}")).await.problem(404, "unknown-currency");
    }
}

#[tokio::test]
async fn the_upstream_is_asked_as_it_documents() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    let seen = feed.requests().await;
    assert_eq!(seen.path, "/api/v3/exchange_rates");
    assert!(seen.headers.contains_key("user-agent"), "{seen:?}");
}

#[tokio::test]
async fn the_upstream_gets_its_api_key_and_nothing_of_the_caller() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    let user = fresh("ann");
    feed.until("an answer", |answer| answer.status == 200).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    feed.bank().get("/v1/rates").user(&user).await.is(200);
    let seen = feed.requests().await;
    let api_key = std::env::var("COINGECKO_API_KEY").ok();
    assert_eq!(seen.headers.get("x-cg-demo-api-key"), api_key.as_ref(), "{seen:?}");
    assert!(!seen.headers.values().any(|value| value.contains(&user)), "{seen:?}");
}

#[tokio::test]
async fn fresh_rates_are_served_without_asking_again() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    let before = feed.requests().await.hits;
    let first: Value = feed.bank().get("/v1/rates").await.is(200).json();
    for _ in 0..10 {
        feed.bank().get("/v1/rates/usd").await.is(200);
    }
    let last: Value = feed.bank().get("/v1/rates").await.is(200).json();
    let fetched = feed.requests().await.hits - before;
    // Twelve answers within one life at best, two lives at worst; an upstream asked each time shows.
    assert!(fetched <= 2, "asked {fetched} times; as of {} and {}", first["as_of"], last["as_of"]);
}

#[tokio::test]
async fn new_rates_are_there_once_the_old_ones_have_lived() {
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", "60000.1")]).await;
    feed.refresh_with([("usd", "70000.2")]).await;
    let rate: Value = feed.bank().get("/v1/rates/usd").await.is(200).json();
    assert_eq!(rate["value"], "70000.2");
}

#[tokio::test]
async fn the_history_has_a_point_for_what_was_fetched() {
    let feed = Feed::from_env().await;
    feed.refresh_with([("usd", "60000.1")]).await;
    feed.refresh_with([("usd", "70000.2")]).await;
    let last = |column: &Value| column.as_array().and_then(|column| column.last().cloned());
    let begun = std::time::Instant::now();
    loop {
        let answer = feed.bank().get("/v1/rates/history").await.is(200);
        assert!(answer.body.len() < 64 << 10, "{} bytes", answer.body.len());
        let history: Value = answer.json();
        let points = history["at"].as_array().unwrap().len();
        assert_eq!(history["base"], "btc");
        for column in history["values"].as_object().unwrap().values() {
            assert_eq!(column.as_array().unwrap().len(), points);
        }
        if last(&history["values"]["usd"]) == Some("70000.2".into()) {
            return;
        }
        assert!(begun.elapsed().as_secs() < 10, "the point never came: {answer}");
    }
}

#[tokio::test]
async fn head_of_rates_is_answered() {
    let feed = Feed::from_env().await;
    feed.refresh().await;
    for path in ["/v1/rates", "/v1/rates/usd", "/v1/rates/history", "/v1/convert?amount=1&from=usd&to=eth"] {
        feed.bank().head(path).await.is(200);
    }
}
