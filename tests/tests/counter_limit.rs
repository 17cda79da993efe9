//! The bitcoin counter ends at 2^63 - 1 satoshis and never wraps.
//!
//! Scenario: posts of the largest amount until the counter is full, then many at once. Mechanism: the
//! total after each. Needs: `BANK_URL` of a bank that may be thrown away, since its counter stays full:
//! that is why these tests are ignored unless asked for, as `prove` does (`--include-ignored`).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tests::money::{shown, units};
use tests::{Answer, Bank, at_once};

const FULL: i128 = i64::MAX as i128;
const LARGEST: i128 = 21_000_000 * 100_000_000;

fn total(answer: &Answer) -> i128 {
    let body: BTreeMap<String, Box<RawValue>> = answer.json();
    units(body["bitcoins"].get())
}

async fn now(bank: &Bank) -> i128 {
    total(&bank.get("/v1/bitcoins").await.is(200))
}

/// Adds until only so many satoshis are missing.
async fn fill(bank: &Bank, missing: i128) {
    loop {
        let left = FULL - now(bank).await - missing;
        let path = format!("/v1/bitcoins?bitcoins={}", shown(left.min(LARGEST)));
        let times = usize::try_from((left / LARGEST).clamp(1, 50)).unwrap();
        match left {
            ..0 => panic!("already fuller than that: this bank was used before"),
            0 => return,
            _ => at_once(vec![bank.post(path); times]).await,
        };
    }
}

#[tokio::test]
#[ignore = "fills the counter of the bank for good"]
async fn the_counter_takes_everything_up_to_its_end_and_nothing_past_it() {
    let bank = Bank::from_env();
    fill(&bank, 10).await;
    let one = bank.post("/v1/bitcoins?bitcoins=0.00000001");
    let answers = at_once(vec![one; 50]).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in refused {
        answer.problem(422, "limit-exceeded");
    }
    assert_eq!(done.len(), 10, "ten satoshis were missing");
    assert_eq!(now(&bank).await, FULL);
    for bitcoins in ["0.00000001", "1", "21000000"] {
        let answer = bank.post(format!("/v1/bitcoins?bitcoins={bitcoins}")).await;
        answer.problem(422, "limit-exceeded");
    }
    let answer = bank.get("/v1/bitcoins").await.is(200);
    assert_eq!(answer.text(), r#"{"bitcoins":92233720368.54775807}"#);
    assert!(answer.json::<Value>().is_object());
}
