//! Tokens and keys with a test's own issuer, clock and store in memory. Each test has a thread of its own, and so
//! an instance of its own; [`keys::forget`] makes it a new instance.

use super::*;

mod answers;
mod fuzz;
mod issuer;
mod world;
