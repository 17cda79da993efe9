//! The answer while no token can be verified.

use api::{Code, Problem};

/// No token can be verified, so none is accepted.
pub fn unavailable(detail: &'static str) -> Problem {
    Problem::untouched(Code::StorageUnavailable, detail)
}
