//! Time in milliseconds since 1970, by clocks that may disagree.
//!
//! Banks read one another's time stamps. A stamp that is slightly in the future counts as now. One further in the
//! future was made by a clock that was wrong, and nothing is concluded from it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the clocks of banks may be apart.
pub const SKEW: Duration = Duration::from_secs(5);

/// Now.
pub fn now_ms() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The time that is `duration` after `ms`.
pub fn later(ms: u64, duration: Duration) -> u64 {
    ms.saturating_add(milliseconds(duration))
}

/// How long ago `ms` was at `now_ms`. `Err`: how far in the future it is, if that is more than clocks may be apart.
pub fn since(ms: u64, now_ms: u64) -> Result<Duration, Duration> {
    if ms <= later(now_ms, SKEW) {
        Ok(Duration::from_millis(now_ms.saturating_sub(ms)))
    } else {
        Err(Duration::from_millis(ms.saturating_sub(now_ms)))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_old_or_of_now_or_made_by_a_clock_that_was_wrong() {
        let ms = Duration::from_millis;
        for (stamp, now, found) in [
            (1_000, 61_000, Ok(ms(60_000))),
            (61_000, 61_000, Ok(ms(0))),
            (66_000, 61_000, Ok(ms(0))),
            (66_001, 61_000, Err(ms(5_001))),
            (u64::MAX, 0, Err(ms(u64::MAX))),
            (0, u64::MAX, Ok(ms(u64::MAX))),
        ] {
            assert_eq!(since(stamp, now), found, "{stamp} at {now}");
        }
    }
}
