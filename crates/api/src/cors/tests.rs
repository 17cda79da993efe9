//! Which origins get which headers, and what a valid origin is.

use futures::executor::block_on;

use super::*;
use crate::{Problem, answer};

const APP: &str = "https://app.example";

fn origins(setting: &str) -> Origins {
    let (origins, bad) = Origins::parse(setting);
    assert_eq!(bad, Vec::<&str>::new());
    origins
}

/// The answer to a request with these headers, where `handler` says no.
fn answered(setting: &str, method: &str, headers: &[(&str, &str)]) -> http::Response<bytes::Bytes> {
    let mut request = http::Request::builder().method(method).uri("/v1/bitcoins");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = Request::new(request.body(String::new()).unwrap());
    let refuse = async |_| Err(Problem::method_not_allowed("GET"));
    block_on(answer(request, &origins(setting), refuse)).into_response("r")
}

fn said<'a>(response: &'a http::Response<bytes::Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn preflight(origin: &str) -> [(&str, &str); 2] {
    [("origin", origin), ("access-control-request-method", "POST")]
}

#[test]
fn where_no_origin_is_named_no_answer_says_anything_of_it() {
    for setting in ["", " \n"] {
        for method in ["GET", "OPTIONS"] {
            let response = answered(setting, method, &preflight(APP));
            assert_eq!(response.status(), 405);
            let of_cors = |name: &http::HeaderName| name == "vary" || name.as_str().starts_with("access-");
            assert!(!response.headers().keys().any(of_cors), "{response:?}");
        }
    }
}

#[test]
fn a_page_of_a_named_origin_may_read_every_answer_a_problem_too() {
    for setting in [APP, "http://localhost:5173\n https://app.example ", "HTTPS://App.Example:443/"] {
        let response = answered(setting, "GET", &[("origin", APP)]);
        assert_eq!(response.status(), 405);
        assert_eq!(said(&response, "access-control-allow-origin"), Some(APP));
        assert_eq!(said(&response, "access-control-expose-headers"), Some(EXPOSED));
        assert_eq!(said(&response, "vary"), Some("origin"));
        assert_eq!(said(&response, "access-control-allow-credentials"), None);
    }
}

#[test]
fn any_other_origin_is_told_nothing_and_no_cache_mistakes_the_one_for_the_other() {
    for headers in [
        &[("origin", "https://app.example.evil")][..],
        &[("origin", "https://evil.app.example")],
        &[("origin", "http://app.example")],
        &[("origin", "https://app.example:8443")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "ä")],
        &[],
    ] {
        let response = answered(APP, "GET", headers);
        assert_eq!(said(&response, "access-control-allow-origin"), None, "{headers:?}");
        assert_eq!(said(&response, "access-control-expose-headers"), None);
        assert_eq!(said(&response, "vary"), Some("origin"));
    }
}

#[test]
fn a_preflight_is_answered_before_any_route_is_asked() {
    let response = answered(APP, "OPTIONS", &preflight(APP));
    assert_eq!(response.status(), 200);
    assert_eq!(said(&response, "access-control-allow-origin"), Some(APP));
    assert_eq!(said(&response, "access-control-allow-methods"), Some("GET, HEAD, POST"));
    assert_eq!(said(&response, "access-control-max-age"), Some("600"));
    assert_eq!(said(&response, "content-length"), Some("0"));
    let allowed = said(&response, "access-control-allow-headers").unwrap();
    for name in ["content-type", "idempotency-key", "user_id", "user-id", "x-user-id", "authorization"] {
        assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
    }
}

#[test]
fn what_is_no_preflight_of_a_named_origin_is_the_routes_business() {
    for headers in [&preflight("https://evil.example")[..], &[("origin", APP)], &[]] {
        assert_eq!(answered(APP, "OPTIONS", headers).status(), 405, "{headers:?}");
    }
    assert_eq!(answered(APP, "GET", &preflight(APP)).status(), 405);
}

#[test]
fn an_answer_that_varies_already_varies_by_both() {
    let answer = Answer::json(&1).with("vary", "accept-encoding");
    let response = Grant::To(APP.to_owned()).add_headers(answer).into_response("r");
    assert_eq!(said(&response, "vary"), Some("accept-encoding, origin"));
}

#[test]
fn an_origin_is_kept_as_browsers_send_it() {
    for (word, sent) in [
        ("https://app.example", "https://app.example"),
        ("HTTP://LocalHost:3000/", "http://localhost:3000"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://10.0.0.1:80", "http://10.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
    ] {
        assert_eq!(origin(word).as_deref(), Some(sent), "{word}");
    }
}

#[test]
fn what_is_no_origin_is_named_and_the_others_hold() {
    let setting = "* null https://app.example https://*.example https://a.example/path https://a.example//";
    let (origins, bad) = Origins::parse(setting);
    assert_eq!(origins.0, [APP]);
    assert_eq!(bad, ["*", "null", "https://*.example", "https://a.example/path", "https://a.example//"]);
    for word in [
        "app.example",
        "ftp://app.example",
        "https://",
        "https://:443",
        "https://user@app.example",
        "https://app.example:",
        "https://app.example:0",
        "https://app.example:080",
        "https://app.example:+80",
        "https://app.example:65536",
        "https://[]",
        "https://[::1",
        "https://a.example?q",
        "https://a.example#f",
        "https://a.example,https://b.example",
        "https://bücher.example",
    ] {
        assert_eq!(origin(word), None, "{word}");
    }
}
