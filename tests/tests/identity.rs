//! The user: named by one of three headers, or 401.
//!
//! Scenario: callers without a name, with a bad one, with two. Mechanism: tables of header values on every route
//! that needs a user. Needs: `BANK_URL`.

use tests::{Answer, Bank, fresh};

const HEADERS: [&str; 3] = ["user_id", "user-id", "x-user-id"];

/// Every route that needs a user, asked with these headers.
async fn ask_all(bank: &Bank, headers: &[(&'static str, &str)]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (method, path) in [("GET", "/v1/wallet"), ("POST", "/v1/deposit"), ("POST", "/v1/withdraw")] {
        let mut request = bank.request(method, path);
        if method == "POST" {
            request = request.amount("1.00");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        answers.push(request.await);
    }
    answers
}

#[tokio::test]
async fn nobody_is_refused() {
    let bank = Bank::from_env();
    for answer in ask_all(&bank, &[]).await {
        answer.problem(401, "missing-identity");
    }
}

#[tokio::test]
async fn an_empty_name_is_refused() {
    let bank = Bank::from_env();
    for header in HEADERS {
        for answer in ask_all(&bank, &[(header, "")]).await {
            answer.is(401);
        }
    }
}

#[tokio::test]
async fn a_malformed_name_is_refused() {
    let bank = Bank::from_env();
    let too_long = "a".repeat(129);
    for name in ["a b", "é", "a,b", "ann,ann", "ann, bob", "\"ann\"", "a*", "{a}", "bank%3Aann", &too_long] {
        for header in HEADERS {
            for answer in ask_all(&bank, &[(header, name)]).await {
                answer.problem(401, "invalid-identity");
            }
        }
    }
}

#[tokio::test]
async fn two_names_that_differ_are_refused() {
    let bank = Bank::from_env();
    for first in HEADERS {
        for second in HEADERS {
            for answer in ask_all(&bank, &[(first, "ann"), (second, "bob")]).await {
                answer.problem(401, "invalid-identity");
            }
        }
    }
}

#[tokio::test]
async fn names_are_told_apart_by_the_case_of_their_letters_when_they_differ() {
    let bank = Bank::from_env();
    for answer in ask_all(&bank, &[("user_id", "ann"), ("x-user-id", "Ann")]).await {
        answer.problem(401, "invalid-identity");
    }
}

#[tokio::test]
async fn the_same_name_twice_is_one_name() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let named = bank.post("/v1/deposit").header("user-id", &user).header("x-user-id", &user);
    named.amount("1.00").await.is(200);
    assert_eq!(bank.balance(&user).await, "1.00");
}

#[tokio::test]
async fn the_three_headers_name_the_same_wallet() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    for header in HEADERS {
        bank.post("/v1/deposit").header(header, &user).amount("1.00").await.is(200);
    }
    assert_eq!(bank.balance(&user).await, "3.00");
}

#[tokio::test]
async fn every_allowed_character_makes_a_name() {
    let bank = Bank::from_env();
    let longest = format!("{:A<128}", fresh("Z.z_9~@+|:/=-"));
    for user in ["a", ".", "@", "-", ":", "/", &longest] {
        assert_eq!(bank.wallet(user).await.user, user);
    }
    for user in [longest, fresh("ann+tag@example.org"), fresh("auth0|5f7c"), fresh("urn:isbn:1")] {
        assert_eq!(bank.deposit(&user, "1.00").await.user, user);
        assert_eq!(bank.balance(&user).await, "1.00");
    }
}

#[tokio::test]
async fn users_whose_names_differ_by_what_keys_are_made_of_are_different_users() {
    let bank = Bank::from_env();
    let ann = fresh("ann");
    // Ticket 2 of a wallet, its page 0, an operation: parts of the names under which a store keeps them.
    let others = [":2", ":0", ":k", "::k", ":", "/", "|", "=", "~3A"].map(|rest| format!("{ann}{rest}"));
    for user in others.iter().chain([&ann]) {
        bank.post("/v1/deposit").user(user).idempotency_key("k").amount("1").await.is(200);
    }
    for user in others.iter().chain([&ann]) {
        let wallet = bank.wallet(user).await;
        assert_eq!((wallet.balance.as_str(), wallet.seq), ("1.00", 1), "{user}");
    }
}

#[tokio::test]
async fn one_users_money_is_not_anothers() {
    let bank = Bank::from_env();
    let (ann, bob) = (fresh("ann"), fresh("bob"));
    bank.deposit(&ann, "10.00").await;
    assert_eq!(bank.balance(&bob).await, "0.00");
    bank.try_withdraw(&bob, "1.00").await.problem(422, "insufficient-funds");
    assert_eq!(bank.balance(&ann).await, "10.00");
}
