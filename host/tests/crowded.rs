//! More requests than components can answer: some wait, the others are refused at once.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::http::{Connection, get};
use common::{Bank, bank, manifest};

/// Places: one that is common and 16 of the component's own. Four requests may wait.
const SMALL: [&str; 4] = ["--max-requests", "1", "--max-waiting", "4"];
const TAKEN_IN: usize = 17 + 4;

/// Clients that ask for an answer which takes so long.
fn sleepers(bank: &Bank, number: usize, ms: u32) -> Vec<Connection> {
    let request = format!("GET /sleep?ms={ms} HTTP/1.1\r\nhost: a\r\n\r\n");
    let asked = |_| {
        let mut client = Connection::open(&bank.address);
        client.send(request.as_bytes());
        client
    };
    (0..number).map(asked).collect()
}

#[test]
fn a_request_behind_too_many_others_is_refused_with_outcome_none() {
    let bank = bank(&manifest(""), &SMALL);
    let crowd = sleepers(&bank, TAKEN_IN + 1, 600_000);
    // The line of the one for which there was no room.
    bank.wait_for_stderr(r#""route":"/...","status":503"#);
    let refused = get(&bank.address, "/");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.body.contains(r#""outcome":"none""#), "{}", refused.body);
    drop(crowd);
}

#[test]
fn every_request_that_is_accepted_is_answered_and_the_crowd_leaves_nothing_behind() {
    let bank = bank(&manifest(""), &SMALL);
    let crowd = sleepers(&bank, 60, 2000);
    let answers = crowd.into_iter().map(|mut client| client.response(true).unwrap().status);
    let (answered, refused): (Vec<u16>, Vec<u16>) = answers.partition(|status| *status == 200);
    assert!(answered.len() >= TAKEN_IN, "{} were answered", answered.len());
    assert!(refused.iter().all(|status| *status == 503) && !refused.is_empty(), "{refused:?}");
    assert!(bank.get("/").starts_with("GET "));
}
