//! Outbound HTTP of a running component: only to the hosts that its manifest allows, and without following
//! redirects.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{bank, manifest};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// A server that answers every request with these lines.
fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    port
}

#[test]
fn what_is_allowed_is_reached() {
    let port = server("204 No Content");
    let bank = bank(&manifest(&format!("allowed_outbound_hosts = [\"http://127.0.0.1:{port}\"]")), &[]);
    assert_eq!(bank.get(&format!("/fetch?url=http://127.0.0.1:{port}/path")), "204");
}

#[test]
fn what_is_not_allowed_is_denied_with_a_hint() {
    let port = server("204 No Content");
    let bank = bank(&manifest("allowed_outbound_hosts = [\"https://example.com\"]"), &[]);
    let denied = bank.get(&format!("/fetch?url=http://127.0.0.1:{port}/"));
    assert_eq!(denied, "ErrorCode::HttpRequestDenied");
    bank.wait_for_stderr(&format!("disallowed destination 'http://127.0.0.1:{port}'"));
    bank.wait_for_stderr("allowed_outbound_hosts of [component.guest]");
}

#[test]
fn an_allowed_host_may_be_a_variable() {
    let port = server("200 OK");
    let origin = format!("word=http://127.0.0.1:{port}");
    let manifest = manifest("allowed_outbound_hosts = [\"{{ word }}\"]").replace("\"hello\"", "\"\"");
    let without = bank(&manifest, &[]);
    assert_eq!(without.get(&format!("/fetch?url=http://127.0.0.1:{port}/")), "ErrorCode::HttpRequestDenied");
    let with = bank(&manifest, &["--variable", &origin]);
    assert_eq!(with.get(&format!("/fetch?url=http://127.0.0.1:{port}/")), "200");
    let wrong = common::refused(&manifest, &["--variable", "word=http://a/path"]);
    assert!(wrong.contains("allowed_outbound_hosts of component `guest`"), "{wrong}");
}

#[test]
fn a_redirect_is_not_followed() {
    let port = server("302 Found\r\nlocation: http://example.com/");
    let bank = bank(&manifest("allowed_outbound_hosts = [\"*://*:*\"]"), &[]);
    assert_eq!(bank.get(&format!("/fetch?url=http://127.0.0.1:{port}/")), "302");
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_the_component() {
    let port = common::free_port();
    let bank = bank(&manifest("allowed_outbound_hosts = [\"*://*:*\"]"), &[]);
    assert_eq!(bank.get(&format!("/fetch?url=http://127.0.0.1:{port}/")), "ErrorCode::ConnectionRefused");
}
