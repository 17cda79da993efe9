//! A running `bank` with the guest component: what a client sees, what the component sees, and what is on stderr.
//! Everything that Spin has too behaves as in Spin 4.1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::http::{self, Connection};
use common::{bank, bank_in, bank_with, manifest, refused, within};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn it_says_where_it_serves_and_what() {
    let manifest = manifest("description = \"it guests\"");
    let bank = bank(&manifest, &[]);
    assert!(bank.announced.starts_with("\nServing http://127.0.0.1:"), "{}", bank.announced);
    assert_eq!(bank.get("/.well-known/spin/health"), "OK");
    let info = http::get(&bank.address, "/.well-known/spin/info");
    assert_eq!(info.body, "{\n  \"name\": \"guest\",\n  \"version\": \"1.2.3\"\n}");
    assert_eq!(info.header("content-type"), Some("application/json"));
    assert_eq!(http::get(&bank.address, "/.well-known/spin/else").status, 404);
    assert!(bank.stderr().contains("Storing default key-value data to \""), "{}", bank.stderr());
}

#[test]
fn the_functions_of_components_are_named_for_perf_when_that_is_asked_for_only() {
    let map = |id: u32| format!("/tmp/perf-{id}.map");
    let asked = bank_with(&manifest(""), "BANK_PERF_MAP", "1");
    let names = std::fs::read_to_string(map(asked.id())).unwrap();
    std::fs::remove_file(map(asked.id())).unwrap();
    // The guest is stripped, so that its functions have numbers for names.
    assert!(names.contains(" wasm[0]::function["), "{names:.2000}");
    let unasked = bank(&manifest(""), &[]);
    assert!(!std::path::Path::new(&map(unasked.id())).exists());
}

