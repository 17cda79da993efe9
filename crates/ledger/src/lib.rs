//! The rules of money, and nothing else (design section 4).
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness, no hash
//! order. Types cannot be wrong once built: what comes in is parsed at the edge, and a document read
//! back from a store passes the same checks as one that was just made.
//!
//! - [`amount`]: what an amount of money is, how it is read and written, the two sums.
//! - [`operation`]: what a caller asks for, under an idempotency key or without one.
//! - [`entry`]: one movement of money, and the hash chain that ties it to the one before.
//! - [`wallet`]: one user's money and newest operations; decides what an operation becomes.
//! - [`seal`]: what leaves the wallet value: immutable pages of entries, and an index of keys.
//! - [`tally`]: counting under idempotency keys.
//! - [`document`]: the bytes that a store keeps for all of these.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

pub mod amount;
pub mod document;
pub mod entry;
#[cfg(test)]
mod fuzz;
pub mod operation;
pub mod seal;
pub mod tally;
pub mod wallet;

pub use amount::{Amount, Balance, NotAnAmount};
pub use document::Corrupt;
pub use entry::{Entry, Hash, Mark, Timestamp};
pub use operation::{IdempotencyKey, Kind, Operation, OperationId, User};
pub use seal::{Page, Seal};
pub use tally::{Post, Tally};
pub use wallet::{Decision, Outcome, Refusal, Refused, Wallet};
