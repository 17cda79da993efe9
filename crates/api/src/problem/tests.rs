//! Problems as clients see them, and the catalogue, which lists them all.

use super::*;

/// The answer's status, its body, and the response that they came in.
fn shown(problem: Problem) -> (http::Response<()>, serde_json::Value) {
    let (head, body) = problem.into_answer("r-1").into_response("r-1").into_parts();
    (http::Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap())
}

#[test]
fn every_code_is_told_in_the_contracts_form() {
    for &code in Code::ALL {
        let (response, body) = shown(Problem::new(code, "Because."));
        assert_eq!(response.status(), code.status());
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(body["type"], format!("/problems/{}", code.as_str()));
        assert_eq!(body["status"], code.status().as_u16());
        assert_eq!(body["title"], code.title());
        assert_eq!(body["code"], code.as_str());
        assert_eq!(body["detail"], "Because.");
        assert_eq!(body["request_id"], "r-1");
    }
}

#[test]
fn every_code_is_explained_and_no_two_have_one_name() {
    let names: std::collections::BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(code.meaning().trim().ends_with('.'), "{code:?}: {}", code.meaning());
        assert!(code.retry().ends_with(['.', 'd']), "{code:?}: {}", code.retry());
        assert!(code.status().is_client_error() || code.status().is_server_error());
    }
}

#[test]
fn every_example_is_a_whole_problem_of_its_code() {
    for &code in Code::ALL {
        let example: serde_json::Value = serde_json::from_str(&Problem::example(code)).unwrap();
        let (_, common) = shown(Problem::new(code, "Because."));
        for member in ["type", "title", "status", "code"] {
            assert_eq!(example[member], common[member], "{code:?}");
        }
        assert!(!example["detail"].as_str().unwrap().is_empty(), "{code:?}");
        assert_eq!(example.get("outcome").is_some(), code == Code::StorageUnavailable);
    }
}

#[test]
fn the_common_problems_have_their_codes() {
    for (problem, code) in [
        (Problem::malformed("Because."), Code::MalformedRequest),
        (Problem::not_found(), Code::NotFound),
        (Problem::method_not_allowed("GET"), Code::MethodNotAllowed),
        (Problem::internal("the cause"), Code::InternalError),
    ] {
        assert_eq!(problem.code(), code);
    }
}

#[test]
fn only_a_503_says_when_to_come_back_and_only_a_405_what_is_allowed() {
    for &code in Code::ALL {
        let (response, _) = shown(Problem::new(code, "Because."));
        assert_eq!(response.headers().contains_key("retry-after"), code.status() == 503, "{code:?}");
        assert!(!response.headers().contains_key("allow"));
    }
    let (response, _) = shown(Problem::method_not_allowed("GET, HEAD"));
    assert_eq!(response.headers()["allow"], "GET, HEAD");
}

#[test]
fn an_outcome_speaks_of_the_request_that_it_answers_and_of_no_other() {
    let shown = |unavailable: store::Unavailable| shown(unavailable.into()).1["detail"].to_string();
    let none = shown(store::Unavailable::Untouched);
    assert!(none.contains("This request did nothing and will do nothing"), "{none}");
    assert!(none.contains("of an earlier try") && !none.contains("Nothing happened"), "{none}");
    let unknown = shown(store::Unavailable::Unknown);
    assert!(unknown.contains("may have been carried out, or may still be"), "{unknown}");
    assert!(Code::StorageUnavailable.meaning().contains("of this request and of no other"));
}

#[test]
fn what_may_have_changed_something_never_says_that_nothing_was_changed() {
    let (_, told) = shown(Problem::internal("because"));
    let example = Problem::example(Code::InternalError);
    let texts = [told.to_string(), example, Code::InternalError.meaning().to_owned()];
    for text in texts {
        assert!(!text.to_lowercase().contains("nothing"), "{text}");
    }
}

#[test]
fn what_a_client_may_send_again_says_under_which_key() {
    for code in [Code::RequestTimeout, Code::StorageUnavailable, Code::InternalError] {
        assert!(code.retry().contains("the very same request under the same idempotency key"), "{code:?}");
    }
}

#[test]
fn a_cause_of_ours_is_not_told() {
    let (_, body) = shown(Problem::internal("bank:{ann}:wallet: secret"));
    assert!(!body.to_string().contains("secret"), "{body}");
}
