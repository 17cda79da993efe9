//! Clients that stall, in every way that there is: each is disconnected in time, and none delays others. The limits
//! are short here; a client that is not disconnected fails its test after a minute.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::http::Connection;
use common::{Bank, bank, manifest, within};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Limits of a second; others cannot be what closes a connection.
const SHORT_HEAD: [&str; 4] = ["--head-timeout", "1", "--keep-alive-timeout", "600"];
const SHORT_BODY: [&str; 4] = ["--body-timeout", "1", "--keep-alive-timeout", "600"];
const SHORT_SEND: [&str; 4] = ["--send-timeout", "1", "--keep-alive-timeout", "600"];
const HALF_A_BODY: &str = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 14\r\n\r\n{\"am";

fn connected(bank: &Bank) -> TcpStream {
    let stream = TcpStream::connect(&bank.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Whether the server closes it before a minute is over; what it sends before that does not count.
fn is_closed(stream: &mut TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// Whether it is closed while a byte is sent again and again.
fn is_closed_while_sending(stream: &mut TcpStream, byte: &[u8]) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for _ in 0..600 {
        if stream.write_all(byte).is_err() {
            return true;
        }
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
    }
    false
}

/// So many clients that send this and then nothing, and read nothing.
fn many(number: u32, bank: &Bank, request: &str) -> Vec<TcpStream> {
    let stalled = || {
        let mut stream = connected(bank);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    (0..number).map(|_| stalled()).collect()
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    let bank = bank(&manifest(""), &SHORT_HEAD);
    let mut stream = connected(&bank);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-mo").unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_client_that_is_told_to_continue_and_does_not_is_disconnected() {
    let bank = bank(&manifest(""), &SHORT_BODY);
    let mut stream = connected(&bank);
    stream
        .write_all(HALF_A_BODY.replace("\r\n\r\n{\"am", "\r\nexpect: 100-continue\r\n\r\n").as_bytes())
        .unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let bank = bank(&manifest(""), &SHORT_HEAD);
    let mut stream = connected(&bank);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-more: ").unwrap();
    assert!(is_closed_while_sending(&mut stream, b"x"));
}

#[test]
fn the_head_of_a_later_request_has_the_same_time() {
    let bank = bank(&manifest(""), &SHORT_HEAD);
    let mut stream = connected(&bank);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
    stream.write_all(b"GET / HTTP/1.1\r\nhos").unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_body_that_does_not_end_is_reported_to_the_component_and_the_connection_closed() {
    let bank = bank(&manifest(""), &SHORT_BODY);
    let mut connection = Connection::open(&bank.address);
    connection.send(HALF_A_BODY.as_bytes());
    let response = connection.response(true).unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "ErrorCode::ConnectionReadTimeout"));
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.response(true).is_none());
}

#[test]
fn a_body_that_comes_byte_by_byte_is_not_waited_for() {
    let bank = bank(&manifest(""), &SHORT_BODY);
    let mut stream = connected(&bank);
    stream.write_all(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 4000\r\n\r\n").unwrap();
    assert!(is_closed_while_sending(&mut stream, b"x"));
}

#[test]
fn a_large_body_that_does_not_end_is_reported_too() {
    let bank = bank(&manifest(""), &SHORT_BODY);
    let mut connection = Connection::open(&bank.address);
    connection.send(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n");
    connection.send(&[b'x'; 50_000]);
    assert_eq!(connection.response(true).unwrap().body, "ErrorCode::ConnectionReadTimeout");
    assert!(connection.response(true).is_none());
}

#[test]
fn an_answer_that_nobody_reads_is_not_kept_for_its_client() {
    const LENGTH: usize = 50_000_000;
    let bank = bank(&manifest(""), &SHORT_SEND);
    let mut stream = connected(&bank);
    stream.write_all(format!("GET /big?bytes={LENGTH} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read);
    assert!(read.len() < LENGTH, "all of it came after 3 s: {end:?}");
}

#[test]
fn a_connection_may_be_idle_for_longer_than_a_head_may_take_and_is_closed_then() {
    let bank = bank(&manifest(""), &["--head-timeout", "1", "--keep-alive-timeout", "3"]);
    let mut stream = connected(&bank);
    std::thread::sleep(Duration::from_millis(1500));
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
    assert!(is_closed(&mut stream));
}

#[test]
fn stalled_clients_of_every_kind_keep_nobody_from_being_served() {
    let long = ["--head-timeout", "600", "--body-timeout", "600", "--send-timeout", "600"];
    let large = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nand";
    let chunks = "POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    for (kind, request) in [
        ("nothing", ""),
        ("half a head", "GET / HTTP/1.1\r\nhost"),
        ("half a body", HALF_A_BODY),
        ("some of a large body", large),
        ("a chunk", chunks),
    ] {
        let bank = bank(&manifest(""), &long);
        let stalled = many(600, &bank, request);
        for _ in 0..20 {
            assert!(bank.get("/").starts_with("GET "), "{kind}");
        }
        drop(stalled);
    }
}

#[test]
fn answers_that_nobody_reads_keep_nobody_from_another_component() {
    let two = manifest("").replace("[component.guest]", "[component.other]")
        + "[component.guest]\nsource = {source}\n[[trigger.http]]\nroute = \"/other/...\"\ncomponent = \"other\"\n";
    let two = two.replace("{source}", &format!("{:?}", common::guest()));
    let bank = bank(&two, &["--send-timeout", "600", "--max-requests", "16"]);
    let unread = many(100, &bank, "GET /big?bytes=8000000 HTTP/1.1\r\nhost: a\r\n\r\n");
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..20 {
        assert!(bank.get("/other/").starts_with("GET "));
    }
    drop(unread);
}

#[test]
fn of_too_many_connections_the_one_that_is_idle_for_longest_is_closed() {
    let bank = bank(&manifest(""), &["--max-connections", "50", "--keep-alive-timeout", "600"]);
    let mut idle: Vec<TcpStream> = (0..200).map(|_| connected(&bank)).collect();
    bank.get("/");
    assert!(is_closed(idle.first_mut().unwrap()));
    let last = idle.last_mut().unwrap();
    last.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_ne!(last.read(&mut [0; 4096]).unwrap(), 0);
}

#[test]
fn requests_that_are_being_answered_are_closed_for_nobody() {
    let bank = bank(&manifest(""), &["--max-connections", "2"]);
    std::thread::scope(|scope| {
        let answered: Vec<_> = (0..2).map(|_| scope.spawn(|| bank.get("/sleep?ms=1500"))).collect();
        std::thread::sleep(Duration::from_millis(500));
        assert!(bank.get("/").starts_with("GET "));
        answered.into_iter().for_each(|answer| assert_eq!(answer.join().unwrap(), "slept"));
    });
}

#[test]
fn a_client_whose_host_is_gone_is_noticed() {
    let bank = bank(&manifest(""), &[]);
    let stream = connected(&bank);
    let port = format!(":{:04X}", stream.local_addr().unwrap().port());
    // The third field is the remote address, the sixth which timer runs: 02 is keepalive's. It is set once the
    // connection has been accepted, which nothing tells its client.
    let keepalive_runs = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row.get(2).is_some_and(|remote| remote.ends_with(&port)));
        row.is_some_and(|row| row.get(5).is_some_and(|timer| timer.starts_with("02:")))
    };
    assert!(within(Duration::from_secs(10), keepalive_runs));
}
