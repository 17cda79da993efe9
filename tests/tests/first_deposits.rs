//! The first write of a wallet is as safe as any other (docs/spin.md, fact 3).
//!
//! Scenario: 200 first deposits of a new user, all at once, spread over all processes. Mechanism: each is answered
//! with an entry of its own, and together they chain; after a 503 a client retries under the same key. Needs:
//! `BANK_URL`.

use std::collections::BTreeSet;
use tests::{Bank, Entry, Receipt, at_once, chain, fresh, settled_at_once};

async fn two_hundred_deposits(bank: &Bank, user: &str) -> Vec<Entry> {
    let keys = (0..200).map(|n| format!("deposit-{n}"));
    let requests = keys.map(|key| bank.post("/v1/deposit").user(user).idempotency_key(key).amount("1"));
    let answers = settled_at_once(requests).await.into_iter();
    let mut entries: Vec<Entry> = answers.map(|answer| answer.is(200).json::<Receipt>().entry).collect();
    entries.sort_by_key(|entry| entry.seq);
    entries
}

#[tokio::test]
async fn two_hundred_first_deposits_at_once_all_count() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    two_hundred_deposits(&bank, &user).await;
    let wallet = bank.wallet(&user).await;
    assert_eq!((wallet.balance.as_str(), wallet.seq), ("200.00", 200));
}

#[tokio::test]
async fn their_entries_chain_from_the_first_to_the_last() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let entries = two_hundred_deposits(&bank, &user).await;
    let last = chain::check(chain::START, &entries);
    assert_eq!(bank.wallet(&user).await.hash, last);
}

#[tokio::test]
async fn each_of_them_is_answered_with_an_entry_of_its_own_that_stays() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let entries = two_hundred_deposits(&bank, &user).await;
    let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids.len(), 200, "an entry was told to two");
    for told in &entries {
        let again = bank.post("/v1/deposit").user(&user).idempotency_key(&told.id).amount("1");
        assert_eq!(again.settled().await.is(200).json::<Receipt>().entry, *told);
    }
    let page: serde_json::Value = bank.get("/v1/wallet/entries?limit=200").user(&user).await.is(200).json();
    let mut kept: Vec<Entry> = serde_json::from_value(page["entries"].clone()).unwrap();
    kept.reverse();
    assert_eq!(kept, entries, "the history is not what was told");
}

#[tokio::test]
async fn two_first_deposits_at_once_both_count_for_every_new_user() {
    let bank = Bank::from_env();
    for _ in 0..50 {
        let user = fresh("ann");
        let one = bank.post("/v1/deposit").user(&user).amount("1");
        for answer in at_once(vec![one; 2]).await {
            answer.is(200);
        }
        assert_eq!(bank.balance(&user).await, "2.00");
    }
}

#[tokio::test]
async fn a_first_deposit_among_refused_withdrawals_counts() {
    let bank = Bank::from_env();
    for _ in 0..20 {
        let user = fresh("ann");
        let mut requests = vec![bank.post("/v1/withdraw").user(&user).amount("5"); 10];
        requests.push(bank.post("/v1/deposit").user(&user).amount("1"));
        let answers = at_once(requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(bank.balance(&user).await, "1.00");
    }
}
