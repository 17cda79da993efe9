//! The rules of money, and nothing else (docs/money.md).
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness, no hash order. Types
//! cannot be wrong once built: input is parsed at the edge, and a document from the store passes the same checks as
//! a new one.
//!
//! - [`amount`]: what an amount and a balance are, how they are read, written, added and subtracted.
//! - [`operation`]: what a caller asks for, under an idempotency key or without one, and when ([`timestamp`]).
//! - [`entry`]: one movement of money, and the hash chain that ties it to the one before.
//! - [`outcome`]: what an operation becomes, an entry or a [`refusal`], and which outcomes are kept for replays.
//! - [`wallet`]: one user's money and newest operations; decides what an operation becomes.
//! - [`seal`]: what leaves the wallet: immutable pages of entries, and an index of keys.
//! - [`tally`]: counting under idempotency keys.
//! - [`document`]: the bytes that a store keeps for all of these; [`corrupt`]: why they are refused.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

pub mod amount;
pub mod corrupt;
pub mod document;
pub mod entry;
#[cfg(test)]
mod fuzz;
pub mod operation;
pub mod outcome;
pub mod refusal;
pub mod seal;
pub mod tally;
pub mod timestamp;
pub mod wallet;

pub use amount::{Amount, Balance, NotAnAmount};
pub use corrupt::Corrupt;
pub use entry::{Entry, Hash, Mark};
pub use operation::{IdempotencyKey, Operation, OperationId, OperationKind, User};
pub use outcome::{Decision, Outcome, RefusedOperation};
pub use refusal::Refusal;
pub use seal::{Page, Seal};
pub use tally::{Post, Tally};
pub use timestamp::Timestamp;
pub use wallet::Wallet;
