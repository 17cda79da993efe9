//! Amounts in bodies, operations, and their answers.

use bytes::Bytes;
use futures::executor::block_on;
use http_body_util::Full;
use ledger::{Mark, Refusal, RefusedOperation};
use proptest::prelude::*;

use super::*;

fn request(headers: &[(&str, &str)], body: &str) -> Request {
    let mut builder = http::Request::post("/v1/deposit").header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Request::new(builder.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap())
}

fn refused_code(headers: &[(&str, &str)], body: &str) -> Code {
    block_on(operation(request(headers, body), OperationKind::Deposit)).unwrap_err().code()
}

fn deposit() -> Operation {
    Operation {
        id: OperationId::Keyed("order-17".parse().unwrap()),
        kind: OperationKind::Deposit,
        amount: "10.5".parse().unwrap(),
        at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
    }
}

#[test]
fn an_operation_is_who_under_which_key_which_way_and_how_much() {
    let headers = [("user_id", "ann"), ("idempotency-key", "\"k\"")];
    let sent = request(&headers, r#"{"amount":"10.50"}"#);
    let (user, read) = block_on(operation(sent, OperationKind::Withdrawal)).unwrap();
    assert_eq!(
        (user.as_str(), read.kind, read.amount.to_string().as_str()),
        ("ann", OperationKind::Withdrawal, "10.50")
    );
    assert_eq!(read.id, OperationId::Keyed("k".parse().unwrap()));
}

#[test]
fn without_a_key_each_operation_has_an_id_of_its_own() {
    let id = || {
        let sent = request(&[("user_id", "ann")], r#"{"amount":1}"#);
        let (_, operation) = block_on(operation(sent, OperationKind::Deposit)).unwrap();
        assert_eq!(operation.id.key(), None);
        operation.id.as_str().to_owned()
    };
    let (one, other) = (id(), id());
    assert_eq!(one.len(), 32);
    assert_ne!(one, other);
}

#[test]
fn of_several_faults_the_first_in_the_contracts_order_is_told() {
    let (bad_user, bad_key) = (("user_id", "a b"), ("idempotency-key", ""));
    let user = ("user_id", "ann");
    assert_eq!(refused_code(&[bad_key], ""), Code::MissingIdentity);
    assert_eq!(refused_code(&[bad_user, bad_key], ""), Code::InvalidIdentity);
    assert_eq!(refused_code(&[user, bad_key], ""), Code::InvalidIdempotencyKey);
    assert_eq!(refused_code(&[user], &"x".repeat(4097)), Code::PayloadTooLarge);
    assert_eq!(refused_code(&[user], r#"{"amount":"1","gift":"1"}"#), Code::MalformedRequest);
    assert_eq!(refused_code(&[user], r#"{"amount":"0"}"#), Code::InvalidAmount);
}

#[test]
fn a_posted_operation_is_answered_with_balance_and_entry() {
    let entry = Mark::START.post(&deposit()).unwrap();
    let hash = entry.hash;
    for replayed in [false, true] {
        let told = teller::operation::OperationAnswer { outcome: Outcome::Posted(entry.clone()), replayed };
        let response = answer(&"ann".parse().unwrap(), &told).unwrap().into_response("r");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().contains_key("idempotent-replayed"), replayed);
        let body = response.into_body();
        let expected = format!(
            concat!(
                r#"{{"user":"ann","balance":"10.50","entry":{{"seq":1,"id":"order-17","kind":"deposit","#,
                r#""amount":"10.50","balance":"10.50","at":"2026-11-20T18:00:00.123Z","hash":"{}"}}}}"#
            ),
            hash
        );
        assert_eq!(String::from_utf8(body.to_vec()).unwrap(), expected);
    }
}

#[test]
fn a_refused_operation_is_a_problem_also_when_it_is_given_again() {
    let Operation { id, kind, amount, .. } = deposit();
    for (refusal, code) in
        [(Refusal::InsufficientFunds, Code::InsufficientFunds), (Refusal::LimitExceeded, Code::LimitExceeded)]
    {
        for replayed in [false, true] {
            let refused = RefusedOperation {
                id: id.clone(),
                kind,
                amount,
                refusal,
                balance: "999999999999999".parse().unwrap(),
            };
            let told = teller::operation::OperationAnswer { outcome: Outcome::Refused(refused), replayed };
            let problem = answer(&"ann".parse().unwrap(), &told).unwrap_err();
            assert_eq!(problem.code(), code);
            let response = problem.into_answer("r").into_response("r");
            assert_eq!(response.status(), 422);
            assert_eq!(response.headers().contains_key("idempotent-replayed"), replayed);
        }
    }
}

#[test]
fn strings_and_numbers_are_judged_by_their_characters() {
    for (token, printed) in [
        (r#""10.50""#, "10.50"),
        ("10.50", "10.50"),
        ("0.00000001", "0.00000001"),
        (r#""\u0031""#, "1.00"),
        ("999999999999999", "999999999999999.00"),
    ] {
        let body = format!(r#" {{"amount" : {token} }} "#);
        assert_eq!(body_amount(body.as_bytes()).unwrap().to_string(), printed, "{token}");
    }
}

#[test]
fn other_tokens_are_no_amounts() {
    for token in [
        "1e2",
        "1E2",
        "-1",
        "0",
        "0.00",
        "1.000000001",
        "null",
        "true",
        "[]",
        "{}",
        r#"" 1""#,
        r#""""#,
        r#""01""#,
        "1e400",
        "\"\\ud83d\\ude00\"",
    ] {
        let body = format!(r#"{{"amount":{token}}}"#);
        assert_eq!(body_amount(body.as_bytes()).unwrap_err().code(), Code::InvalidAmount, "{token}");
    }
}

#[test]
fn other_bodies_are_malformed() {
    for body in [
        "",
        "null",
        "[]",
        r#"["10"]"#,
        r#""10""#,
        "10",
        "{}",
        r#"{"amount":"1","amount":"1"}"#,
        r#"{"amount":"1","note":"x"}"#,
        r#"{"Amount":"1"}"#,
        r#"{"amount":"1"} x"#,
        r#"{"amount":"1""#,
        r#"{"amount":01}"#,
        r#"{"amount":+1}"#,
        r#"{"amount":.5}"#,
        r#"{"amount":NaN}"#,
        "{\"amount\":\"\u{0}\"}",
    ] {
        assert_eq!(body_amount(body.as_bytes()).unwrap_err().code(), Code::MalformedRequest, "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = body_amount(&body);
    }

    #[test]
    fn no_token_is_taken_that_is_not_an_amount(token in "[-+0-9.eE\"a ]{1,12}") {
        if let Ok(amount) = body_amount(format!(r#"{{"amount":{token}}}"#).as_bytes()) {
            let characters = token.trim().trim_matches('"');
            prop_assert_eq!(characters.parse::<Amount>().unwrap(), amount);
        }
    }

    /// The model reads the body as a tree, which loses the number's characters but not the shape.
    #[test]
    fn no_body_is_taken_that_is_not_one_object_with_the_one_member_amount(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", " ", "\"", "\\", "\"amount\"", "\"amount\":", "\"1\"", "1", "1.5", "0", "null",
                "\"a\"", "\u{feff}", "\n", "{\"amount\":\"1\"}", "{\"amount\":", "\"\\u0061mount\"",
            ]),
            0..8,
        ),
    ) {
        let body = parts.concat();
        if let Ok(amount) = body_amount(body.as_bytes()) {
            let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
            let members = tree.as_object().unwrap();
            prop_assert_eq!(members.len(), 1);
            let characters = match &members["amount"] {
                serde_json::Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            prop_assert_eq!(characters.parse::<Amount>().unwrap(), amount);
        }
    }
}
