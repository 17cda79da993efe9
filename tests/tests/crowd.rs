//! A crowd on one wallet is served, not turned away.
//!
//! Scenario: as in `overdraft.rs` and `first_deposits.rs`, without keys: nobody may be told to come again.
//! Mechanism: every answer says what became of its request. Needs: `BANK_URL`, and a machine that is not
//! busy with something else, since a request has `storage_deadline_ms` for all its storage.

use tests::{Bank, at_once, fresh};

#[tokio::test]
async fn five_hundred_withdrawals_at_once_are_all_done_or_refused() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "100").await;
    let one = bank.post("/v1/withdraw").user(&user).amount("1");
    let answers = at_once(vec![one; 500]).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(422), count(503)), (100, 400, 0), "done, refused, turned away");
}

#[tokio::test]
async fn two_hundred_first_deposits_at_once_are_all_done() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let one = bank.post("/v1/deposit").user(&user).amount("1");
    let answers = at_once(vec![one; 200]).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(503)), (200, 0), "done, turned away");
    assert_eq!(bank.balance(&user).await, "200.00");
}
