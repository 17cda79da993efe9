//! When the log reports upstream: when something changes, and from time to time while it fails.
//!
//! Each fetch may be another instance's, so the last report is kept with the claim, for all of them.

use std::time::Duration;

use eventlog::Level;
use upstream::report::Report;

use crate::failure::FetchFailure;

/// How often a failure that goes on is logged again.
const REPEAT_FAILURE_AFTER: Duration = Duration::from_secs(60);
/// How often missing currencies are logged again.
const REPEAT_LEFT_OUT_AFTER: Duration = Duration::from_secs(3600);

/// How a fetch went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Every currency is there.
    Whole,
    /// These could not be used, and why.
    LeftOut(String),
    /// There are no new rates.
    Failed(FetchFailure),
}

impl News {
    /// Logs the news, unless they were logged already. Returns the latest report.
    pub fn log(&self, before: &Report, now_ms: u64) -> Report {
        let said = self.after(before, now_ms);
        if !said.is_news(before) {
            return said;
        }
        let times = ("times", said.times.into());
        match self {
            Self::Whole => {
                eventlog::event(
                    Level::Info,
                    "rates-fetched-again",
                    [("before", before.what.as_str().into())],
                );
            }
            Self::LeftOut(currencies) => eventlog::event(
                Level::Warn,
                "rates-left-out",
                [("currencies", currencies.as_str().into()), times],
            ),
            Self::Failed(FetchFailure { cause, detail, .. }) => eventlog::event(
                Level::Warn,
                "rates-not-fetched",
                [("cause", (*cause).into()), ("detail", detail.as_str().into()), times],
            ),
        }
        said
    }

    fn after(&self, before: &Report, now_ms: u64) -> Report {
        let (what, again) = match self {
            Self::Whole => (String::new(), Duration::MAX),
            Self::LeftOut(currencies) => (format!("left out: {currencies}"), REPEAT_LEFT_OUT_AFTER),
            Self::Failed(FetchFailure { cause, detail, .. }) => {
                (format!("{cause}: {detail}"), REPEAT_FAILURE_AFTER)
            }
        };
        before.next(what, again, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times at which fetches a second apart are logged, and how often each had been so.
    fn told(news: impl Fn(u64) -> News, seconds: u64) -> Vec<(u64, u64)> {
        let (mut said, mut told) = (Report::default(), Vec::new());
        for second in 1..=seconds {
            let after = news(second).after(&said, second * 1_000);
            if (&after.what, after.at_ms) != (&said.what, said.at_ms) {
                told.push((second, after.times));
            }
            said = after;
        }
        told
    }

    #[test]
    fn a_failure_is_said_at_once_and_then_from_time_to_time_with_a_count() {
        let failed = |_| News::Failed(FetchFailure::new("refused", "no"));
        assert_eq!(told(failed, 150), [(1, 1), (61, 61), (121, 121)]);
    }

    #[test]
    fn another_failure_is_said_at_once_and_so_is_the_end_of_it() {
        let news = |second| match second {
            ..5 => News::Failed(FetchFailure::new("refused", "no")),
            5..9 => News::Failed(FetchFailure::new("bad-key", "no")),
            _ => News::Whole,
        };
        assert_eq!(told(news, 200), [(1, 1), (5, 1), (9, 1)]);
    }

    #[test]
    fn what_is_well_from_the_beginning_is_not_talked_about() {
        assert_eq!(told(|_| News::Whole, 200), []);
    }

    #[test]
    fn a_currency_that_stays_away_is_said_once_an_hour() {
        let news = |_| News::LeftOut("vef (value null)".into());
        assert_eq!(told(news, 3700), [(1, 1), (3601, 3601)]);
    }
}