#[test]
fn a_client_that_has_sent_its_request_may_close_its_side_and_is_answered() {
    let bank = bank(&manifest(""), &[]);
    let body = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    for (request, answer) in [
        ("GET /sleep?ms=300 HTTP/1.1\r\nhost: a\r\n\r\n", "slept"),
        ("GET /sleep?ms=300 HTTP/1.0\r\n\r\n", "slept"),
        (body, "5 bytes"),
    ] {
        let mut stream = TcpStream::connect(&bank.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answered = String::new();
        stream.read_to_string(&mut answered).unwrap();
        assert!(answered.ends_with(answer), "{request:?}: {answered:?}");
    }
}

#[test]
fn the_component_sees_the_request_with_the_headers_of_spin() {
    let bank = bank(&manifest(""), &[]);
    let request = "POST /exact/n%20m?q=1 HTTP/1.1\r\nHost: example.com:80\r\nconnection: keep-alive\r\n\
                   X-Own: 1\r\nx-own: 2\r\nspin-path-info: forged\r\ncontent-length: 0\r\n\r\n";
    let response = http::request(&bank.address, request).unwrap();
    let mut lines = response.body.lines();
    assert_eq!(lines.next(), Some("POST http://example.com:80/exact/n%20m?q=1"));
    let headers: Vec<&str> = lines.collect();
    for header in [
        "x-own: 1",
        "x-own: 2",
        "spin-path-info: forged",
        "spin-path-info: ",
        "spin-full-url: http://example.com:80/exact/n%20m?q=1",
        "spin-matched-route: /exact/:name",
        "spin-base-path: /",
        "spin-raw-component-route: /exact/:name",
        "spin-component-route: /exact/:name",
        "spin-path-match-name: n%20m",
    ] {
        assert!(headers.contains(&header), "{header} is not in {headers:#?}");
    }
    assert!(headers.iter().any(|header| header.starts_with("spin-client-addr: 127.0.0.1:")));
    assert!(!headers.iter().any(|header| header.starts_with("connection")), "{headers:#?}");
}

#[test]
fn bodies_arrive_and_return_whole() {
    let bank = bank(&manifest(""), &[]);
    let body = "x".repeat(500_000);
    let with_length = format!("POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n{body}");
    assert_eq!(http::request(&bank.address, &with_length).unwrap().body, body);
    let chunked = format!(
        "POST /body HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n7a120\r\n{body}\r\n0\r\n\r\n"
    );
    assert_eq!(http::request(&bank.address, &chunked).unwrap().body, body);
}

#[test]
fn a_body_with_another_transfer_coding_than_chunked_is_not_implemented() {
    let bank = bank(&manifest(""), &[]);
    for (codings, status) in [
        ("transfer-encoding: chunked", 200),
        ("transfer-encoding: Chunked", 200),
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", 501),
    ] {
        let request = format!("POST /body HTTP/1.1\r\nhost: a\r\n{codings}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        assert_eq!(http::request(&bank.address, &request).unwrap().status, status, "{codings}");
    }
}

#[test]
fn a_head_request_has_the_headers_of_a_get_and_no_body() {
    let bank = bank(&manifest(""), &[]);
    let mut connection = Connection::open(&bank.address);
    for _ in 0..3 {
        connection.send(b"HEAD /variable?name=word HTTP/1.1\r\nhost: a\r\n\r\n");
        let head = connection.response(false).unwrap();
        connection.send(b"GET /variable?name=word HTTP/1.1\r\nhost: a\r\n\r\n");
        let get = connection.response(true).unwrap();
        assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    }
}

#[test]
fn invalid_requests_are_refused_and_the_next_is_served() {
    let bank = bank(&manifest(""), &[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x.spin.internal:80\r\n\r\n", 400),
    ] {
        assert_eq!(http::request(&bank.address, request).unwrap().status, status, "{request}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(1_000_000));
    assert_eq!(http::request(&bank.address, &long).unwrap().status, 431);
    bank.get("/");
}

#[test]
fn header_fields_are_handed_on_as_the_bytes_that_they_are() {
    let bank = bank(&manifest(""), &[]);
    let mut connection = Connection::open(&bank.address);
    connection.send(b"GET /bytes?name=x-latin HTTP/1.1\r\nhost: a\r\nx-latin: versi\xf3n \xff\r\n\r\n");
    let response = connection.response(true).unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "b\"versi\\xf3n \\xff\""));
}

#[test]
fn a_request_of_http_1_0_needs_no_host() {
    let bank = bank(&manifest(""), &[]);
    let response = http::request(&bank.address, "GET /a HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(response.body.lines().next(), Some(format!("GET http://{}/a", bank.address).as_str()));
}

#[test]
fn the_host_in_the_target_counts_and_not_the_field() {
    let bank = bank(&manifest(""), &[]);
    let response =
        http::request(&bank.address, "GET http://target:81/a HTTP/1.1\r\nhost: field\r\n\r\n").unwrap();
    let lines: Vec<&str> = response.body.lines().collect();
    assert_eq!(lines.first(), Some(&"GET http://target:81/a"));
    assert!(lines.contains(&"spin-full-url: http://target:81/a"), "{lines:?}");
}

/// What the log has of a request that its component did not answer.
const FAILED: &str =
    r#""level":"error","component":"guest","event":"request","method":"GET","route":"/...","status":500,"#;

#[test]
fn a_trap_is_a_500_without_a_body_and_the_next_request_is_served() {
    let bank = bank(&manifest(""), &[]);
    let trap = http::get(&bank.address, "/trap");
    assert_eq!((trap.status, trap.body.as_str(), trap.header("content-length")), (500, "", Some("0")));
    bank.wait_for_stderr("[guest] failed:");
    bank.wait_for_stderr("wasm trap");
    bank.wait_for_stderr(FAILED);
    bank.get("/");
}

#[test]
fn an_error_instead_of_a_response_is_a_500_and_is_logged() {
    let bank = bank(&manifest(""), &[]);
    let error = http::get(&bank.address, "/error");
    assert_eq!((error.status, error.body.as_str()), (500, ""));
    bank.wait_for_stderr("[guest] failed:");
    bank.wait_for_stderr("the component says no");
    bank.wait_for_stderr(FAILED);
}

#[test]
fn what_a_component_prints_is_logged_line_by_line_with_its_name() {
    let bank = bank(&manifest(""), &[]);
    bank.get("/say?err=one%0Atwo%0A&out=three%0A");
    bank.get("/say?err=%7B%22level%22:%22info%22%7D%0A");
    for line in ["[guest] one\n", "[guest] two\n", "[guest] three\n"] {
        bank.wait_for_stderr(line);
    }
    bank.wait_for_stderr("{\"component\":\"guest\",\"level\":\"info\"}\n");
    let quiet = common::bank(&manifest(""), &["--quiet"]);
    quiet.get("/say?err=one%0A");
    std::thread::sleep(Duration::from_millis(100));
    assert!(!quiet.stderr().contains("one"), "{}", quiet.stderr());
}

#[test]
fn variables_come_from_flags_the_environment_and_the_manifest() {
    let lines = "variables = { greeting = \"{{ word }}, you\" }\nenvironment = { SET = \"yes\" }";
    let plain = bank(&manifest(lines), &[]);
    assert_eq!(plain.get("/variable?name=greeting"), "Ok(\"hello, you\")");
    assert!(plain.get("/variable?name=word").contains("Undefined"));
    assert!(plain.get("/variable?name=No").contains("InvalidName"));
    assert_eq!(plain.get("/environment?name=SET"), "Some(\"yes\")");
    assert_eq!(plain.get("/environment?name=PATH"), "None");
    let flagged = bank(&manifest(lines), &["--variable", "word=bye"]);
    assert_eq!(flagged.get("/variable?name=greeting"), "Ok(\"bye, you\")");
}

#[test]
fn stores_are_open_to_whom_they_are_granted() {
    let bank = bank(&manifest(""), &[]);
    assert_eq!(bank.get("/kv/get?key=a"), "Ok(None)");
    assert_eq!(bank.get("/kv/set?key=a&value=1"), "Ok(())");
    assert_eq!(bank.get("/kv/get?key=a"), "Ok(Some(\"1\"))");
    assert_eq!(bank.get("/kv/race?key=a"), "Ok(Some(\"1\"))");
    assert_eq!(bank.get("/atomics/increment?key=n&delta=5"), "Ok(5)");
    assert_eq!(bank.get("/kv/get?key=a&label=other"), "Error::AccessDenied");
    assert_eq!(bank.get("/atomics/increment?key=n&label=other"), "Error::AccessDenied");
}

#[test]
fn a_swap_that_is_lost_shows_what_it_lost_to() {
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let config = config.path().display().to_string();
    for arguments in [["--state-dir", ""], ["--state-dir", "state"], ["--runtime-config-file", &config]] {
        let bank = bank(&manifest(""), &arguments);
        for (query, expected) in [
            ("key=a&value=1", "None swapped"),
            ("key=a&value=2", "Some(\"1\") swapped"),
            ("key=a&value=3&meanwhile=x", "Some(\"2\") lost to Some(\"x\")"),
            ("key=absent&value=3&meanwhile=x", "None lost to Some(\"x\")"),
        ] {
            let answer = bank.get(&format!("/atomics/swap?{query}"));
            assert_eq!(answer, format!("{:?}", Ok::<_, ()>(expected)), "{arguments:?} {query}");
        }
        assert_eq!(bank.get("/kv/get?key=absent"), "Ok(Some(\"x\"))", "{arguments:?}");
    }
}

#[test]
fn the_default_store_is_beside_the_manifest_and_survives_a_restart() {
    let first = bank(&manifest(""), &[]);
    first.get("/kv/set?key=a&value=kept");
    assert!(first.folder.path().join(".spin/sqlite_key_value.db").is_file());
    let folder = first.folder.clone();
    drop(first);
    let second = bank_in(folder.clone(), &[]);
    assert_eq!(second.get("/kv/get?key=a"), "Ok(Some(\"kept\"))");
    let elsewhere = bank_in(folder, &["--state-dir", "state"]);
    assert_eq!(elsewhere.get("/kv/get?key=a"), "Ok(None)");
    assert!(elsewhere.folder.path().join("state/sqlite_key_value.db").is_file());
}

#[test]
fn a_component_is_not_held_up_by_a_redis_that_hangs() {
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let bank = bank(&manifest(""), &["--runtime-config-file", &config.path().display().to_string()]);
    bank.get("/kv/set?key=a&value=1");
    redis.freeze();
    let start = Instant::now();
    // The guest's own deadline is 200 ms: its read must be dropped, and other requests be served.
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(bank.get("/kv/race?key=a"), "late"));
        }
        scope.spawn(|| bank.get("/"));
    });
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    redis.thaw();
    assert!(within(Duration::from_secs(2), || bank.get("/kv/race?key=a") == "Ok(Some(\"1\"))"));
}

