//! The file that `bank export` writes and `bank import` reads: its lines, and the rules that it must keep.
//!
//! No I/O, no clock, no store: bytes come in; bytes, and keys with values, go out. `docs/backup.md` documents the
//! format.
//!
//! - [`line`]: one line.
//! - [`reading`]: a whole file, line by line. An export writes through it too.
//! - [`item`]: what is stored for a line, and under which keys.
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

pub use item::{Item, StoredValue};
pub use line::{Line, Malformed};
pub use reading::{ExportError, ExportReader};
pub use totals::{Money, Totals};
