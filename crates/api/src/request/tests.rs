//! Requests as tables: identity, keys, queries, bodies.

use std::io::Error;

use futures::executor::block_on;
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::*;
use crate::Scope;

mod hostile;

fn request(headers: &[(&str, &str)]) -> Request {
    with_body(headers, "")
}

fn with_body(headers: &[(&str, &str)], body: &str) -> Request {
    let mut builder = http::Request::post("/path?one=1&two=2&two=2&sp=a%20b&plus=a+b&empty=");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Request::new(builder.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap())
}

/// The user, by headers alone: natively no setting says otherwise.
fn user(request: &Request) -> Result<User, Problem> {
    block_on(request.user(Scope::Read))
}

#[test]
fn a_user_comes_from_any_of_three_headers() {
    for headers in [
        &[("user_id", "alice")][..],
        &[("user-id", "alice")],
        &[("x-user-id", "alice")],
        &[("user_id", "alice"), ("x-user-id", "alice")],
        &[("user_id", "alice"), ("user_id", "alice")],
    ] {
        assert_eq!(user(&request(headers)).unwrap().as_str(), "alice", "{headers:?}");
    }
}

#[test]
fn no_user_or_no_single_user_is_401() {
    for (headers, code) in [
        (&[][..], Code::MissingIdentity),
        (&[("user_id", "")], Code::InvalidIdentity),
        (&[("user_id", "a b")], Code::InvalidIdentity),
        (&[("user_id", "ä")], Code::InvalidIdentity),
        (&[("user_id", "alice,alice")], Code::InvalidIdentity),
        (&[("user_id", "alice, bob")], Code::InvalidIdentity),
        (&[("user_id", "alice"), ("user-id", "bob")], Code::InvalidIdentity),
        (&[("user_id", "alice"), ("user_id", "bob")], Code::InvalidIdentity),
        (&[("user_id", "alice"), ("x-user-id", "")], Code::InvalidIdentity),
    ] {
        assert_eq!(user(&request(headers)).unwrap_err().code(), code, "{headers:?}");
    }
}