/// An instance that is in a synchronous call polls none of its asynchronous ones; no call may wait for
/// one of those.
#[test]
fn asynchronous_and_synchronous_calls_of_an_instance_do_not_wait_for_one_another() {
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let config = config.path().display().to_string();
    for arguments in [["--state-dir", "state"], ["--runtime-config-file", &config]] {
        let bank = bank(&manifest(""), &arguments);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    let mut connection = Connection::open(&bank.address);
                    for _ in 0..200 {
                        connection.send(b"GET /mixed?key=n HTTP/1.1\r\nhost: a\r\n\r\n");
                        assert_eq!(connection.response(true).unwrap().status, 200);
                    }
                });
            }
        });
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        assert_eq!(bank.get("/atomics/increment?key=n&delta=0"), "Ok(20000)");
    }
}

#[test]
fn a_client_that_is_answered_early_can_send_the_rest_and_go_on() {
    let bank = bank(&manifest(""), &[]);
    let mut connection = Connection::open(&bank.address);
    connection.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\nsome of it ");
    assert_eq!(connection.response(true).unwrap().status, 200);
    connection.send(&[b' '; 300_000 - 11]);
    connection.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(connection.response(true).unwrap().status, 200);
}

#[test]
fn a_client_that_goes_on_sending_after_the_answer_is_disconnected() {
    let bank = bank(&manifest(""), &[]);
    let mut connection = Connection::open(&bank.address);
    connection.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\nsome of it ");
    assert_eq!(connection.response(true).unwrap().status, 200);
    // Nothing more comes, and so the connection ends before another request can be told from the body.
    assert!(connection.response(true).is_none());
}

