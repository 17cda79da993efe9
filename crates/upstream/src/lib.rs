//! An upstream service that all banks together ask only once: what `rates` and `identity` share.
//!
//! - [`claim`]: which request may ask. [`report`]: what the log last said about upstream.
//! - [`moment`]: time by clocks that may disagree.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

pub mod claim;
pub mod moment;
pub mod report;
