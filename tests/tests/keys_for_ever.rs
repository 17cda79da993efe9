//! A key never expires, however many entries come after it.
//!
//! Scenario: keyed operations, refusals among them, then a hundred others, then the same keys again. Mechanism: the
//! first answers are compared with the replays; the wallet shows that nothing moved. Needs: `BANK_URL`.

use tests::request::Request;
use tests::{Answer, Bank, fresh};

fn keyed<'a>(bank: &'a Bank, path: &str, user: &str, key: &str, amount: &str) -> Request<'a> {
    bank.post(path).user(user).idempotency_key(key).amount(amount)
}

/// Five keyed requests of which two are refused, then a hundred further entries.
async fn long_ago<'a>(bank: &'a Bank, user: &str) -> Vec<(Request<'a>, Answer)> {
    let mut asked = Vec::new();
    for (path, key, amount) in [
        ("/v1/withdraw", "too-early", "1"),
        ("/v1/deposit", "in", "10"),
        ("/v1/withdraw", "out", "4"),
        ("/v1/withdraw", "too-much", "100"),
        ("/v1/deposit", "in-again", "10"),
    ] {
        let request = keyed(bank, path, user, key, amount);
        asked.push((request.clone(), request.await));
    }
    for _ in 0..100 {
        bank.deposit(user, "1").await;
    }
    asked
}

#[tokio::test]
async fn an_old_key_is_answered_as_it_was_and_moves_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let asked = long_ago(&bank, &user).await;
    let before = bank.wallet(&user).await;
    for (request, first) in asked {
        let again = request.await;
        assert_eq!((again.status, again.replayed()), (first.status, true), "{again}");
        assert_eq!(again.body_to_replay(), first.body_to_replay());
    }
    assert_eq!(bank.wallet(&user).await, before);
}

#[tokio::test]
async fn an_old_key_for_another_request_is_refused() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    long_ago(&bank, &user).await;
    let before = bank.wallet(&user).await;
    for key in ["too-early", "in", "out", "too-much", "in-again"] {
        let answer = keyed(&bank, "/v1/deposit", &user, key, "77").await;
        answer.problem(422, "idempotency-key-reuse");
    }
    assert_eq!(bank.wallet(&user).await, before);
}

#[tokio::test]
async fn many_refusals_under_keys_are_all_remembered() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "1").await;
    let refused = |n: usize| keyed(&bank, "/v1/withdraw", &user, &format!("k{n}"), "5");
    for n in 0..60 {
        refused(n).await.problem(422, "insufficient-funds");
    }
    bank.deposit(&user, "1000").await;
    for n in 0..60 {
        let again = refused(n).await;
        again.problem(422, "insufficient-funds");
        assert!(again.replayed(), "k{n}: {again}");
    }
    assert_eq!(bank.wallet(&user).await.seq, 2);
}
