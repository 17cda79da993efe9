//! Fresh names, so that a suite can run against the same store again and again.

use std::hash::{BuildHasher, RandomState};

/// `ann-5f0c…`: a user, counter or key for this test alone, in characters that all of them allow.
pub fn fresh(name: &str) -> String {
    format!("{name}-{:016x}", RandomState::new().hash_one(name))
}
