//! The time and fresh identifiers, which the pure crates take as arguments.

use std::time::SystemTime;

use ledger::Timestamp;

/// The host's clock is outside the years 1970 to 9999.
#[derive(Debug)]
pub struct OutOfRange;

/// Now, to the millisecond.
///
/// # Errors
/// [`OutOfRange`].
pub fn now() -> Result<Timestamp, OutOfRange> {
    eventlog::rfc3339(SystemTime::now()).parse().map_err(|_| OutOfRange)
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
    // WASI's random source cannot fail; a native machine without one has worse problems.
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_a_time_of_this_century() {
        let now = now().unwrap();
        assert!(now.as_str().starts_with("20"), "{}", now.as_str());
    }

    #[test]
    fn an_id_is_32_hex_digits_and_unlike_any_other() {
        let ids: std::collections::BTreeSet<String> = (0..1000).map(|_| fresh_id()).collect();
        assert_eq!(ids.len(), 1000);
        let hex = |id: &String| id.len() == 32 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        assert!(ids.iter().all(hex));
    }

    #[test]
    fn who_is_told_to_come_back_comes_at_one_of_three_times() {
        let times: std::collections::BTreeSet<u64> = (0..1000).map(|_| jittered(5)).collect();
        assert_eq!(times, [5, 6, 7].into());
    }
}
