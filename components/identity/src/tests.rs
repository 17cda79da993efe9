//! Tokens and keys with an issuer of our own, a clock of our own, and a store in memory. Each test runs in a thread of
//! its own, and so in an instance of its own; [`keys::forget`] makes another instance of it.

use super::*;

mod answers;
mod fuzz;
mod issuer;
mod world;
