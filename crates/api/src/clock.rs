//! The time and fresh identifiers: what the pure crates take as arguments.

use std::time::SystemTime;

use ledger::Timestamp;

use crate::Problem;

/// Now, to the millisecond.
///
/// # Errors
/// An internal error, when the host's clock stands outside the years 1970 to 9999.
pub fn now() -> Result<Timestamp, Problem> {
    let text = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    text.parse().map_err(|_| Problem::internal("the clock is out of range"))
}

/// 32 random hex digits: unique among all identifiers of the bank.
#[must_use]
pub fn fresh_id() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// A number from `least` to `least + 2`, so that clients do not come back all at once.
#[must_use]
pub fn jittered(least: u64) -> u64 {
    least.saturating_add(random().checked_rem(3).unwrap_or(0))
}

fn random() -> u64 {
    // WASI's random source cannot fail; natively a machine without one has greater troubles.
    getrandom::u64().unwrap_or_default()
}
