//! The contract (`/openapi.json`, which `/docs` shows) as black-box tests: the library that they are written with.
//!
//! It links no product crate. A test knows base URLs, from `BANK_URL` (several are separated by commas and used in
//! turn), and what the contract promises. Every answer is checked against the common rules (`rules`), so a test
//! only states what is special to it.
//!
//! `make test` calls `prove`: it starts banks, stores and a stand-in for CoinGecko, runs the suites against them,
//! stops and kills some of them on the way, and prints what was proven.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "test code: a panic here is a test that fails, which is what it is for"
)]

pub mod answer;
pub mod bank;
pub mod budgets;
pub mod chain;
pub mod coingecko;
pub mod decimal;
pub mod demo;
pub mod endpoints;
pub mod feed;
pub mod figures;
pub mod issuer;
pub mod limits;
pub mod money;
pub mod names;
pub mod paint;
pub mod problem;
pub mod prove;
pub mod proxy;
pub mod raw;
pub mod request;
pub mod retry;
pub mod rules;
pub mod token;

pub use answer::Answer;
pub use bank::{Bank, Entry, Receipt, Wallet};
pub use feed::Feed;
pub use names::fresh;
pub use problem::Problem;
pub use request::{at_once, settled_at_once};
