//! Keys on the posts of counters: a post sent again counts once.
//!
//! Scenario: clients that send a post again because its answer was lost. Mechanism: the same post under
//! one key, later and at the same time; the counter's value. Needs: `BANK_URL`, and nobody else posting
//! bitcoins meanwhile.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use tests::request::Request;
use tests::{Answer, Bank, fresh, settled_at_once};

fn post<'a>(bank: &'a Bank, path: &str, key: &str) -> Request<'a> {
    bank.post(path).idempotency_key(key)
}

#[track_caller]
fn assert_replayed(first: &Answer, second: &Answer) {
    assert_eq!((second.status, second.replayed()), (first.status, true), "{second}");
    assert_eq!(second.body_to_replay(), first.body_to_replay());
}

async fn value(bank: &Bank, path: &str) -> i64 {
    bank.get(path).await.is(200).json::<serde_json::Value>()["value"].as_i64().unwrap()
}

#[tokio::test]
async fn a_post_under_a_key_counts_once() {
    let bank = Bank::from_env();
    let path = format!("/v1/counters/{}", fresh("visits"));
    let first = post(&bank, &path, "k").await.is(200);
    assert!(!first.replayed(), "{first}");
    for _ in 0..50 {
        bank.post(&path).await.is(200);
    }
    assert_replayed(&first, &post(&bank, &path, "\"k\"").await);
    assert_eq!(value(&bank, &path).await, 51);
}

#[tokio::test]
async fn a_hundred_posts_at_once_under_one_key_count_once() {
    let bank = Bank::from_env();
    let path = format!("/v1/counters/{}", fresh("visits"));
    let answers = settled_at_once(vec![post(&bank, &path, "k"); 100]).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (200, answers[0].text()), "{answer}");
    }
    assert_eq!(value(&bank, &path).await, 1);
}

#[tokio::test]
async fn a_key_used_for_another_step_is_refused() {
    let bank = Bank::from_env();
    let path = format!("/v1/counters/{}", fresh("visits"));
    post(&bank, &path, "k").await.is(200);
    post(&bank, &format!("{path}?by=2"), "k").await.problem(422, "idempotency-key-reuse");
    assert_eq!(value(&bank, &path).await, 1);
}

#[tokio::test]
async fn a_step_of_one_said_or_not_is_the_same_request() {
    let bank = Bank::from_env();
    let path = format!("/v1/counters/{}", fresh("visits"));
    let first = post(&bank, &path, "k").await.is(200);
    assert_replayed(&first, &post(&bank, &format!("{path}?by=1"), "k").await);
}

#[tokio::test]
async fn one_counters_key_is_not_anothers() {
    let bank = Bank::from_env();
    for _ in 0..2 {
        let path = format!("/v1/counters/{}", fresh("visits"));
        assert!(!post(&bank, &path, "shared").await.is(200).replayed());
        assert_eq!(value(&bank, &path).await, 1);
    }
}

#[tokio::test]
async fn a_post_of_bitcoins_under_a_key_counts_once() {
    let bank = Bank::from_env();
    let key = fresh("k");
    let first = post(&bank, "/v1/bitcoins?bitcoins=0.00000001", &key).await.is(200);
    bank.post("/v1/bitcoins?bitcoins=0.00000001").await.is(200);
    let before = bank.get("/v1/bitcoins").await.is(200);
    assert_replayed(&first, &post(&bank, "/v1/bitcoins?bitcoins=0.00000001", &key).await);
    assert_eq!(bank.get("/v1/bitcoins").await.is(200).body, before.body);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let bank = Bank::from_env();
    let path = format!("/v1/counters/{}", fresh("visits"));
    for key in ["", "a b", &"k".repeat(256)] {
        post(&bank, &path, key).await.problem(400, "invalid-idempotency-key");
    }
    post(&bank, &path, "k").idempotency_key("k").await.is(400);
    assert_eq!(value(&bank, &path).await, 0);
}
