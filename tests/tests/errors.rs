//! Wrong requests: each answers with its own status and code, and moves no money.
//!
//! Scenario: a user with 5.00 whose client sends what it should not. Mechanism: each wrong request to
//! both operations, the wallet compared before and after; a 500 fails in `tests::rules`.
//! Needs: `BANK_URL`.
#![allow(clippy::arithmetic_side_effects, reason = "helpers of tests: a panic here is a test that fails")]

use bytes::Bytes;
use tests::request::Request;
use tests::{Bank, fresh, limits};

/// Asks both operations in the way that `wrong` makes them wrong.
async fn assert_refused(status: u16, code: &str, wrong: impl Fn(Request<'_>) -> Request<'_>) {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "5.00").await;
    let before = bank.wallet(&user).await;
    for path in ["/v1/deposit", "/deposit", "/v1/withdraw", "/withdraw"] {
        wrong(bank.post(path).user(&user)).await.problem(status, code);
        assert_eq!(bank.wallet(&user).await, before, "{path}");
    }
}

async fn assert_bodies_refused(status: u16, code: &str, bodies: &[&[u8]]) {
    for body in bodies {
        assert_refused(status, code, |request| request.json(Bytes::copy_from_slice(body))).await;
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let bodies: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"}",
        b"amount=1",
        b"{\"amount\":\"1\"",
        b"{\"amount\":\"1}",
        b"{\"amount\":\"1\"}}",
        b"{\"amount\":\"1\"} {\"amount\":\"1\"}",
        b"{amount:\"1\"}",
        b"{'amount':'1'}",
        b"{\"amount\":\"1\",}",
        b"{\"amount\" \"1\"}",
        b"// one\n{\"amount\":\"1\"}",
        b"\0",
    ];
    assert_bodies_refused(400, "malformed-request", bodies).await;
}

#[tokio::test]
async fn a_body_that_is_no_utf_8_is_malformed() {
    assert_bodies_refused(400, "malformed-request", &[b"{\"amount\":\"\xff\"}", b"\xff\xfe{\x00}\x00"]).await;
}

#[tokio::test]
async fn json_that_is_no_object_is_malformed() {
    let bodies: &[&[u8]] = &[b"[]", b"null", b"1", b"\"1\"", b"true", b"[{\"amount\":\"1\"}]"];
    assert_bodies_refused(400, "malformed-request", bodies).await;
}

#[tokio::test]
async fn json_as_deep_as_a_body_allows_is_malformed() {
    let deep = ["[".repeat(4000), "{\"a\":".repeat(800), format!("{{\"b\":{}", "[".repeat(4000))];
    for body in deep {
        assert_bodies_refused(400, "malformed-request", &[body.as_bytes()]).await;
    }
}

#[tokio::test]
async fn an_unknown_member_is_malformed() {
    let bodies: &[&[u8]] = &[
        b"{\"amount\":\"1\",\"note\":\"x\"}",
        b"{\"amount\":\"1\",\"\":1}",
        b"{\"amount\":\"1\",\"Amount\":\"1\"}",
        b"{\"amount\":\"1\",\"user\":\"bob\"}",
    ];
    assert_bodies_refused(400, "malformed-request", bodies).await;
}

#[tokio::test]
async fn a_repeated_member_is_malformed() {
    let bodies: &[&[u8]] = &[
        b"{\"amount\":\"1\",\"amount\":\"1\"}",
        b"{\"amount\":\"1\",\"amount\":\"2\"}",
        b"{\"amount\":\"1\",\"am\\u006funt\":\"2\"}",
    ];
    assert_bodies_refused(400, "malformed-request", bodies).await;
}

#[tokio::test]
async fn a_body_without_an_amount_is_malformed() {
    assert_bodies_refused(400, "malformed-request", &[b"{}", b" { } "]).await;
}

#[tokio::test]
async fn a_body_of_another_type_is_unsupported() {
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/problem+json",
        "text/json",
        "json",
        "",
        "text/plain; application/json",
    ] {
        assert_refused(415, "unsupported-media-type", |request| {
            request.header("content-type", media_type).body(r#"{"amount":"1"}"#)
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_what_it_is_is_unsupported() {
    assert_refused(415, "unsupported-media-type", |request| request.body(r#"{"amount":"1"}"#)).await;
}

#[tokio::test]
async fn a_body_that_says_that_it_is_compressed_is_unsupported() {
    assert_refused(415, "unsupported-media-type", |request| {
        let request = request.header("content-type", "application/json").header("content-encoding", "gzip");
        request.body(r#"{"amount":"1"}"#)
    })
    .await;
}

#[tokio::test]
async fn json_with_parameters_is_json() {
    let bank = Bank::from_env();
    let types = ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"];
    for media_type in types {
        let request = bank.post("/v1/deposit").user(&fresh("ann")).header("content-type", media_type);
        request.body(r#"{"amount":"1"}"#).await.is(200);
    }
}

/// A deposit of 1 in exactly so many bytes.
fn padded(bytes: usize) -> String {
    let body = r#"{"amount":"1"}"#;
    format!("{}{body}", " ".repeat(bytes - body.len()))
}

#[tokio::test]
async fn a_body_of_exactly_four_kibibytes_is_read() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let body = padded(limits::BODY_BYTES);
    bank.post("/v1/deposit").user(&user).json(body.clone()).await.is(200);
    bank.post("/v1/deposit").user(&user).json(body).without_length().await.is(200);
    assert_eq!(bank.balance(&user).await, "2.00");
}

#[tokio::test]
async fn a_body_over_four_kibibytes_is_too_large() {
    for bytes in [limits::BODY_BYTES + 1, 100_000] {
        let body = Bytes::from(padded(bytes));
        assert_refused(413, "payload-too-large", |request| request.json(body.clone())).await;
    }
}

#[tokio::test]
async fn a_body_over_four_kibibytes_is_too_large_also_without_a_length() {
    for bytes in [limits::BODY_BYTES + 1, 100_000] {
        let body = Bytes::from(padded(bytes));
        assert_refused(413, "payload-too-large", |request| request.json(body.clone()).without_length()).await;
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let too_long = "k".repeat(256);
    for key in ["", "a b", "\"a b\"", "\"\"", "é", "\t", &too_long] {
        let key = key.to_owned();
        assert_refused(400, "invalid-idempotency-key", |request| request.idempotency_key(&key).amount("1"))
            .await;
    }
}

#[tokio::test]
async fn a_key_sent_twice_is_refused() {
    for second in ["k", "other"] {
        let bank = Bank::from_env();
        let user = fresh("ann");
        let request = bank.post("/v1/deposit").user(&user).idempotency_key("k").idempotency_key(second);
        request.amount("1").await.is(400);
        assert_eq!(bank.wallet(&user).await.seq, 0);
    }
}

#[tokio::test]
async fn an_amount_in_the_query_is_none() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.post("/v1/deposit?amount=1").user(&user).json("{}").await.problem(400, "malformed-request");
    assert_eq!(bank.wallet(&user).await.seq, 0);
}
