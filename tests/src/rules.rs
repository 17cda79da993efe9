//! The common rules of the contract, which every answer must keep.
//!
//! The right length; one sane `x-request-id` (the caller's, if that was sane); `nosniff`; caching; the media type;
//! for errors a complete problem from the table; and never a 500.

use crate::answer::Answer;
use crate::problem::{Problem, TABLE};
use http::Method;

/// Panics, naming the request and showing the answer, when a rule is broken.
pub fn check(answer: &Answer) {
    assert_ne!(answer.status, 500, "never a 500: {answer}");
    check_form(answer);
}

/// The rules that hold for a 500 too.
pub fn check_form(answer: &Answer) {
    check_length(answer);
    check_request_id(answer);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer}");
    check_caching(answer);
    if answer.status >= 400 {
        check_problem(answer);
    }
}

fn check_length(answer: &Answer) {
    let length = answer.header("content-length");
    let length = length.unwrap_or_else(|| panic!("no content-length: {answer}"));
    if answer.asked.method != Method::HEAD && answer.status != 304 {
        assert_eq!(length, answer.body.len().to_string(), "content-length: {answer}");
    }
    assert_eq!(answer.header("transfer-encoding"), None, "{answer}");
}

fn check_request_id(answer: &Answer) {
    let id = answer.header("x-request-id");
    let id = id.unwrap_or_else(|| panic!("no x-request-id: {answer}"));
    assert!(is_sane(id), "x-request-id is not sane: {answer}");
    if let Some(sent) = answer.asked.request_id.as_deref().filter(|sent| is_sane(sent)) {
        assert_eq!(id, sent, "x-request-id is not echoed: {answer}");
    }
}

/// 1 to 128 of `A-Za-z0-9._-`.
pub fn is_sane(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=128).contains(&id.len()) && id.chars().all(allowed)
}

/// `/v1/rates` must be cacheable for the rest of its lifetime, and single rates may be. The dashboard and the
/// documentation may be cached if the client revalidates each time. Nothing else may be cached.
fn check_caching(answer: &Answer) {
    let said = answer.header("cache-control").unwrap_or_default();
    let path = answer.asked.path.split('?').next().unwrap_or_default();
    // The answer to a preflight is not that of the path.
    let given = matches!(answer.status, 200 | 304) && answer.asked.method != Method::OPTIONS;
    let age = said.strip_prefix("public, max-age=").and_then(|age| age.parse::<u64>().ok());
    let right = match (path, given) {
        ("/v1/rates", true) => age.is_some(),
        (path, true) if path == "/openapi.json" || path.starts_with("/docs") => said == "no-cache",
        (path, true) if path.starts_with("/v1/rates/") => age.is_some() || said == "no-store",
        (path, true)
            if ["/", "/style.css", "/settings.js"].contains(&path) || path.starts_with("/assets/") =>
        {
            said == "no-cache"
        }
        _ => said == "no-store",
    };
    assert!(right, "cache-control: {answer}");
}

fn check_problem(answer: &Answer) {
    let media_type = answer.header("content-type").unwrap_or_default();
    assert_eq!(media_type, "application/problem+json", "{answer}");
    if answer.asked.method == Method::HEAD {
        return;
    }
    let problem: Problem = answer.json();
    assert_eq!(problem.status, answer.status, "{answer}");
    assert_eq!(problem.kind, format!("/problems/{}", problem.code), "{answer}");
    assert_eq!(Some(problem.request_id.as_str()), answer.header("x-request-id"), "{answer}");
    assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{answer}");
    let row = (problem.status, problem.code.as_str());
    assert!(TABLE.contains(&row), "not in the contract's table: {answer}");
    if answer.status == 403 {
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", scope="), "{answer}");
    }
    if answer.status == 503 {
        let after = answer.header("retry-after").and_then(|after| after.parse::<u64>().ok());
        assert!(after.is_some(), "no retry-after: {answer}");
    }
}