#[test]
fn raw_and_quoted_keys_are_one() {
    for (sent, key) in [
        ("abc", "abc"),
        ("\"abc\"", "abc"),
        ("a\"b", "a\"b"),
        (r#""a\"b""#, "a\"b"),
        (r#""a\\b""#, r"a\b"),
        ("a;b,c", "a;b,c"),
    ] {
        let found = request(&[("idempotency-key", sent)]).idempotency_key().unwrap().unwrap();
        assert_eq!(found.as_str(), key, "{sent}");
    }
    assert_eq!(request(&[]).idempotency_key().unwrap(), None);
}

#[test]
fn what_is_no_key_is_400() {
    let longest = "k".repeat(255);
    let quoted_longest = format!("\"{longest}\"");
    assert!(request(&[("idempotency-key", &quoted_longest)]).idempotency_key().is_ok());
    let too_long = "k".repeat(256);
    for sent in ["", "a b", "\"", "\"\"", "\"a", "\"a b\"", r#""a\b""#, r#""a"b""#, "\"a\";x", "é", &too_long]
    {
        let problem = request(&[("idempotency-key", sent)]).idempotency_key().unwrap_err();
        assert_eq!(problem.code(), Code::InvalidIdempotencyKey, "{sent:?}");
    }
    let twice = request(&[("idempotency-key", "a"), ("idempotency-key", "a")]);
    assert_eq!(twice.idempotency_key().unwrap_err().code(), Code::MalformedRequest);
}

#[test]
fn a_query_parameter_is_decoded_and_sent_once() {
    let request = request(&[]);
    for (name, value) in [("one", "1"), ("sp", "a b"), ("plus", "a b"), ("empty", "")] {
        assert_eq!(request.query(name).unwrap().as_deref(), Some(value));
    }
    assert_eq!(request.query("absent").unwrap(), None);
    assert_eq!(request.query("two").unwrap_err().code(), Code::MalformedRequest);
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let longest = "x".repeat(128);
    for id in ["a", "A.b_c-9", &longest] {
        assert_eq!(request(&[("x-request-id", id)]).id(), id);
    }
    let too_long = "x".repeat(129);
    for id in ["", "a b", "a\tb", "ä", "a/b", &too_long] {
        let replaced = request(&[("x-request-id", id)]).id().to_owned();
        assert_eq!(replaced.len(), 32, "{id:?}");
    }
}

#[test]
fn a_body_may_have_4096_bytes() {
    let most = "x".repeat(4096);
    assert_eq!(block_on(with_body(&[], &most).body()).unwrap().len(), 4096);
    let too_much = "x".repeat(4097);
    assert_eq!(block_on(with_body(&[], &too_much).body()).unwrap_err().code(), Code::PayloadTooLarge);
}

#[test]
fn a_body_that_does_not_come_in_time_is_408_and_one_that_is_there_is_read_however_late_it_is() {
    let stalls =
        stream::iter([Ok::<_, Error>(Frame::data(Bytes::from_static(b"{")))]).chain(stream::pending());
    let stalled = Request::new(http::Request::post("/").body(StreamBody::new(stalls)).unwrap());
    let problem = block_on(stalled.body_before(std::future::ready(()))).unwrap_err();
    assert_eq!(problem.code(), Code::RequestTimeout);
    assert_eq!(problem.into_answer("r").into_response("r").status(), 408);
    let there = with_body(&[], "{}").body_before(std::future::ready(()));
    assert_eq!(block_on(there).unwrap(), "{}");
}

/// A request with this header, whose value is bytes that are no UTF-8.
fn with_bytes(name: &str, body: &str) -> Request {
    let value = http::HeaderValue::from_bytes(b"a\xe4\xff").unwrap();
    let request = http::Request::post("/path").header(name, value).header("x-request-id", "r-1");
    Request::new(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap())
}

#[test]
fn bytes_that_are_no_text_are_a_bad_value_of_a_header_that_is_read_and_nothing_elsewhere() {
    for name in USER_HEADERS {
        assert_eq!(user(&with_bytes(name, "")).unwrap_err().code(), Code::InvalidIdentity);
    }
    let key = with_bytes("idempotency-key", "").idempotency_key();
    assert_eq!(key.unwrap_err().code(), Code::InvalidIdempotencyKey);
    for body in ["{}", ""] {
        let problem = block_on(with_bytes("content-type", body).json_body()).unwrap_err();
        assert_eq!(problem.code(), Code::UnsupportedMediaType, "{body:?}");
    }
    assert!(!with_bytes("if-none-match", "").has("a"));
    let ignored = with_bytes("x-latin-1", "");
    assert_eq!((ignored.id(), user(&ignored).unwrap_err().code()), ("r-1", Code::MissingIdentity));
    let replaced = Request::new(
        http::Request::get("/").header("x-request-id", &b"r\xe4"[..]).body(Full::<Bytes>::default()).unwrap(),
    );
    assert_eq!(replaced.id().len(), 32);
}

#[test]
fn a_body_must_say_that_it_is_json() {
    for content_type in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
        assert!(block_on(with_body(&[("content-type", content_type)], "{}").json_body()).is_ok());
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "json"] {
        let problem = block_on(with_body(&[("content-type", content_type)], "{}").json_body()).unwrap_err();
        assert_eq!(problem.code(), Code::UnsupportedMediaType, "{content_type}");
    }
}

#[test]
fn each_media_type_that_is_sent_must_be_json() {
    for (types, is_taken) in [
        (&["application/json", "application/json"][..], true),
        (&["application/json", ""], true),
        (&["application/json", "text/plain"], false),
        (&["text/plain", "application/json"], false),
    ] {
        let headers: Vec<_> = types.iter().map(|media_type| ("content-type", *media_type)).collect();
        assert_eq!(block_on(with_body(&headers, "{}").json_body()).is_ok(), is_taken, "{types:?}");
    }
}

#[test]
fn a_body_must_not_be_compressed() {
    for (coding, is_taken) in
        [("identity", true), ("Identity", true), ("gzip", false), ("gzip, identity", false)]
    {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        assert_eq!(block_on(with_body(&headers, "{}").json_body()).is_ok(), is_taken, "{coding}");
    }
}

#[test]
fn each_path_takes_its_methods_and_names_them() {
    let sent = |method: &str| {
        Request::new(
            http::Request::builder().method(method).uri("/p").body(Full::<Bytes>::default()).unwrap(),
        )
    };
    for (method, verb, get, post) in [
        ("GET", Some(Method::Get), true, false),
        ("HEAD", Some(Method::Get), true, false),
        ("POST", Some(Method::Post), false, true),
        ("PUT", None, false, false),
        ("DELETE", None, false, false),
        ("OPTIONS", None, false, false),
        ("get", None, false, false),
        ("PURGE", None, false, false),
    ] {
        let request = sent(method);
        assert_eq!(request.route_method().ok(), verb, "{method}");
        assert_eq!(request.get().is_ok(), get, "{method}");
        assert_eq!(request.post().is_ok(), post, "{method}");
    }
    let request = sent("PATCH");
    for (refused, allow) in [
        (request.route_method().map(drop), "GET, HEAD, POST"),
        (request.get(), "GET, HEAD"),
        (request.post(), "POST"),
    ] {
        let response = refused.unwrap_err().into_answer("r").into_response("r");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &http::HeaderValue::from_static(allow))
        );
    }
}

