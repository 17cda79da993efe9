//! A point in time as text.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

/// RFC 3339: UTC, to the millisecond. A time before 1970 becomes the start of 1970.
///
/// Not with `humantime`, which panics before 1970: its panic message adds 2 KB to every `.wasm`.
#[allow(clippy::arithmetic_side_effects, reason = "seconds are divided by numbers that are not zero")]
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date(since.as_secs() / DAY_SECONDS);
    let seconds = since.as_secs() % DAY_SECONDS;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let milliseconds = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z")
}

/// Year, month and day of this many days after 1970-01-01. Years begin in March here, so that a leap day is the last
/// of its year, and in each year 153 days are five months (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
#[allow(
    clippy::arithmetic_side_effects,
    reason = "as many days as there are in 2^64 seconds are far from 2^64"
)]
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, years) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + years, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn after_1970(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap()
    }

    #[test]
    fn every_day_of_500_years_has_the_date_that_humantime_gives_it() {
        for day in 0..500 * 366 {
            let time = after_1970(day * DAY_SECONDS * 1_000 + 999);
            assert_eq!(rfc3339(time), humantime::format_rfc3339_millis(time).to_string());
        }
    }

    #[test]
    fn what_is_outside_of_these_years_is_no_panic() {
        assert_eq!(
            rfc3339(UNIX_EPOCH.checked_sub(Duration::from_secs(1)).unwrap()),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(rfc3339(after_1970(253_402_300_800_000)), "10000-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn every_moment_is_told_as_humantime_tells_it(milliseconds in 0..253_402_300_800_000_u64) {
            let time = after_1970(milliseconds);
            prop_assert_eq!(rfc3339(time), humantime::format_rfc3339_millis(time).to_string());
        }
    }
}
