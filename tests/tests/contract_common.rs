//! What holds on every route: request ids, HEAD, slashes, query parameters, methods.
//!
//! Scenario: each route of the contract, with requests that all routes answer alike. Mechanism: tables of routes;
//! length, `nosniff`, caching and the shape of problems are checked on every answer by `tests::rules`. Needs:
//! `BANK_URL`; no upstream for rates.

use tests::{Bank, fresh};

/// Path, what answers there (as `Allow` must list it), and whether it can be asked without an upstream.
const ROUTES: &[(&str, &[&str], bool)] = &[
    ("/", &["GET", "HEAD"], true),
    ("/healthz", &["GET", "HEAD"], true),
    ("/readyz", &["GET", "HEAD"], true),
    ("/problems/not-found", &["GET", "HEAD"], true),
    ("/v1/bitcoins", &["GET", "HEAD", "POST"], true),
    ("/v1/counters/visits", &["GET", "HEAD", "POST"], true),
    ("/v1/wallet", &["GET", "HEAD"], true),
    ("/v1/deposit", &["POST"], true),
    ("/deposit", &["POST"], true),
    ("/v1/withdraw", &["POST"], true),
    ("/withdraw", &["POST"], true),
    ("/v1/rates", &["GET", "HEAD"], false),
    ("/v1/rates/usd", &["GET", "HEAD"], false),
    ("/v1/convert", &["GET", "HEAD"], false),
];

fn gettable() -> impl Iterator<Item = &'static str> {
    let known = ROUTES.iter().filter(|(_, methods, alone)| *alone && methods.contains(&"GET"));
    known.map(|(path, ..)| *path).chain(["/nowhere"])
}

#[tokio::test]
async fn a_sane_request_id_comes_back() {
    let bank = Bank::from_env();
    for id in ["a", "A.z_9-", &"r".repeat(128)] {
        for path in gettable() {
            let answer = bank.get(path).user("ann").header("x-request-id", id).await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{answer}");
        }
    }
}

#[tokio::test]
async fn an_insane_request_id_is_replaced() {
    let bank = Bank::from_env();
    for id in ["", "a b", "a/b", "<script>", "é", &"r".repeat(129)] {
        for path in gettable() {
            let answer = bank.get(path).user("ann").header("x-request-id", id).await;
            assert_ne!(answer.headers["x-request-id"].as_bytes(), id.as_bytes(), "{answer}");
        }
    }
}

#[tokio::test]
async fn requests_without_an_id_get_one_of_their_own() {
    let bank = Bank::from_env();
    for path in gettable() {
        let first = bank.get(path).user("ann").await;
        let second = bank.get(path).user("ann").await;
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"), "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    bank.deposit(&user, "10.00").await;
    // The counter that everybody posts to may grow a digit between two requests.
    for path in gettable().filter(|path| *path != "/v1/bitcoins") {
        let get = bank.get(path).user(&user).header("x-request-id", "same").await;
        let head = bank.head(path).user(&user).header("x-request-id", "same").await;
        assert_eq!(head.status, get.status, "{head}");
        for name in ["content-length", "content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name}: {get} {head}");
        }
        assert!(head.body.is_empty(), "{head}");
    }
}

#[tokio::test]
async fn head_of_the_bitcoin_counter_is_answered() {
    Bank::from_env().head("/v1/bitcoins").await.is(200);
}

#[tokio::test]
async fn a_trailing_slash_is_another_path() {
    let bank = Bank::from_env();
    for (path, methods, _) in ROUTES.iter().filter(|(path, ..)| *path != "/") {
        for method in *methods {
            let request = bank.request(method, format!("{path}/")).user("ann");
            let answer = request.await;
            assert_eq!(answer.status, 404, "{answer}");
        }
    }
}

#[tokio::test]
async fn query_parameters_that_a_route_does_not_know_are_ignored() {
    let bank = Bank::from_env();
    for path in gettable().filter(|path| *path != "/nowhere") {
        bank.get(format!("{path}?utm=1&utm=2&=&%zz&a[]=b&amount")).user("ann").await.is(200);
    }
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_refused_with_those_it_has() {
    let bank = Bank::from_env();
    for (path, methods, _) in ROUTES {
        let others = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        for method in others.iter().filter(|method| !methods.contains(method)) {
            let answer = bank.request(method, *path).user("ann").await.is(405);
            if *method != "HEAD" {
                answer.problem(405, "method-not-allowed");
            }
            let allow = answer.header("allow").unwrap_or_default();
            let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, *methods, "{answer}");
        }
    }
}

#[tokio::test]
async fn json_answers_say_that_they_are_json() {
    let bank = Bank::from_env();
    for path in ["/healthz", "/readyz", "/v1/bitcoins", "/v1/counters/visits", "/v1/wallet"] {
        let answer = bank.get(path).user("ann").await.is(200);
        let media_type = answer.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default();
        assert_eq!(essence, "application/json", "{answer}");
    }
}
