//! One key, one operation: the first answer under a key is the answer for ever.
//!
//! Scenario: clients that send again because an answer was lost. Mechanism: the same request under one
//! key, later, in other spellings, at the same time; the wallet shows how often it counted.
//! Needs: `BANK_URL`. How keys behave once they are old: `keys_for_ever.rs`.

use tests::request::Request;
use tests::{Answer, Bank, Receipt, fresh, settled_at_once};

/// The second answer is the first one given again.
#[track_caller]
fn assert_replayed(first: &Answer, second: &Answer) {
    assert!(second.replayed(), "not marked as a replay: {second}");
    assert_eq!(second.status, first.status, "{second}");
    assert_eq!(second.body_to_replay(), first.body_to_replay());
    assert_eq!(second.header("content-type"), first.header("content-type"));
}

fn keyed<'a>(bank: &'a Bank, path: &str, user: &str, key: &str) -> Request<'a> {
    bank.post(path).user(user).idempotency_key(key)
}

#[tokio::test]
async fn a_first_answer_is_not_marked_as_a_replay() {
    let bank = Bank::from_env();
    let answer = keyed(&bank, "/v1/deposit", &fresh("ann"), "k").amount("1").await.is(200);
    assert!(!answer.replayed(), "{answer}");
}

#[tokio::test]
async fn the_key_is_the_id_of_the_entry() {
    let bank = Bank::from_env();
    for key in ["order-17", "~!#$%&'()*+,-./:;<=>?@[]^_`{|}", &"k".repeat(255)] {
        let answer = keyed(&bank, "/v1/deposit", &fresh("ann"), key).amount("1").await.is(200);
        assert_eq!(answer.json::<Receipt>().entry.id, key);
    }
}

#[tokio::test]
async fn the_same_deposit_again_is_answered_again_and_counts_once() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first = keyed(&bank, "/v1/deposit", &user, "k").amount("10.00").await.is(200);
    bank.deposit(&user, "5.00").await;
    for _ in 0..3 {
        let again = keyed(&bank, "/v1/deposit", &user, "k").amount("10.00").await;
        assert_replayed(&first, &again);
    }
    assert_eq!(bank.balance(&user).await, "15.00");
}

#[tokio::test]
async fn the_same_withdrawal_again_is_answered_again_though_nothing_is_left() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "10.00").await;
    let first = keyed(&bank, "/v1/withdraw", &user, "k").amount("10.00").await.is(200);
    let again = keyed(&bank, "/v1/withdraw", &user, "k").amount("10.00").await;
    assert_replayed(&first, &again);
    assert_eq!(bank.wallet(&user).await.seq, 2);
}

#[tokio::test]
async fn a_raw_key_and_a_quoted_one_are_one_key() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first = keyed(&bank, "/v1/deposit", &user, "abc").amount("1").await.is(200);
    assert_replayed(&first, &keyed(&bank, "/v1/deposit", &user, "\"abc\"").amount("1").await);
    assert_eq!(first.json::<Receipt>().entry.id, "abc");
}

#[tokio::test]
async fn a_quoted_key_of_255_characters_is_a_key() {
    let bank = Bank::from_env();
    let key = format!("\"{}\"", "k".repeat(255));
    keyed(&bank, "/v1/deposit", &fresh("ann"), &key).amount("1").await.is(200);
}

#[tokio::test]
async fn keys_that_differ_in_case_are_two_keys() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    for key in ["abc", "ABC"] {
        keyed(&bank, "/v1/deposit", &user, key).amount("1").await.is(200);
    }
    assert_eq!(bank.balance(&user).await, "2.00");
}

#[tokio::test]
async fn the_same_amount_in_another_spelling_is_the_same_request() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first = keyed(&bank, "/v1/deposit", &user, "k").amount("10").await.is(200);
    for body in [r#"{"amount":"10.00"}"#, r#"{"amount":10.0}"#, r#" { "amount" : 10 } "#] {
        assert_replayed(&first, &keyed(&bank, "/v1/deposit", &user, "k").json(body).await);
    }
}

#[tokio::test]
async fn the_short_path_is_the_same_operation() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first = keyed(&bank, "/v1/deposit", &user, "in").amount("10").await.is(200);
    assert_replayed(&first, &keyed(&bank, "/deposit", &user, "in").amount("10").await);
    let first = keyed(&bank, "/withdraw", &user, "out").amount("10").await.is(200);
    assert_replayed(&first, &keyed(&bank, "/v1/withdraw", &user, "out").amount("10").await);
}

#[tokio::test]
async fn a_key_used_for_another_amount_is_refused_and_the_first_still_stands() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let first = keyed(&bank, "/v1/deposit", &user, "k").amount("10").await.is(200);
    let other = keyed(&bank, "/v1/deposit", &user, "k").amount("10.00000001").await;
    other.problem(422, "idempotency-key-reuse");
    assert_replayed(&first, &keyed(&bank, "/v1/deposit", &user, "k").amount("10").await);
    assert_eq!(bank.balance(&user).await, "10.00");
}

