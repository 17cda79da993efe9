//! What an amount is, by its very characters, and how it is shown.
//!
//! Scenario: good and bad tokens, as JSON strings and as JSON numbers, the awkward neighbours together.
//! Mechanism: deposits and withdrawals; after each bad one the wallet is what it was.
//! Needs: `BANK_URL`.

use tests::{Answer, Bank, Receipt, fresh};

const MANY: &str = "99999999999999999999999999999999999999999999999999999999999999999999999999999999";

/// A deposit of the token as it stands, quotes and all.
async fn deposit(bank: &Bank, user: &str, token: &str) -> Answer {
    let body = format!(r#"{{"amount":{token}}}"#);
    bank.post("/v1/deposit").user(user).json(body).await
}

/// Each token is refused, with one of the codes, by both operations; the wallet stays as it is.
async fn assert_refused(tokens: &[&str], codes: &[&str]) {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "5.00").await;
    let before = bank.wallet(&user).await;
    for token in tokens {
        for path in ["/v1/deposit", "/v1/withdraw"] {
            let body = format!(r#"{{"amount":{token}}}"#);
            let answer = bank.post(path).user(&user).json(body).await.is(400);
            let code = answer.json::<tests::Problem>().code;
            assert!(codes.contains(&code.as_str()), "{token} is not {codes:?}: {answer}");
        }
        assert_eq!(bank.wallet(&user).await, before, "{token}");
    }
}

#[tokio::test]
async fn amounts_are_taken_exactly_and_shown_plainly() {
    let bank = Bank::from_env();
    for (token, shown) in [
        ("10.50", "10.50"),
        ("10.5", "10.50"),
        ("7", "7.00"),
        ("7.0", "7.00"),
        ("0.125", "0.125"),
        ("0.1", "0.10"),
        ("0.10000000", "0.10"),
        ("0.00000001", "0.00000001"),
        ("1.00000010", "1.0000001"),
        ("123456789.12345678", "123456789.12345678"),
        ("999999999999999", "999999999999999.00"),
        ("999999999999999.99999999", "999999999999999.99999999"),
    ] {
        for token in [token.to_owned(), format!("\"{token}\"")] {
            let receipt: Receipt = deposit(&bank, &fresh("ann"), &token).await.is(200).json();
            assert_eq!(receipt.entry.amount, shown, "{token}");
            assert_eq!(receipt.balance, shown, "{token}");
        }
    }
}

#[tokio::test]
async fn strings_that_are_no_amount_are_refused() {
    let quoted = [
        "1e2",
        "1E2",
        "-1",
        "+1",
        "01",
        "00",
        "00.1",
        "1.",
        ".5",
        ".",
        " 1",
        "1 ",
        "1.000000001",
        "0",
        "0.0",
        "0.00",
        "0.00000000",
        "-0",
        "",
        " ",
        "1,5",
        "1_000",
        "1,000.00",
        "0x10",
        "1.2.3",
        "NaN",
        "Infinity",
        "inf",
        "null",
        "true",
        "ten",
        "١",
        "１０",
        "1\\n",
        "\\u00001",
        "\\ud83d\\ude00",
        "1000000000000000",
        "1000000000000000.00",
        "0.000000000",
        "$1",
        "1€",
        MANY,
    ]
    .map(|text| format!("\"{text}\""));
    let tokens: Vec<&str> = quoted.iter().map(String::as_str).collect();
    assert_refused(&tokens, &["invalid-amount"]).await;
}

#[tokio::test]
async fn numbers_that_are_no_amount_are_refused() {
    let tokens = [
        "1e2",
        "1E2",
        "1e-2",
        "1.5e1",
        "-1",
        "-0",
        "0",
        "0.0",
        "0.00",
        "1.000000001",
        "0.000000001",
        "1000000000000000",
        "1e400",
        "1e-400",
        "1e99999999999999999999",
        MANY,
    ];
    assert_refused(&tokens, &["invalid-amount"]).await;
}

#[tokio::test]
async fn values_of_another_kind_are_refused() {
    let tokens = ["null", "true", "false", "[]", "[\"1\"]", "[1]", "{}", "{\"amount\":\"1\"}"];
    assert_refused(&tokens, &["invalid-amount"]).await;
}

#[tokio::test]
async fn numbers_that_are_no_json_are_refused() {
    let tokens = ["01", "+1", "1.", ".5", "NaN", "Infinity", "0x10", "1_000", "'1'", "1 2", "--1", ""];
    assert_refused(&tokens, &["malformed-request", "invalid-amount"]).await;
}

#[tokio::test]
async fn a_fraction_of_thirty_eight_digits_is_refused_not_rounded() {
    let token = format!("1.{}1", "0".repeat(37));
    assert_refused(&[&token, &format!("\"{token}\"")], &["invalid-amount"]).await;
}

#[tokio::test]
async fn an_amount_as_long_as_a_body_may_be_is_refused() {
    let token = "9".repeat(4000);
    assert_refused(&[&token, &format!("\"{token}\"")], &["invalid-amount"]).await;
}
