//! A crowd on one wallet or counter is served, not turned away.
//!
//! Scenario: as in `overdraft.rs`, `first_deposits.rs` and `counters.rs`, without keys: nobody is told to come
//! again. Mechanism: every answer says what became of its request; of five crowds the best one counts, so that
//! a machine that is busy for a moment is not what is measured. Needs: `BANK_URL`.

use tests::request::Request;
use tests::{Bank, at_once, fresh};

const CROWDS: usize = 5;

/// How many of so many were done, refused and turned away.
async fn served(one: Request<'_>, many: usize) -> (usize, usize, usize) {
    let answers = at_once(vec![one; many]).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    (count(200), count(422), count(503))
}

#[tokio::test]
async fn five_hundred_withdrawals_at_once_are_all_done_or_refused() {
    let bank = Bank::from_env();
    let mut seen = Vec::new();
    for _ in 0..CROWDS {
        let user = fresh("ann");
        bank.deposit(&user, "100").await;
        seen.push(served(bank.post("/v1/withdraw").user(&user).amount("1"), 500).await);
    }
    assert!(seen.contains(&(100, 400, 0)), "done, refused, turned away: {seen:?}");
}

#[tokio::test]
async fn two_hundred_first_deposits_at_once_are_all_done() {
    let bank = Bank::from_env();
    let mut seen = Vec::new();
    for _ in 0..CROWDS {
        let user = fresh("ann");
        seen.push(served(bank.post("/v1/deposit").user(&user).amount("1"), 200).await);
    }
    assert!(seen.contains(&(200, 0, 0)), "done, refused, turned away: {seen:?}");
}

#[tokio::test]
async fn a_thousand_posts_at_once_are_all_done() {
    let bank = Bank::from_env();
    let mut seen = Vec::new();
    for _ in 0..CROWDS {
        let path = format!("/v1/counters/{}", fresh("visits"));
        seen.push(served(bank.post(path), 1000).await);
    }
    assert!(seen.contains(&(1000, 0, 0)), "done, refused, turned away: {seen:?}");
}
