//! Which pages of other origins may call from a browser: those that the setting `cors_origins` names.
//!
//! Scenario: a page of a named origin, a page of another, no page at all; preflights and what follows them, on every
//! route, problems included. Mechanism: the headers that a browser sends, and what it goes by (Fetch standard,
//! section 3.3). Needs: `BANK_URL` of a bank whose `cors_origins` has `CORS_ORIGIN` in it. That nothing is said where
//! none is named is `src/prove/cors.rs`.

use std::collections::BTreeSet;
use tests::{Answer, Bank, fresh, paint, rules};

/// Every route, and a path that is none.
const PATHS: &[&str] = &[
    "/v1/bitcoins",
    "/v1/counters/visits",
    "/v1/deposit",
    "/deposit",
    "/v1/withdraw",
    "/withdraw",
    "/v1/wallet",
    "/v1/wallet/entries",
    "/v1/rates",
    "/v1/rates/history",
    "/v1/rates/usd",
    "/v1/convert",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/problems/not-found",
    "/v1/nowhere",
];
const STRANGERS: [&str; 5] =
    ["https://evil.example", "null", "http://127.0.0.1", "https://app.example.evil.example", ""];
/// What a page of the bank's users has to send.
const SENT: [&str; 8] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "user-id",
    "user_id",
    "x-request-id",
    "x-user-id",
];
/// What it has to read.
const READ: [&str; 6] =
    ["allow", "etag", "idempotent-replayed", "retry-after", "www-authenticate", "x-request-id"];

#[allow(clippy::panic, reason = "a suite that cannot run says so in red")]
fn origin() -> String {
    let missing =
        "CORS_ORIGIN is not set. It is one of the origins in `cors_origins` of the bank at BANK_URL.";
    std::env::var("CORS_ORIGIN").unwrap_or_else(|_| panic!("{}", paint::red(missing)))
}

fn words(answer: &Answer, header: &str) -> BTreeSet<String> {
    let said = answer.header(header).unwrap_or_default();
    said.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

async fn preflight(bank: &Bank, path: &str, method: &str, origin: &str) -> Answer {
    let asked = bank.request("OPTIONS", path).header("origin", origin);
    asked
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "content-type,idempotency-key,user_id")
        .await
}

#[track_caller]
fn assert_readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin().as_str()), "{answer}");
    assert!(words(answer, "vary").contains("origin"), "{answer}");
    let exposed = words(answer, "access-control-expose-headers");
    assert!(READ.iter().all(|name| exposed.contains(*name)), "{answer}");
}

#[track_caller]
fn assert_not_readable(answer: &Answer) {
    let said = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(said, None, "{answer}");
    // A cache must not give a page what a stranger was told.
    assert!(words(answer, "vary").contains("origin"), "{answer}");
}

#[tokio::test]
async fn a_preflight_is_answered_on_every_route() {
    let (bank, origin) = (Bank::from_env(), origin());
    for path in PATHS {
        for method in ["GET", "POST"] {
            let answer = preflight(&bank, path, method, &origin).await.is(200);
            assert_readable(&answer);
            assert!(answer.body.is_empty(), "{answer}");
            let methods = words(&answer, "access-control-allow-methods");
            assert_eq!(methods, ["GET", "HEAD", "POST"].map(str::to_owned).into(), "{answer}");
            let sent = words(&answer, "access-control-allow-headers");
            assert!(SENT.iter().all(|name| sent.contains(*name)), "{answer}");
            let age = answer.header("access-control-max-age").and_then(|age| age.parse::<u32>().ok());
            assert!(age.is_some_and(|age| age > 0), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_preflight_touches_no_money() {
    let (bank, user) = (Bank::from_env(), fresh("ann"));
    let asked = bank.request("OPTIONS", "/v1/deposit").header("origin", origin());
    asked.header("access-control-request-method", "POST").user(&user).amount("1").await.is(200);
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_page_of_a_named_origin_reads_every_answer_and_every_problem() {
    let (bank, origin, user) = (Bank::from_env(), origin(), fresh("ann"));
    for path in PATHS {
        // Whatever it is: 200, 304, 400, 401, 404, 405, 503.
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            assert_readable(&bank.request(method, *path).header("origin", &origin).await);
        }
    }
    let deposit = || bank.post("/v1/deposit").header("origin", &origin).user(&user).idempotency_key("k");
    assert_readable(&deposit().amount("1").await.is(200));
    let again = deposit().amount("1").await.is(200);
    assert!(again.replayed());
    assert_readable(&again);
    assert_readable(&deposit().amount("2").await.is(422));
    assert_readable(&deposit().json("x").await.is(400));
}

#[tokio::test]
async fn what_a_page_has_already_is_not_sent_to_it_again() {
    let (bank, origin) = (Bank::from_env(), origin());
    let first = bank.get("/openapi.json").header("origin", &origin).await.is(200);
    let tag = first.header("etag").unwrap_or_default();
    let asked = bank.get("/openapi.json").header("origin", &origin).header("if-none-match", tag);
    assert_readable(&asked.await.is(304));
}

#[tokio::test]
async fn a_page_of_any_other_origin_reads_nothing() {
    let bank = Bank::from_env();
    for path in PATHS {
        for stranger in STRANGERS {
            let refused = preflight(&bank, path, "POST", stranger).await;
            assert!([404, 405].contains(&refused.status), "{refused}");
            assert_not_readable(&refused);
        }
        assert_not_readable(&bank.get(*path).header("origin", "https://evil.example").await);
    }
}

#[tokio::test]
async fn a_client_that_is_no_page_is_answered_as_before() {
    let bank = Bank::from_env();
    for path in ["/healthz", "/v1/bitcoins", "/v1/nowhere"] {
        let answer = bank.get(path).await;
        rules::check(&answer);
        assert_not_readable(&answer);
    }
    bank.request("OPTIONS", "/v1/bitcoins").await.problem(405, "method-not-allowed");
}