#[tokio::test]
async fn a_key_used_for_another_operation_is_refused() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    keyed(&bank, "/v1/deposit", &user, "k").amount("10").await.is(200);
    let other = keyed(&bank, "/v1/withdraw", &user, "k").amount("10").await;
    other.problem(422, "idempotency-key-reuse");
    assert_eq!(bank.balance(&user).await, "10.00");
}

#[tokio::test]
async fn the_key_of_a_refusal_is_taken_too() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let refused = keyed(&bank, "/v1/withdraw", &user, "k").amount("10").await;
    refused.problem(422, "insufficient-funds");
    let other = keyed(&bank, "/v1/deposit", &user, "k").amount("10").await;
    other.problem(422, "idempotency-key-reuse");
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn one_users_key_is_not_anothers() {
    let bank = Bank::from_env();
    let key = fresh("k");
    for user in [fresh("ann"), fresh("bob")] {
        let answer = keyed(&bank, "/v1/deposit", &user, &key).amount("1").await.is(200);
        assert!(!answer.replayed(), "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_is_given_again_even_after_the_balance_grew() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "5.00").await;
    let first = keyed(&bank, "/v1/withdraw", &user, "k").amount("7.50").await;
    first.problem(422, "insufficient-funds");
    assert!(!first.replayed(), "{first}");
    bank.deposit(&user, "100.00").await;
    assert_replayed(&first, &keyed(&bank, "/v1/withdraw", &user, "k").amount("7.50").await);
    assert_eq!(bank.balance(&user).await, "105.00");
}

#[tokio::test]
async fn a_refusal_at_the_limit_is_given_again_even_after_there_is_room() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "999999999999999").await;
    let first = keyed(&bank, "/v1/deposit", &user, "k").amount("1").await;
    first.problem(422, "limit-exceeded");
    bank.withdraw(&user, "999999999999999").await;
    assert_replayed(&first, &keyed(&bank, "/v1/deposit", &user, "k").amount("1").await);
    assert_eq!(bank.balance(&user).await, "0.00");
}

#[tokio::test]
async fn a_request_that_was_wrong_does_not_take_its_key() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let too_long = format!(r#"{{"amount":"1"{}}}"#, " ".repeat(5000));
    for body in [r#"{"amount":"-1"}"#, r#"{"amount":"1""#, "{}", &too_long] {
        let status = keyed(&bank, "/v1/deposit", &user, "k").json(body.to_owned()).await.status;
        assert!(matches!(status, 400 | 413), "{status} for {body:.40}");
    }
    let answer = keyed(&bank, "/v1/deposit", &user, "k").amount("1").await.is(200);
    assert!(!answer.replayed(), "{answer}");
}

#[tokio::test]
async fn an_id_that_the_server_made_is_no_key() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let id = bank.deposit(&user, "1").await.entry.id;
    let answer = keyed(&bank, "/v1/deposit", &user, &id).amount("1").await.is(200);
    assert!(!answer.replayed(), "{answer}");
    assert_eq!(bank.balance(&user).await, "2.00");
}

#[tokio::test]
async fn a_hundred_deposits_at_once_under_one_key_are_one_entry_and_one_answer() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let one = keyed(&bank, "/v1/deposit", &user, "k").amount("10");
    let answers = settled_at_once(vec![one; 100]).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (200, answers[0].text()), "{answer}");
    }
    let wallet = bank.wallet(&user).await;
    assert_eq!((wallet.balance.as_str(), wallet.seq), ("10.00", 1));
}

#[tokio::test]
async fn a_hundred_withdrawals_at_once_under_one_key_are_one_entry_and_one_answer() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "1000").await;
    let one = keyed(&bank, "/v1/withdraw", &user, "k").amount("10");
    let answers = settled_at_once(vec![one; 100]).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (200, answers[0].text()), "{answer}");
    }
    assert_eq!(bank.balance(&user).await, "990.00");
}

#[tokio::test]
async fn of_two_requests_at_once_under_one_key_only_one_counts() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let amounts = ["1.00", "2.00"].repeat(50);
    let requests = amounts.iter().map(|amount| keyed(&bank, "/v1/deposit", &user, "k").amount(amount));
    let answers = settled_at_once(requests).await;
    let balance = bank.balance(&user).await;
    for (amount, answer) in amounts.iter().zip(&answers) {
        if *amount == balance {
            assert_eq!(answer.status, 200, "{answer}");
        } else {
            answer.problem(422, "idempotency-key-reuse");
        }
    }
    assert_eq!(bank.wallet(&user).await.seq, 1);
}