#[test]
fn a_path_is_what_stands_before_the_query() {
    assert_eq!(request(&[]).path(), "/path");
}

#[test]
fn a_body_that_breaks_off_is_malformed() {
    let frames =
        stream::iter([Ok(Frame::data(Bytes::from_static(b"{\"amount\":"))), Err(Error::other("gone"))]);
    let request = Request::new(http::Request::post("/").body(StreamBody::new(frames)).unwrap());
    assert_eq!(block_on(request.body()).unwrap_err().code(), Code::MalformedRequest);
}

#[test]
fn a_body_that_grows_past_the_limit_is_refused_though_it_said_nothing() {
    let frames = stream::iter((0..5).map(|_| Ok::<_, Error>(Frame::data(Bytes::from(vec![b'x'; 1024])))));
    let request = Request::new(http::Request::post("/").body(StreamBody::new(frames)).unwrap());
    assert_eq!(block_on(request.body()).unwrap_err().code(), Code::PayloadTooLarge);
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_body_comes() {
    for length in ["4097", "1000000000000", "18446744073709551615"] {
        let problem = block_on(with_body(&[("content-length", length)], "").body()).unwrap_err();
        assert_eq!(problem.code(), Code::PayloadTooLarge, "{length}");
    }
}

#[test]
fn a_client_has_what_one_of_its_tags_names() {
    for (sent, has) in [
        (r#"W/"a""#, true),
        (r#""a""#, true),
        (r#""b", W/"a""#, true),
        ("*", true),
        (r#""b""#, false),
        ("a", false),
        ("", false),
    ] {
        assert_eq!(request(&[("if-none-match", sent)]).has(r#"W/"a""#), has, "{sent}");
        assert_eq!(request(&[("if-none-match", sent)]).has(r#""a""#), has, "{sent}");
    }
    assert!(!request(&[]).has(r#""a""#));
}

#[test]
fn a_body_is_as_long_as_it_was_announced() {
    let announced = |parts: &'static [&'static str],
                     rest: BoxStream<'static, Result<Frame<Bytes>, Error>>| {
        let parts = parts.iter().map(|part| Ok(Frame::data(Bytes::from(*part))));
        let body = StreamBody::new(stream::iter(parts).chain(rest));
        Request::new(http::Request::post("/").header("content-length", "4").body(body).unwrap())
    };
    // What comes after the last byte is not waited for.
    let whole = announced(&["ab", "cd"], stream::pending().boxed());
    assert_eq!(block_on(whole.body()).unwrap(), "abcd");
    let broken = announced(&["ab"], stream::empty().boxed());
    assert_eq!(block_on(broken.body()).unwrap_err().code(), Code::MalformedRequest);
}
