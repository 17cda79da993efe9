//! Currencies that CoinGecko sends in an unusable form do not remove others, and never break an answer.
//!
//! Scenario: one of many currencies is null, zero, too long, of a new type or under a new code. Mechanism: the
//! stand-in for CoinGecko sends it beside a value that no test used before. Needs: what `rates.rs` needs.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use serde_json::Value;
use std::collections::BTreeMap;
use tests::coingecko::document;
use tests::{Answer, Feed};

/// Lets CoinGecko send `odd` beside its usual currencies, and waits until the bank has it.
async fn wait_for(feed: &Feed, odd: &str) -> Value {
    let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let mark = format!("52651.{nanos:020}1");
    let usual = document::with(&BTreeMap::from([("gbp".to_owned(), mark.clone())]));
    feed.set_body(&usual.replacen("{\"rates\":{", &format!("{{\"rates\":{{{odd},"), 1)).await;
    let heard =
        |answer: &Answer| answer.status == 200 && answer.json::<Value>()["rates"]["gbp"]["value"] == *mark;
    feed.until(&format!("the other rates beside {odd}"), heard).await.json()
}

fn odd(value: &str) -> String {
    format!(r#""odd":{{"name":"Odd","unit":"O","value":{value},"type":"fiat"}}"#)
}

#[tokio::test]
async fn one_odd_currency_takes_no_other_away() {
    let feed = Feed::from_env().await;
    let zeros = "0".repeat(41);
    let long = [format!("1{zeros}"), format!("1.{zeros}"), "1e41".into(), "1e-41".into(), "1e400".into()];
    let short = ["null", "0", "0.0", "-1", "true", "\"7\"", "{}", "[]"].map(str::to_owned);
    for value in long.into_iter().chain(short) {
        let rates = wait_for(&feed, &odd(&value)).await;
        assert_eq!(rates["rates"].as_object().unwrap().len(), document::COUNT, "{value}: {rates}");
        feed.bank().get("/v1/rates/odd").await.problem(404, "unknown-currency");
        feed.bank().get("/v1/convert?amount=1&from=odd&to=usd").await.problem(404, "unknown-currency");
        feed.bank().get("/v1/convert?amount=1&from=usd&to=eth").await.is(200);
    }
}

#[tokio::test]
async fn a_currency_whose_members_are_odd_takes_no_other_away() {
    let feed = Feed::from_env().await;
    for odd in [
        r#""odd":null"#,
        r#""odd":[]"#,
        r#""odd":{"name":null,"unit":"O","value":1,"type":"fiat"}"#,
        r#""odd":{"name":"Odd","unit":"O","type":"fiat"}"#,
        r#""ODD":{"name":"Odd","unit":"O","value":1,"type":"fiat"}"#,
        r#""o d":{"name":"Odd","unit":"O","value":1,"type":"fiat"}"#,
    ] {
        let rates = wait_for(&feed, odd).await;
        assert_eq!(rates["rates"].as_object().unwrap().len(), document::COUNT, "{odd}: {rates}");
    }
}

#[tokio::test]
async fn a_new_type_and_a_new_kind_of_code_are_passed_on() {
    let feed = Feed::from_env().await;
    for (code, kind) in [("odd", "stable coin"), ("odd-2", "fiat"), ("1inch-network-token", "crypto")] {
        let odd = format!(r#""{code}":{{"name":"Odd","unit":"O","value":2,"type":"{kind}"}}"#);
        let rates = wait_for(&feed, &odd).await;
        assert_eq!(rates["rates"][code]["type"], kind, "{rates}");
        let one: Value = feed.bank().get(format!("/v1/rates/{code}")).await.is(200).json();
        assert_eq!((&one["code"], &one["value"]), (&code.into(), &"2".into()));
        let path = format!("/v1/convert?amount=1&from=btc&to={code}");
        assert_eq!(feed.bank().get(path).await.is(200).json::<Value>()["result"], "2.00");
    }
}

#[tokio::test]
async fn a_rate_of_forty_digits_before_and_behind_the_point_is_passed_on_and_converted() {
    let feed = Feed::from_env().await;
    let value = format!("{0}.{0}", "7".repeat(40));
    let rates = wait_for(&feed, &odd(&value)).await;
    assert_eq!(rates["rates"]["odd"]["value"], value);
    feed.bank().get("/v1/convert?amount=1&from=odd&to=usd").await.is(200);
}
