//! What a client library never sends: broken framing, hang-ups, lengths that lie, `Expect`.
//!
//! Scenario: a client that is wrong or hostile at the level of HTTP itself.
//! Mechanism: bytes on a socket. Whatever the answer, no money moves and the next caller is served.
//! Needs: `BANK_URL`.

use tests::raw::Wire;
use tests::{Answer, Bank, fresh, rules};

const AMOUNT: &str = r#"{"amount":"1"}"#;

/// A deposit of 1 with these further header lines and this body.
fn deposit(user: &str, lines: &str, body: &str) -> String {
    format!(
        "POST /v1/deposit HTTP/1.1\r\nhost: {{host}}\r\nuser_id: {user}\r\n\
         content-type: application/json\r\n{lines}\r\n{body}"
    )
}

async fn ask(bank: &Bank, text: &str) -> Option<Answer> {
    let mut wire = Wire::to(bank).await;
    wire.send(text).await;
    wire.receive().await
}

#[tokio::test]
async fn a_body_in_chunks_is_read() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let chunks = "7\r\n{\"amoun\r\n7\r\nt\":\"1\"}\r\n0\r\n\r\n";
    let text = deposit(&user, "transfer-encoding: chunked\r\n", chunks);
    ask(&bank, &text).await.expect("an answer").is(200);
    assert_eq!(bank.balance(&user).await, "1.00");
}

#[tokio::test]
async fn a_long_body_without_a_length_is_too_large() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let space = " ".repeat(2048);
    let chunks = format!("800\r\n{space}\r\n800\r\n{space}\r\ne\r\n{AMOUNT}\r\n0\r\n\r\n");
    let text = deposit(&user, "transfer-encoding: chunked\r\n", &chunks);
    let answer = ask(&bank, &text).await.expect("an answer");
    rules::check(&answer);
    answer.problem(413, "payload-too-large");
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_body_that_never_ends_is_too_large_before_it_ends() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let endless = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    let text = deposit(&user, "transfer-encoding: chunked\r\n", &endless);
    ask(&bank, &text).await.expect("an answer").problem(413, "payload-too-large");
}

#[tokio::test]
async fn who_still_sends_a_body_that_is_too_large_hears_the_refusal() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let body = format!("{}{AMOUNT}", " ".repeat(3_000_000));
    let text = deposit(&user, &format!("content-length: {}\r\n", body.len()), &body);
    ask(&bank, &text).await.expect("an answer").problem(413, "payload-too-large");
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body_comes() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let text = deposit(&user, "content-length: 1000000000000\r\n", "");
    ask(&bank, &text).await.expect("an answer").problem(413, "payload-too-large");
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_moved_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut wire = Wire::to(&bank).await;
    wire.send(&deposit(&user, "content-length: 40\r\n", AMOUNT)).await;
    drop(wire);
    assert_eq!(bank.wallet(&user).await.seq, 0);
    bank.deposit(&user, "1").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_within_10_s_is_408_and_moved_nothing() {
    let bank = Bank::from_env();
    let (user, key) = (fresh("ann"), fresh("key"));
    let lines = format!("idempotency-key: {key}\r\ncontent-length: 14\r\n");
    for framing in [lines.as_str(), "transfer-encoding: chunked\r\n"] {
        let begun = if framing == lines { r#"{"amo"# } else { "5\r\n{\"amo\r\n" };
        let mut wire = Wire::to(&bank).await;
        wire.send(&deposit(&user, framing, begun)).await;
        let answer = wire.receive().await.expect("an answer");
        rules::check(&answer);
        answer.problem(408, "request-timeout");
        assert!(wire.receive().await.is_none(), "the connection goes on");
    }
    assert_eq!(bank.wallet(&user).await.seq, 0);
    // A 408 is not remembered under its key, and the rule for clients is to send the same again.
    let again = bank.post("/v1/deposit").user(&user).idempotency_key(&key).amount("1").await.is(200);
    assert!(!again.replayed());
}

#[tokio::test]
async fn a_post_whose_body_is_not_needed_waits_no_longer_for_it() {
    let bank = Bank::from_env();
    let counter = fresh("counter");
    let path = format!("/v1/counters/{counter}");
    let mut wire = Wire::to(&bank).await;
    wire.send(&format!("POST {path} HTTP/1.1\r\nhost: {{host}}\r\ncontent-length: 14\r\n\r\n{{")).await;
    wire.receive().await.expect("an answer").problem(408, "request-timeout");
    assert_eq!(bank.get(path).await.json::<serde_json::Value>()["value"], 0);
}

#[tokio::test]
async fn broken_framing_moves_nothing_and_ends_nobody_else() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    for lines in [
        "content-length: 14\r\ncontent-length: 15\r\n",
        "content-length: 1e1\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "a header without a colon\r\n",
        "content-length : 14\r\n",
    ] {
        if let Some(answer) = ask(&bank, &deposit(&user, lines, AMOUNT)).await {
            assert!((400..500).contains(&answer.status), "{lines}: {answer}");
        }
        assert_eq!(bank.wallet(&user).await.seq, 0, "{lines}");
    }
}

#[tokio::test]
async fn chunks_that_are_none_move_nothing() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let text = deposit(&user, "transfer-encoding: chunked\r\n", "zz\r\n{\"amount\":\"1\"}\r\n0\r\n\r\n");
    if let Some(answer) = ask(&bank, &text).await {
        assert!((400..500).contains(&answer.status), "{answer}");
    }
    assert_eq!(bank.wallet(&user).await.seq, 0);
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_go_on_is_told() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut wire = Wire::to(&bank).await;
    wire.send(&deposit(&user, "content-length: 14\r\nexpect: 100-continue\r\n", "")).await;
    wire.receive().await.expect("an answer").is(100);
    wire.send(AMOUNT).await;
    wire.receive().await.expect("an answer").is(200);
    assert_eq!(bank.balance(&user).await, "1.00");
}

#[tokio::test]
async fn requests_one_behind_the_other_on_a_connection_are_all_answered() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let one = deposit(&user, "content-length: 14\r\n", AMOUNT);
    let mut wire = Wire::to(&bank).await;
    wire.send(&one.repeat(3)).await;
    for _ in 0..3 {
        wire.receive().await.expect("an answer").is(200);
    }
    assert_eq!(bank.balance(&user).await, "3.00");
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal() {
    let bank = Bank::from_env();
    let user = fresh("ann");
    let mut wire = Wire::to(&bank).await;
    wire.send(&deposit(&user, "content-length: 2\r\n", "{}")).await;
    wire.receive().await.expect("an answer").is(400);
    wire.send(&deposit(&user, "content-length: 14\r\n", AMOUNT)).await;
    wire.receive().await.expect("an answer").is(200);
}
