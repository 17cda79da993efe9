//! Service chaining: one component calls another by name, `http://NAME.spin.internal`, as in Spin 4.1.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::http::{self, Connection};
use common::{Bank, bank, guest, manifest};
use std::time::{Duration, Instant};

/// A bank with `guest` on every path, which has these lines, and `inner`, which has no path.
fn bank_of_two(lines: &str) -> Bank {
    bank(&manifest_of_two(lines, ""), &[])
}

fn manifest_of_two(lines: &str, inner: &str) -> String {
    format!(
        "{}\n[[trigger.http]]\nroute = {{ private = true }}\ncomponent = \"inner\"\n\
         [component.inner]\nsource = {:?}\nkey_value_stores = [\"default\"]\n{inner}\n",
        manifest(lines),
        guest()
    )
}

const ALLOWED: &str = "allowed_outbound_hosts = [\"http://inner.spin.internal\"]";

/// What `guest` reports about a call to this address.
fn called(bank: &Bank, url: &str, more: &str) -> String {
    let escaped = url.replace('?', "%3f").replace('&', "%26");
    bank.get(&format!("/call?url={escaped}{more}"))
}

#[test]
fn a_component_reaches_another_one_by_its_name_and_hands_on_a_body() {
    let bank = bank_of_two(ALLOWED);
    assert_eq!(called(&bank, "http://inner.spin.internal/body", "&body=hello"), "200 hello");
}

#[test]
fn the_called_component_sees_what_its_caller_sent_and_what_spin_adds_and_nothing_of_the_client() {
    let bank = bank_of_two(ALLOWED);
    let request = "GET /call?url=http://inner.spin.internal/a%3fb=1&header=authorization:Bearer%20x HTTP/1.1\r\n\
                   host: example.com\r\ncookie: session=1\r\nauthorization: Basic y\r\nuser_id: mallory\r\n\r\n";
    let response = http::request(&bank.address, request).unwrap();
    let mut lines: Vec<&str> = response.body.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "200 POST http://inner.spin.internal/a?b=1",
            "authorization: Bearer x",
            "spin-base-path: /",
            "spin-client-addr: 0.0.0.0:0",
            "spin-component-route: ",
            "spin-full-url: http://localhost/a?b=1",
            "spin-matched-route: /...",
            "spin-path-info: /a",
            "spin-raw-component-route: /...",
        ]
    );
}

#[test]
fn nobody_is_called_without_being_an_allowed_host() {
    for lines in
        ["", "allowed_outbound_hosts = [\"http://other.spin.internal\", \"https://inner.spin.internal\"]"]
    {
        let bank = bank_of_two(lines);
        assert_eq!(bank.get("/fetch?url=http://inner.spin.internal/"), "ErrorCode::HttpRequestDenied");
        bank.wait_for_stderr("disallowed destination 'http://inner.spin.internal'");
    }
    let bank = bank_of_two("allowed_outbound_hosts = [\"http://*.spin.internal\"]");
    assert_eq!(bank.get("/fetch?url=http://inner.spin.internal/"), "200");
}

#[test]
fn a_private_route_leads_nowhere_from_outside() {
    let only_exact = manifest_of_two(ALLOWED, "").replace("route = \"/...\"", "route = \"/call\"");
    let bank = bank(&only_exact, &[]);
    assert!(!bank.announced.contains("inner"), "{}", bank.announced);
    for path in ["/", "/inner", "/body", "/private"] {
        assert_eq!(http::get(&bank.address, path).status, 404, "{path}");
    }
    for host in ["inner.spin.internal", "inner.spin.internal:80"] {
        let request = format!("GET /call HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(http::request(&bank.address, &request).unwrap().status, 400, "{host}");
    }
    assert_eq!(called(&bank, "http://inner.spin.internal/body", "&body=x"), "200 x");
}

#[test]
fn a_component_with_a_route_can_be_called_too_on_any_path() {
    let both = "allowed_outbound_hosts = [\"http://guest.spin.internal\"]";
    let bank = bank(&manifest(both).replace("route = \"/...\"", "route = \"/call\""), &[]);
    assert_eq!(called(&bank, "http://guest.spin.internal/body", "&body=x"), "200 x");
}

#[test]
fn a_component_that_is_not_there_is_an_error_of_the_caller_and_named_on_stderr() {
    let bank = bank_of_two("allowed_outbound_hosts = [\"http://*.spin.internal\"]");
    let answer = bank.get("/fetch?url=http://nobody.spin.internal/");
    assert!(answer.starts_with("ErrorCode::InternalError"), "{answer}");
    bank.wait_for_stderr("[guest] called `nobody` in vain");
}

#[test]
fn a_called_component_that_traps_is_500_and_its_caller_lives_on() {
    let bank = bank_of_two(ALLOWED);
    for path in ["trap", "error"] {
        assert_eq!(bank.get(&format!("/fetch?url=http://inner.spin.internal/{path}")), "500");
    }
    assert_eq!(called(&bank, "http://inner.spin.internal/body", "&body=x"), "200 x");
}

#[test]
fn a_caller_that_waits_no_longer_goes_on_at_once() {
    let bank = bank_of_two(ALLOWED);
    let begun = Instant::now();
    assert_eq!(called(&bank, "http://inner.spin.internal/sleep?ms=30000", "&within=200"), "late");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn calls_of_512_requests_at_once_are_all_answered() {
    let bank = bank_of_two(ALLOWED);
    let path = "/call?url=http://inner.spin.internal/sleep%3fms=20";
    let mut clients: Vec<_> = (0..600).map(|_| Connection::open(&bank.address)).collect();
    for client in &mut clients {
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    }
    for client in &mut clients {
        assert_eq!(client.response(true).unwrap().body, "200 slept");
    }
}

#[test]
fn calls_that_hold_up_an_instance_each_are_all_answered_too() {
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let bank =
        bank(&manifest_of_two(ALLOWED, ""), &["--runtime-config-file", &config.path().display().to_string()]);
    let path = "/call?url=http://inner.spin.internal/atomics/increment%3fkey=n";
    let mut clients: Vec<_> = (0..300).map(|_| Connection::open(&bank.address)).collect();
    for client in &mut clients {
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    }
    for client in &mut clients {
        let answer = client.response(true).unwrap().body;
        assert!(answer.starts_with("200 Ok("), "{answer}");
    }
}

#[test]
fn a_request_that_is_being_answered_by_way_of_a_call_is_not_cut_at_the_end() {
    let mut bank = bank_of_two(ALLOWED);
    let mut client = Connection::open(&bank.address);
    client.send(b"GET /call?url=http://inner.spin.internal/sleep%3fms=700 HTTP/1.1\r\nhost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(200));
    bank.signal("TERM");
    assert_eq!(client.response(true).unwrap().body, "200 slept");
    assert_eq!(bank.exit_code(Duration::from_secs(20)), Some(0));
}
