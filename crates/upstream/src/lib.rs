//! Somebody outside whom all replicas ask only once: what `rates` and `identity` share.
//!
//! - [`claim`]: whose turn it is to ask. [`report`]: what the log was last told of it.
//! - [`moment`]: time by clocks that may disagree.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

pub mod claim;
pub mod moment;
pub mod report;
