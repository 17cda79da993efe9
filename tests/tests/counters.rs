//! Named counters: whole numbers that nobody's post is lost from.
//!
//! Scenario: fresh counters, one by one and a thousand posts at once. Mechanism: the value after each
//! post and at the end. Needs: `BANK_URL`. Keys on posts: `keyed_counters.rs`.

use serde::Deserialize;
use std::collections::BTreeSet;
use tests::{Answer, Bank, at_once, fresh};

#[derive(Deserialize)]
struct Counter {
    name: String,
    value: i64,
}

#[track_caller]
fn value(answer: &Answer) -> i64 {
    answer.clone().is(200).json::<Counter>().value
}

fn path(name: &str) -> String {
    format!("/v1/counters/{name}")
}

#[tokio::test]
async fn a_counter_that_nobody_touched_is_zero() {
    let bank = Bank::from_env();
    let name = fresh("visits");
    let counter: Counter = bank.get(path(&name)).await.is(200).json();
    assert_eq!((counter.name, counter.value), (name, 0));
}

#[tokio::test]
async fn a_post_counts_one() {
    let bank = Bank::from_env();
    let name = fresh("visits");
    for expected in 1..=3 {
        let counter: Counter = bank.post(path(&name)).await.is(200).json();
        assert_eq!((counter.name.as_str(), counter.value), (name.as_str(), expected));
    }
    assert_eq!(value(&bank.get(path(&name)).await), 3);
}

#[tokio::test]
async fn a_post_counts_by_what_it_says() {
    let bank = Bank::from_env();
    let path = path(&fresh("visits"));
    for (by, expected) in [("1", 1), ("41", 42), ("1000000000", 1_000_000_042)] {
        assert_eq!(value(&bank.post(format!("{path}?by={by}")).await), expected);
    }
}

#[tokio::test]
async fn a_thousand_posts_at_once_sum_exactly() {
    let bank = Bank::from_env();
    let path = path(&fresh("visits"));
    let answers = at_once(vec![bank.post(format!("{path}?by=3")); 1000]).await;
    let (done, rest): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let values: BTreeSet<i64> = done.iter().map(|answer| value(answer)).collect();
    assert_eq!(values.len(), done.len(), "two posts were told the same value");
    // A post that got a 503 counted or did not; without any, the sum is 3000 and nothing else.
    rest.iter().for_each(|answer| drop(answer.problem(503, "storage-unavailable")));
    let sum = value(&bank.get(path).await);
    let (least, most) = (3 * done.len() as i64, 3000);
    assert!((least..=most).contains(&sum) && sum % 3 == 0, "{sum} after {} posts", done.len());
}

#[tokio::test]
async fn what_is_no_step_is_refused_and_counts_nothing() {
    let bank = Bank::from_env();
    let path = path(&fresh("visits"));
    for by in [
        "0",
        "-1",
        "%2B1",
        "+1",
        "1.5",
        "1.0",
        "1e3",
        "1000000001",
        "01",
        "",
        "%201",
        "one",
        "0x1",
        "%00",
        "%ff",
        "9223372036854775808",
        "99999999999999999999999999999999",
    ] {
        let answer = bank.post(format!("{path}?by={by}")).await;
        answer.problem(400, "malformed-request");
    }
    assert_eq!(value(&bank.get(path).await), 0);
}

#[tokio::test]
async fn a_step_said_twice_is_malformed() {
    let bank = Bank::from_env();
    let path = path(&fresh("visits"));
    bank.post(format!("{path}?by=1&by=1")).await.problem(400, "malformed-request");
    assert_eq!(value(&bank.get(path).await), 0);
}

#[tokio::test]
async fn a_name_that_is_none_is_malformed() {
    let bank = Bank::from_env();
    for name in [&"n".repeat(65), "a%20b", "a@b", "%C3%A9", "a:b", "a%2Fb", "a+b", "%", "%zz", "%00", "%ff"] {
        bank.get(path(name)).await.problem(400, "malformed-request");
        bank.post(path(name)).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn every_allowed_character_makes_a_name() {
    let bank = Bank::from_env();
    for name in ["v", "A.z_9-", &format!("{:n<64}", fresh("visits"))] {
        assert_eq!(bank.get(path(name)).await.is(200).json::<Counter>().name, *name);
    }
}

#[tokio::test]
async fn counters_do_not_touch_each_other_or_anything_else() {
    let bank = Bank::from_env();
    let name = fresh("ann");
    bank.deposit(&name, "5.00").await;
    bank.post(path(&name)).await.is(200);
    bank.post(path(&format!("{name}.")).to_string()).await.is(200);
    assert_eq!(value(&bank.get(path(&name)).await), 1);
    assert_eq!(bank.balance(&name).await, "5.00");
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let bank = Bank::from_env();
    let path = path(&fresh("visits"));
    bank.post(&path).json(vec![b' '; 4097]).await.problem(413, "payload-too-large");
    assert_eq!(value(&bank.get(path).await), 0);
}