#[test]
fn it_starts_while_redis_is_down_and_finds_it_later() {
    let port = common::free_port();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("redis.toml");
    let text =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://:hunter2@127.0.0.1:{port}\"\n");
    std::fs::write(&config, text).unwrap();
    let bank = bank(&manifest(""), &["--runtime-config-file", &config.display().to_string()]);
    let error = bank.get("/kv/get?key=a");
    assert!(error.starts_with("Err(Error::Other(\"Redis: "), "{error}");
    assert!(bank.get("/atomics/increment?key=n").contains("Redis: "));
    assert!(bank.stderr().contains(&format!("Redis at 127.0.0.1:{port}")), "{}", bank.stderr());
    assert!(!bank.stderr().contains("hunter2") && !error.contains("hunter2"));
}

#[test]
fn an_answer_does_not_wait_for_the_clients_acknowledgement() {
    let bank = bank(&manifest(""), &[]);
    let mut connection = Connection::open(&bank.address);
    let start = Instant::now();
    for _ in 0..50 {
        connection.send(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
        assert_eq!(connection.response(true).unwrap().body, "hi");
    }
    // 50 times 40 ms, if it did.
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let bank = bank(&manifest(""), &[]);
    std::thread::scope(|scope| {
        for _ in 0..700 {
            scope.spawn(|| assert_eq!(bank.get("/sleep?ms=300"), "slept"));
        }
    });
}

/// An empty component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// The import of an instance `foo:bar/baz` with a function `f`.
const IMPORT: &[u8] = b"\x07\x0e\x01\x42\x02\x01\x40\0\x01\0\x04\0\x01f\x01\0\
                        \x0a\x10\x01\0\x0bfoo:bar/baz\x05\0";

#[test]
fn what_cannot_start_says_why() {
    let missing = manifest("").replace("bank_guest.wasm", "not_built.wasm");
    let error = refused(&missing, &[]);
    assert!(error.contains("component `guest` is not built") && error.contains("bank build"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.wasm");
    std::fs::write(&broken, "not wasm").unwrap();
    let guest = format!("{:?}", common::guest());
    let error = refused(&manifest("").replace(&guest, &format!("{broken:?}")), &[]);
    assert!(error.contains("component `guest`: ") && error.contains("no valid component"), "{error}");
    let source = format!("{broken:?}");
    std::fs::write(&broken, COMPONENT).unwrap();
    let error = refused(&manifest("").replace(&guest, &source), &[]);
    assert!(
        error.contains("`guest`") && error.contains("does not export wasi:http/handler@0.3.0"),
        "{error}"
    );
    std::fs::write(&broken, [COMPONENT, IMPORT].concat()).unwrap();
    let error = refused(&manifest("").replace(&guest, &source), &[]);
    assert!(error.contains("`guest`") && error.contains("imports what `bank` does not offer"), "{error}");
    assert!(error.contains("foo:bar/baz"), "{error}");
    let error = refused(&manifest("").replace("hello\" }", "hello\" }\nmust = { required = true }"), &[]);
    assert!(error.contains("`must` (--variable must=… or SPIN_VARIABLE_MUST)"), "{error}");
    let error = refused(&manifest(""), &["--variable", "wrod=x"]);
    assert!(error.contains("wrod"), "{error}");
    let error = refused(&manifest("").replace("[\"default\"]", "[\"default\", \"extra\"]"), &[]);
    assert!(error.contains("component `guest`") && error.contains("[key_value_store.extra]"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = refused(&manifest(""), &["--listen", &address]);
    assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
}
