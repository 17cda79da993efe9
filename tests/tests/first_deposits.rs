//! The first write of a wallet is as safe as any other (design 5, fact 3).
//!
//! Scenario: 200 first deposits of a user nobody knows, all at once, spread over all processes.
//! Mechanism: each is answered with an entry of its own, and together they chain. Needs: `BANK_URL`.

use tests::{Bank, Entry, Receipt, at_once, chain, fresh};

async fn two_hundred_deposits(bank: &Bank, user: &str) -> Vec<Entry> {
    let one = bank.post("/v1/deposit").user(user).amount("1");
    let answers = at_once(vec![one; 200]).await.into_iter();
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
