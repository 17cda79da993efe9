//! The file that `bank export` writes and `bank import` reads: its lines, and what must hold in it.
//!
//! No I/O, no clock, no store: bytes come in, bytes and keys with values go out. The format is documented in
//! `docs/backup.md`.
//!
//! - [`line`]: what a line is.
//! - [`reading`]: a whole file, line after line. What an export writes goes through it too.
//! - [`item`]: what of a line is stored, under which keys.
//! - [`totals`]: the trial balance.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

#[cfg(test)]
mod fuzz;
pub mod item;
pub mod line;
pub mod reading;
pub mod totals;

pub use item::{Item, Value};
pub use line::{Line, Malformed};
pub use reading::{Broken, Reading};
pub use totals::{Money, Totals};
