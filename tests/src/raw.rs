//! Requests byte by byte, which a client library refuses to send.

use crate::answer::{Answer, Asked};
use crate::bank::Bank;
use crate::limits;
use crate::token::Mint;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection to one of the bank's addresses.
pub struct Wire {
    stream: TcpStream,
    host: String,
    unread: Vec<u8>,
    mint: Option<Mint>,
}

impl Wire {
    pub async fn to(bank: &Bank) -> Self {
        let host = bank.next_url().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.expect("a connection");
        Self { stream, host, unread: Vec::new(), mint: bank.endpoints().mint.clone() }
    }

    /// Sends the bytes as they are; `{host}` stands for the address and, if the bank uses tokens, a header line with
    /// one.
    pub async fn send(&mut self, text: &str) -> &mut Self {
        let user = text.split_once("user_id: ").and_then(|(_, rest)| rest.split("\r\n").next());
        let token = self.mint.as_ref().map(|mint| mint.authorization(user));
        let token = token.map(|token| format!("\r\nauthorization: {token}")).unwrap_or_default();
        let text = text.replace("{host}", &format!("{}{token}", self.host));
        // The other side may have answered and closed already: only its answer counts.
        let _ = self.stream.write_all(text.as_bytes()).await;
        self
    }

    /// Whether an answer begins to arrive.
    pub async fn receives_anything(&mut self) -> bool {
        tokio::time::timeout(limits::ANSWER, self.read_more()).await.is_ok_and(|read| read.is_some())
    }

    /// The next answer on the connection, or `None` when it ends without one.
    pub async fn receive(&mut self) -> Option<Answer> {
        let begun = Instant::now();
        let heard = tokio::time::timeout(limits::ANSWER, self.next_answer()).await;
        let mut answer = heard.expect("an answer or an end")?;
        answer.took = begun.elapsed();
        Some(answer)
    }

    async fn next_answer(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break self.unread.drain(..end + 4).collect::<Vec<u8>>();
            }
            self.read_more().await?;
        };
        let mut answer = parse(&String::from_utf8_lossy(&head));
        let length = answer.header("content-length").map_or(0, |n| n.parse().expect("a length"));
        while self.unread.len() < length {
            self.read_more().await?;
        }
        answer.body = Bytes::from(self.unread.drain(..length).collect::<Vec<u8>>());
        Some(answer)
    }

    async fn read_more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.unread).await.unwrap_or(0);
        (read > 0).then_some(())
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn parse(head: &str) -> Answer {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok()).expect("a status line");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header value"));
    }
    let asked = Asked { method: Method::POST, path: "(raw)".into(), request_id: None };
    Answer { asked, status, headers, body: Bytes::new(), took: Default::default() }
}
