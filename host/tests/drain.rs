//! How `bank` ends: after SIGTERM it is not ready at once, serves on for `--drain-seconds`, and ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::http::{self, Connection};
use common::{Bank, bank, manifest, starting, within};
use std::time::{Duration, Instant};

const SPINS_OWN: &str = "/.well-known/spin/health";

/// A `bank` that drains for so many seconds, whose readiness is asked for at `/ready`.
fn draining(seconds: &str) -> Bank {
    let tool = "[application.tool.bank]\nreadiness_path = \"/ready\"\n[variables]";
    bank(&manifest("").replace("[variables]", tool), &["--drain-seconds", seconds])
}

fn ask(connection: &mut Connection, path: &str) -> http::Response {
    connection.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    connection.response(true).expect("no answer")
}

#[test]
fn after_sigterm_it_is_not_ready_at_once_and_serves_on() {
    let mut bank = draining("3");
    for path in ["/ready", SPINS_OWN] {
        assert_eq!(http::get(&bank.address, path).status, 200, "{path}");
    }
    let mut kept = Connection::open(&bank.address);
    assert_eq!(ask(&mut kept, "/").header("connection"), None);
    let signalled = Instant::now();
    bank.signal("TERM");
    for path in ["/ready", SPINS_OWN] {
        assert!(within(Duration::from_secs(1), || http::get(&bank.address, path).status == 503), "{path}");
    }
    let refused = http::get(&bank.address, "/ready");
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    // New and old connections are answered, and told to send the next request elsewhere.
    assert_eq!(http::get(&bank.address, "/sleep?ms=1").body, "slept");
    let answer = ask(&mut kept, "/sleep?ms=1");
    assert_eq!((answer.body.as_str(), answer.header("connection")), ("slept", Some("close")));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(http::get(&bank.address, "/sleep?ms=1").body, "slept");
    assert_eq!(bank.exit_code(Duration::from_secs(4)), Some(0));
    assert!(signalled.elapsed() >= Duration::from_secs(3), "{:?}", signalled.elapsed());
}

#[test]
fn a_request_that_comes_while_it_drains_is_answered_to_its_end() {
    let mut bank = draining("1");
    bank.signal("TERM");
    let not_ready = || http::get(&bank.address, "/ready").status == 503;
    assert!(within(Duration::from_secs(1), not_ready));
    let mut late = Connection::open(&bank.address);
    assert_eq!(ask(&mut late, "/sleep?ms=2500").body, "slept");
    assert_eq!(bank.exit_code(Duration::from_secs(2)), Some(0));
}

#[test]
fn a_person_need_not_wait_for_it_to_drain() {
    let mut bank = draining("60");
    bank.signal("INT");
    assert_eq!(bank.exit_code(Duration::from_secs(2)), Some(0));
    let mut bank = draining("60");
    bank.signal("TERM");
    let not_ready = || http::get(&bank.address, "/ready").status == 503;
    assert!(within(Duration::from_secs(1), not_ready));
    bank.signal("TERM");
    assert_eq!(bank.exit_code(Duration::from_secs(1)), Some(1));
}

/// An exit code, not the end by a signal: the first process of a container is ended by none that it does not listen
/// for.
#[test]
fn a_signal_ends_it_at_once_while_it_starts() {
    for signal in ["TERM", "INT"] {
        // Compiling the guest takes longer than what is waited for here.
        let mut bank = starting(&manifest(""), &["--disable-cache"]);
        bank.wait_for_stderr("Storing default key-value data to ");
        bank.signal(signal);
        assert_eq!(bank.exit_code(Duration::from_secs(1)), Some(0), "{signal}: {}", bank.stderr());
        bank.wait_for_stderr("Stopped by a signal before it served.");
    }
}

#[test]
fn sigterm_lets_requests_in_flight_finish_and_ends_with_0() {
    let mut bank = bank(&manifest(""), &[]);
    let mut idle = Connection::open(&bank.address);
    idle.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    idle.response(true).unwrap();
    let never_used = Connection::open(&bank.address);
    let mut busy = Connection::open(&bank.address);
    busy.send(b"GET /sleep?ms=1000 HTTP/1.1\r\nhost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(300));
    bank.signal("TERM");
    assert!(idle.response(true).is_none(), "an idle connection stays open");
    let answer = busy.response(true).expect("a request in flight was broken off");
    assert_eq!((answer.status, answer.body.as_str()), (200, "slept"));
    assert!(busy.response(true).is_none());
    assert_eq!(bank.exit_code(Duration::from_secs(2)), Some(0));
    assert!(!bank.stderr().contains("failed"), "{}", bank.stderr());
    drop(never_used);
}

#[test]
fn a_request_whose_client_went_away_is_in_flight_too() {
    let mut bank = bank(&manifest(""), &[]);
    let mut gone = Connection::open(&bank.address);
    gone.send(b"GET /sleep?ms=1000 HTTP/1.1\r\nhost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(300));
    drop(gone);
    let start = Instant::now();
    bank.signal("TERM");
    assert_eq!(bank.exit_code(Duration::from_secs(3)), Some(0));
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    assert!(!bank.stderr().contains("failed"), "{}", bank.stderr());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut bank = bank(&manifest(""), &[]);
    let mut busy = Connection::open(&bank.address);
    busy.send(b"GET /sleep?ms=20000 HTTP/1.1\r\nhost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(300));
    bank.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    bank.signal("INT");
    assert_eq!(bank.exit_code(Duration::from_secs(1)), Some(1));
}
