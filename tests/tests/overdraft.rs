//! A wallet is never overdrawn, however many withdrawals come at the same time.
//!
//! Scenario: 500 withdrawals of 1 from a balance of 100, all at once, spread over all processes; after a 503 a
//! client retries under the same key. Mechanism: answers are counted; the wallet shows what is left. Needs:
//! `BANK_URL`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use std::collections::BTreeSet;
use tests::{Answer, Bank, Receipt, at_once, fresh, settled_at_once};

async fn five_hundred_withdrawals(bank: &Bank, user: &str) -> Vec<Answer> {
    bank.deposit(user, "100").await;
    let keys = (0..500).map(|n| format!("withdrawal-{n}"));
    let requests = keys.map(|key| bank.post("/v1/withdraw").user(user).idempotency_key(key).amount("1"));
    settled_at_once(requests).await
}

#[tokio::test]
async fn of_five_hundred_withdrawals_at_once_exactly_a_hundred_go_through() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let answers = five_hundred_withdrawals(&bank, &user).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        answer.problem(422, "insufficient-funds");
    }
    assert_eq!((done.len(), refused.len()), (100, 400));
}

#[tokio::test]
async fn after_them_nothing_is_left_and_every_entry_is_another() {
    let bank = Bank::from_env();
    let user = fresh("bob");
    let answers = five_hundred_withdrawals(&bank, &user).await;
    let done = answers.iter().filter(|answer| answer.status == 200);
    let entries: Vec<_> = done.map(|answer| answer.json::<Receipt>().entry).collect();
    let seqs: BTreeSet<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (2..=101).collect());
    assert_eq!(entries.len(), 100, "an entry was told to two");
    for entry in entries {
        assert_eq!(entry.balance, format!("{}.00", 101 - entry.seq), "{entry:?}");
    }
    let wallet = bank.wallet(&user).await;
    assert_eq!((wallet.balance.as_str(), wallet.seq), ("0.00", 101));
}

#[tokio::test]
async fn withdrawals_at_once_without_keys_take_no_more_than_there_is() {
    let bank = Bank::from_env();
    let user = fresh("dan");
    bank.deposit(&user, "100").await;
    let one = bank.post("/v1/withdraw").user(&user).amount("1");
    let answers = at_once(vec![one; 500]).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let wallet = bank.wallet(&user).await;
    let taken = wallet.seq - 1;
    // A request that got a 503 may have been carried out all the same, and has no key to find out.
    assert!((done..=100).contains(&usize::try_from(taken).unwrap()), "{done} were told that they have it");
    assert_eq!(wallet.balance, format!("{}.00", 100 - taken));
}

#[tokio::test]
async fn money_that_comes_and_goes_at_the_same_time_adds_up() {
    let bank = Bank::from_env();
    let user = fresh("eve");
    let paths = ["/v1/deposit", "/v1/withdraw"].repeat(100);
    let keyed = paths.iter().enumerate().map(|(n, path)| bank.post(*path).idempotency_key(format!("k{n}")));
    let answers = settled_at_once(keyed.map(|request| request.user(&user).amount("0.01"))).await;
    let done = |wanted: &str| {
        let both = paths.iter().zip(&answers);
        both.filter(|(path, answer)| **path == wanted && answer.status == 200).count()
    };
    assert_eq!(done("/v1/deposit"), 100, "every deposit counts");
    let left = i128::try_from(100 - done("/v1/withdraw")).unwrap();
    assert_eq!(bank.balance(&user).await, tests::money::shown(left * 1_000_000));
}
