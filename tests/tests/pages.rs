//! What a person with a browser sees, and what everybody sees on a path that is none.
//!
//! Scenario: the start page, the page of every problem, wrong paths. Mechanism: status, media type and
//! the words that must be there. Needs: `BANK_URL`.

use tests::{Answer, Bank, problem};

#[track_caller]
fn is_a_page(answer: &Answer) {
    let media_type = answer.header("content-type").unwrap_or_default();
    assert_eq!(media_type.to_lowercase().replace(' ', ""), "text/html;charset=utf-8", "{answer}");
    assert!(answer.text().to_lowercase().starts_with("<!doctype html>"), "{answer}");
}

#[tokio::test]
async fn the_start_page_is_a_page() {
    is_a_page(&Bank::from_env().get("/").await.is(200));
}

#[tokio::test]
async fn every_problem_has_a_page_that_names_it() {
    let bank = Bank::from_env();
    for (status, code) in problem::TABLE {
        let answer = bank.get(format!("/problems/{code}")).await.is(200);
        is_a_page(&answer);
        assert!(answer.text().contains(code), "{code}: {answer}");
        assert!(answer.text().contains(&status.to_string()), "{status}: {answer}");
        assert!(answer.text().contains(&format!(r#""code": "{code}""#)), "no example of {code}: {answer}");
    }
}

#[tokio::test]
async fn the_type_of_a_problem_resolves() {
    let bank = Bank::from_env();
    let problem = bank.get("/nowhere").await.problem(404, "not-found");
    is_a_page(&bank.get(problem.kind).await.is(200));
}

#[tokio::test]
async fn any_other_path_is_not_found() {
    let bank = Bank::from_env();
    for path in [
        "/nowhere",
        "/v1",
        "/v2/wallet",
        "/v1/nothing",
        "/v1/Wallet",
        "/V1/wallet",
        "/v1/wallets",
        "/v1/wallet/ann",
        "/v1/counters",
        "/v1/counters/a/b",
        "/v1/rates/usd/x",
        "/v1/bitcoins/5",
        "/wallet",
        "/healthz/x",
        "/problems",
        "/problems/nothing",
        "/problems/not-found/x",
        "/index.html",
        "/favicon.icon",
        "/.git/config",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/%",
        "/%00",
        "/%3Cscript%3E",
    ] {
        bank.get(path).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_path_that_is_not_found_is_not_found_by_any_method() {
    let bank = Bank::from_env();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        bank.request(method, "/nowhere").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_problem_never_repeats_markup_from_the_path_on_a_page() {
    let bank = Bank::from_env();
    let answer = bank.get("/problems/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    answer.problem(404, "not-found");
    assert!(!answer.text().contains("<script>"), "{answer}");
}
