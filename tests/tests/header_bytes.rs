//! Headers whose bytes are not UTF-8: a header that the bank reads gets the answer of any other bad value, and any
//! other header is ignored.
//!
//! Scenario: a browser whose name is Latin-1, or a gateway that passes such a user on. Mechanism: bytes in a
//! header, on every kind of route. Needs: `BANK_URL` of a `bank`; Spin's own server answers 500 before it calls a
//! component (docs/spin.md).

use tests::{Bank, fresh};

/// `versión` in Latin-1, and bytes that begin a character and do not end it.
const BYTES: [&[u8]; 2] = [b"versi\xf3n", b"\xe4\xb8"];

#[tokio::test]
async fn bytes_in_headers_that_the_bank_does_not_read_are_ignored() {
    let bank = Bank::from_env();
    for bytes in BYTES {
        for name in ["user-agent", "referer", "x-anything", "cookie"] {
            for path in ["/", "/healthz", "/readyz", "/v1/bitcoins", "/v1/wallet", "/openapi.json"] {
                bank.get(path).user("ann").header(name, bytes).await.is(200);
            }
            bank.get("/v1/nowhere").header(name, bytes).await.problem(404, "not-found");
            let user = fresh("ann");
            bank.post("/v1/deposit").user(&user).header(name, bytes).amount("1").await.is(200);
        }
    }
}

#[tokio::test]
async fn a_user_is_malformed() {
    let bank = Bank::from_env();
    for bytes in BYTES {
        for name in ["user_id", "user-id", "x-user-id"] {
            bank.get("/v1/wallet").header(name, bytes).await.problem(401, "invalid-identity");
            bank.post("/v1/deposit").header(name, bytes).amount("1").await.problem(401, "invalid-identity");
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_is_none() {
    let (bank, user) = (Bank::from_env(), fresh("ann"));
    for bytes in BYTES {
        let deposit = bank.post("/v1/deposit").user(&user).idempotency_key(bytes).amount("1");
        deposit.await.problem(400, "invalid-idempotency-key");
        let path = format!("/v1/counters/{}", fresh("counter"));
        bank.post(path).idempotency_key(bytes).await.problem(400, "invalid-idempotency-key");
    }
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_content_type_is_not_json_with_a_body_and_without() {
    let (bank, user) = (Bank::from_env(), fresh("ann"));
    for body in [r#"{"amount":"1"}"#, ""] {
        let deposit = bank.post("/v1/deposit").user(&user).header("content-type", BYTES[0]).body(body);
        deposit.await.problem(415, "unsupported-media-type");
    }
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_request_id_is_replaced_and_a_tag_matches_nothing() {
    let bank = Bank::from_env();
    for bytes in BYTES {
        let answer = bank.get("/healthz").header("x-request-id", bytes).await.is(200);
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 32), "{answer}");
        bank.get("/openapi.json").header("if-none-match", bytes).await.is(200);
        bank.get("/openapi.json").header("accept-encoding", bytes).await.is(200);
        bank.get("/healthz").header("traceparent", bytes).await.is(200);
        bank.get("/healthz").header("origin", bytes).await.is(200);
    }
}
