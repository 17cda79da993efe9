//! When the log reports upstream: when something changes, and from time to time while it fails. Each fetch may be
//! another instance's, so the last report is kept with the claim, for all of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment;

/// What the log was last told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What is wrong; empty if nothing is.
    #[serde(default)]
    pub what: String,
    /// How often in a row.
    #[serde(default)]
    pub times: u64,
    /// When it was last said.
    #[serde(default)]
    pub at_ms: u64,
}

impl Report {
    /// The next report, if the state is `what` at `now_ms`. While it stays the same, it is repeated after `again`.
    #[must_use]
    pub fn next(&self, what: String, again: Duration, now_ms: u64) -> Self {
        if what != self.what {
            return Self { what, times: 1, at_ms: now_ms };
        }
        let is_due = moment::since(self.at_ms, now_ms).is_ok_and(|waited| waited >= again);
        let at_ms = if is_due { now_ms } else { self.at_ms };
        Self { what, times: self.times.saturating_add(1), at_ms }
    }

    /// Whether it must be logged, given the report `before`.
    #[must_use]
    pub fn is_news(&self, before: &Self) -> bool {
        self.at_ms != before.at_ms || self.what != before.what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_by_a_clock_that_was_ahead_is_not_said_with_every_fetch() {
        let said = Report { what: "refused".into(), times: 1, at_ms: 540_000 };
        let next = said.next("refused".into(), Duration::from_secs(60), 60_000);
        assert_eq!(next.at_ms, said.at_ms);
        assert!(!next.is_news(&said));
    }
}
