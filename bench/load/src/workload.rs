//! What is asked: the same sequence of requests for every server, but for the idempotency keys, which
//! are new in every run.

use clap::ValueEnum;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// The scenarios of the comparison.
#[derive(Clone, Copy, ValueEnum)]
pub enum Scenario {
    /// `GET /healthz`
    Healthz,
    /// `POST /v1/bitcoins`, no key: one counter for all
    Counter,
    /// `POST /v1/deposit` under a key, each on another wallet
    Deposit,
    /// The same by Zipf: the wallet that is asked for n-th most often 1/n as often as the first
    Zipf,
    /// `POST /v1/deposit` under a key, all on one wallet
    Hot,
    /// `GET /v1/wallet`
    Wallet,
    /// `GET /v1/rates`, fetched before
    Rates,
    /// 45 % wallet, 15 % rates, 10 % counter reads; 20 % deposits, 5 % withdrawals, 5 % counter posts
    Day,
}

/// Makes the requests of a run.
pub struct Workload {
    scenario: Scenario,
    prefix: String,
    users: u64,
    /// Requests that are left, where they are counted.
    left: Option<u64>,
    number: u64,
    run: u128,
    chance: u64,
}

const OK: &[u16] = &[200];
/// A withdrawal of what is not there is answered too.
const OK_OR_REFUSED: &[u16] = &[200, 422];

impl Workload {
    /// A run of `requests`, or without end.
    pub fn new(scenario: Scenario, prefix: &str, users: u64, requests: Option<u64>) -> Self {
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let prefix = prefix.to_owned();
        Self { scenario, prefix, users, left: requests, number: 0, run, chance: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Writes the next request; the statuses that answer it, `None` when there are no more.
    pub fn next(&mut self, request: &mut Vec<u8>) -> Option<&'static [u16]> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        self.number += 1;
        Some(match self.scenario {
            Scenario::Healthz => get(request, "/healthz"),
            Scenario::Counter => self.count(request),
            Scenario::Deposit => self.operation(request, "deposit", "0.01", self.user()),
            Scenario::Zipf => {
                let user = self.ranked();
                self.operation(request, "deposit", "0.01", user)
            }
            Scenario::Hot => self.operation(request, "deposit", "0.01", 0),
            Scenario::Wallet => self.wallet(request),
            Scenario::Rates => get(request, "/v1/rates"),
            Scenario::Day => self.day(request),
        })
    }

    fn day(&mut self, request: &mut Vec<u8>) -> &'static [u16] {
        match self.draw() % 100 {
            0..45 => self.wallet(request),
            45..60 => get(request, "/v1/rates"),
            60..70 => get(request, "/v1/bitcoins"),
            70..90 => self.operation(request, "deposit", "0.01", self.user()),
            90..95 => {
                self.operation(request, "withdraw", "0.01", self.user());
                OK_OR_REFUSED
            }
            _ => self.count(request),
        }
    }

    fn count(&self, request: &mut Vec<u8>) -> &'static [u16] {
        line(request, "POST /v1/bitcoins?bitcoins=0.00000001");
        let _ = write!(request, "content-length: 0\r\n\r\n");
        OK
    }

    fn wallet(&mut self, request: &mut Vec<u8>) -> &'static [u16] {
        let user = self.user();
        line(request, "GET /v1/wallet");
        let _ = write!(request, "x-user-id: {}{user}\r\n\r\n", self.prefix);
        OK
    }

    fn operation(&self, request: &mut Vec<u8>, kind: &str, amount: &str, user: u64) -> &'static [u16] {
        let Self { prefix, run, number, .. } = self;
        line(request, &format!("POST /v1/{kind}"));
        let _ = write!(
            request,
            "x-user-id: {prefix}{user}\r\nidempotency-key: {run}-{number}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{{\"amount\":\"{amount}\"}}",
            amount.len() + 13,
        );
        OK
    }

    /// Any of them, or where requests are counted each in turn.
    fn user(&self) -> u64 {
        let number = if self.left.is_some() { self.number } else { mix(self.number) };
        number % self.users
    }

    /// One of them by Zipf, nearly: the logarithm of its rank is as likely anywhere.
    fn ranked(&mut self) -> u64 {
        let part = self.draw() as f64 / u64::MAX as f64;
        let rank = (self.users as f64 + 1.0).powf(part) as u64;
        rank.clamp(1, self.users) - 1
    }

    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.chance)
    }
}

fn get(request: &mut Vec<u8>, path: &str) -> &'static [u16] {
    line(request, &format!("GET {path}"));
    request.extend_from_slice(b"\r\n");
    OK
}

fn line(request: &mut Vec<u8>, what: &str) {
    let _ = write!(request, "{what} HTTP/1.1\r\nhost: bank\r\n");
}

/// splitmix64: the same numbers in every run.
fn mix(seed: u64) -> u64 {
    let one = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    two ^ (two >> 31)
}
