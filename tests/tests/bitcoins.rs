//! The bitcoin counter: one total for everybody, exact to the satoshi.
//!
//! Scenario: posts one by one and a thousand at once, good and bad parameters. Mechanism: the total
//! before and after; the tests of this file take turns, since there is one counter. Needs: `BANK_URL`,
//! and nobody else posting meanwhile. Its upper limit: `counter_limit.rs`.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use tests::money::units;
use tests::token::Mint;
use tests::{Answer, Bank, at_once};
use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

#[derive(Deserialize)]
struct Total {
    bitcoins: Box<RawValue>,
}

/// The total's very characters.
fn total(answer: &Answer) -> String {
    answer.json::<Total>().bitcoins.get().to_owned()
}

async fn alone() -> (Bank, MutexGuard<'static, ()>) {
    (Bank::from_env(), TURN.lock().await)
}

async fn now(bank: &Bank) -> i128 {
    units(&total(&bank.get("/v1/bitcoins").await.is(200)))
}

async fn add(bank: &Bank, bitcoins: &str) -> Answer {
    bank.post(format!("/v1/bitcoins?bitcoins={bitcoins}")).await
}

#[tokio::test]
async fn a_post_answers_with_the_total_after_it() {
    let (bank, _turn) = alone().await;
    for bitcoins in ["1", "1.5", "1.50", "0.00000001", "0.1", "0.2", "2.00000000"] {
        let before = now(&bank).await;
        let after = units(&total(&add(&bank, bitcoins).await.is(200)));
        assert_eq!(after, before + units(bitcoins), "{bitcoins}");
        assert_eq!(now(&bank).await, after);
    }
}

#[tokio::test]
async fn the_total_is_a_plain_number_with_all_its_digits_and_no_further_zeros() {
    let (bank, _turn) = alone().await;
    // From here to a whole number, then a satoshi more.
    let missing = 100_000_000 - now(&bank).await % 100_000_000;
    let whole = total(&add(&bank, &tests::money::shown(missing)).await.is(200));
    assert!(whole.bytes().all(|c| c.is_ascii_digit()), "{whole}");
    let fraction = total(&add(&bank, "0.00000001").await.is(200));
    assert_eq!(fraction, format!("{whole}.00000001"));
    let half = total(&add(&bank, "0.49999999").await.is(200));
    assert_eq!(half, format!("{whole}.5"));
    add(&bank, "0.5").await.is(200);
}

#[tokio::test]
async fn a_thousand_posts_at_once_sum_exactly() {
    let (bank, _turn) = alone().await;
    let before = now(&bank).await;
    let answers = at_once(vec![bank.post("/v1/bitcoins?bitcoins=0.00000003"); 1000]).await;
    let (done, rest): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let totals: BTreeSet<i128> = done.iter().map(|answer| units(&total(answer))).collect();
    assert_eq!(totals.len(), done.len(), "two posts were told the same total");
    // A post that got a 503 counted or did not; without any, the sum is 3000 and nothing else.
    rest.iter().for_each(|answer| drop(answer.problem(503, "storage-unavailable")));
    let sum = now(&bank).await - before;
    let (least, most) = (3 * done.len() as i128, 3000);
    assert!((least..=most).contains(&sum) && sum % 3 == 0, "{sum} after {} posts", done.len());
}

/// Each query is refused with this code, and the total stays.
async fn assert_refused(code: &str, queries: &[&str]) {
    let (bank, _turn) = alone().await;
    let before = now(&bank).await;
    for query in queries {
        bank.post(format!("/v1/bitcoins{query}")).await.problem(400, code);
    }
    assert_eq!(now(&bank).await, before);
}

#[tokio::test]
async fn what_is_no_amount_is_refused() {
    let queries = [
        "1e2",
        "-1",
        "%2B1",
        "+1",
        "01",
        "1.",
        ".5",
        "%201",
        "1%20",
        "1.000000001",
        "0",
        "0.00",
        "null",
        "true",
        "ten",
        "1,5",
        "%22",
        "%00",
        "%ff",
        "NaN",
        "1000000000000000",
        "99999999999999999999999999",
        "9223372036854775808",
        "18446744073709551616",
    ]
    .map(|bitcoins| format!("?bitcoins={bitcoins}"));
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    assert_refused("invalid-amount", &queries).await;
}

#[tokio::test]
async fn more_than_there_will_ever_be_is_refused() {
    assert_refused("invalid-amount", &["?bitcoins=21000000.00000001", "?bitcoins=21000001"]).await;
}

#[tokio::test]
async fn a_post_that_does_not_say_how_many_is_malformed() {
    assert_refused("malformed-request", &["", "?", "?other=1", "?Bitcoins=1", "?bitcoin=1"]).await;
}

#[tokio::test]
async fn a_post_that_says_it_twice_is_malformed() {
    let queries = ["?bitcoins=1&bitcoins=1", "?bitcoins=1&x=y&bitcoins=2", "?bitcoins=1&%62itcoins=1"];
    assert_refused("malformed-request", &queries).await;
}

#[tokio::test]
async fn a_body_is_ignored() {
    let (bank, _turn) = alone().await;
    let before = now(&bank).await;
    let request = bank.post("/v1/bitcoins?bitcoins=0.00000001");
    request.json(r#"{"bitcoins":5,"#).await.is(200);
    assert_eq!(now(&bank).await, before + 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let (bank, _turn) = alone().await;
    let before = now(&bank).await;
    let request = bank.post("/v1/bitcoins?bitcoins=0.00000001").json(vec![b' '; 4097]);
    request.clone().await.problem(413, "payload-too-large");
    request.without_length().await.problem(413, "payload-too-large");
    assert_eq!(now(&bank).await, before);
}

#[tokio::test]
async fn nobody_needs_a_name_to_count() {
    let (bank, _turn) = alone().await;
    let post = || bank.post("/v1/bitcoins?bitcoins=0.00000001");
    post().await.is(200);
    // Beside a token it would have to be the token's.
    if Mint::from_env().is_none() {
        post().user("not a name").await.is(200);
    }
}
