//! Problems as the client sees them, and the catalogue that names them all.

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
fn a_cause_of_ours_is_not_told() {
    let (_, body) = shown(Problem::internal("bank:wallet:ann: secret"));
    assert!(!body.to_string().contains("secret"), "{body}");
}
