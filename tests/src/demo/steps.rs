//! Answers counted in steps of half a second, for the plot.

use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// How long a step is.
pub const STEP: Duration = Duration::from_millis(500);
/// How many steps are kept: a minute and a half.
const MOST_KEPT: usize = 180;

/// The result of one try of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryOutcome {
    /// 200: the money has moved, by this try or an earlier one.
    Done,
    /// 503, and this try moved nothing.
    Untouched,
    /// 503, and only a retry shows what happened.
    Unknown,
    /// No answer: nobody listened, or the connection broke.
    Silence,
    /// Anything else.
    Other,
}

/// The answers of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// How many tries had each outcome, in the order of [`TryOutcome`].
    pub answers: [u64; 5],
    /// The median time of its answers; `None` without answers.
    pub median_us: Option<u64>,
    /// How long the slowest answer took.
    pub slowest_us: Option<u64>,
}

/// The steps so far, the last of them still open.
#[derive(Default)]
pub struct Steps {
    closed: VecDeque<Step>,
    /// The number of the open step, from the start.
    now: u64,
    open: Step,
    took_us: Vec<u64>,
}

impl Steps {
    /// Counts a try whose outcome was known `at` this time after the start.
    pub fn add(&mut self, at: Duration, outcome: TryOutcome, took: Duration) {
        self.close_until(at);
        self.open.answers[outcome as usize] += 1;
        if outcome != TryOutcome::Silence {
            self.took_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Closes the steps that are over at that time.
    pub fn close_until(&mut self, at: Duration) {
        let now = u64::try_from(at.as_millis() / STEP.as_millis()).unwrap_or(u64::MAX);
        // After a long pause (a laptop that slept) only as many steps are added as are kept.
        self.now = self.now.max(now.saturating_sub(MOST_KEPT as u64));
        while self.now < now {
            self.close();
            self.now += 1;
        }
    }

    fn close(&mut self) {
        self.took_us.sort_unstable();
        let median_us = self.took_us.get(self.took_us.len().saturating_sub(1) / 2).copied();
        let slowest_us = self.took_us.last().copied();
        self.took_us.clear();
        self.closed.push_back(Step { median_us, slowest_us, ..std::mem::take(&mut self.open) });
        if self.closed.len() > MOST_KEPT {
            self.closed.pop_front();
        }
    }

    /// The closed steps that are kept, and the number of the first of them.
    pub fn closed(&self) -> (u64, &VecDeque<Step>) {
        (self.now - self.closed.len() as u64, &self.closed)
    }

    /// How many tries ended in the last full second.
    pub fn per_second(&self) -> u64 {
        self.closed.iter().rev().take(2).flat_map(|step| step.answers).sum()
    }
}

/// A duration in whole milliseconds.
pub fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{MOST_KEPT, STEP, Steps, TryOutcome};
    use std::time::Duration;

    #[test]
    fn a_step_has_what_came_in_it() {
        let mut steps = Steps::default();
        for (at_ms, outcome, took_ms) in [
            (10, TryOutcome::Done, 3),
            (20, TryOutcome::Unknown, 9),
            (499, TryOutcome::Done, 5),
            (500, TryOutcome::Silence, 1),
        ] {
            steps.add(Duration::from_millis(at_ms), outcome, Duration::from_millis(took_ms));
        }
        steps.close_until(STEP * 3);
        let (first, closed) = steps.closed();
        assert_eq!((first, closed.len()), (0, 3));
        assert_eq!(closed[0].answers, [2, 0, 1, 0, 0]);
        assert_eq!((closed[0].median_us, closed[0].slowest_us), (Some(5000), Some(9000)));
        assert_eq!(closed[1].answers, [0, 0, 0, 1, 0]);
        assert_eq!(closed[1].slowest_us, None, "silence takes no time that could be shown");
        assert_eq!(steps.per_second(), 1);
    }

    #[test]
    fn only_the_newest_steps_are_kept() {
        let mut steps = Steps::default();
        steps.close_until(STEP * 1000);
        let (first, closed) = steps.closed();
        assert_eq!((first, closed.len()), (1000 - MOST_KEPT as u64, MOST_KEPT));
    }
}
