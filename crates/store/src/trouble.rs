//! When the log reports a failing store: at every change, and then every [`REPEAT_AFTER`], with a count.
//!
//! A store that does not take writes may still answer reads, so only a write that was taken ends that kind of
//! failure. The same message appears at most once in [`REPEAT_AFTER`], however often it comes and goes.

use std::cell::RefCell;
use std::time::Duration;

use crate::reason::Reason;

/// How long the same message is not repeated.
pub const REPEAT_AFTER: Duration = Duration::from_secs(10);

/// A line for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Why it fails; `None` if it works again.
    pub reason: Option<Reason>,
    /// How many calls have failed since the line before.
    pub failures: u64,
}

/// The failures that an instance has seen of its store.
#[derive(Debug, Default)]
pub struct Trouble(RefCell<Failures>);

#[derive(Debug, Default)]
struct Failures {
    /// Why it fails now, and whether only writes do.
    failing: Option<(Reason, bool)>,
    /// What the last line said.
    said: Option<Reason>,
    failures: u64,
    /// What was reported in the last [`REPEAT_AFTER`], and when.
    lately: Vec<(Option<Reason>, Duration)>,
}

impl Trouble {
    /// No failure yet.
    #[must_use]
    pub const fn new() -> Self {
        let state = Failures { failing: None, said: None, failures: 0, lately: Vec::new() };
        Self(RefCell::new(state))
    }

    /// Notes that a call has failed; `wrote` tells whether it was a write.
    pub fn note_failure(&self, now: Duration, reason: Reason, wrote: bool) -> Option<Notice> {
        let mut state = self.0.borrow_mut();
        state.failures = state.failures.saturating_add(1);
        let only_writes = wrote && reason.is_an_answer();
        state.failing = Some((reason, only_writes));
        state.say(now, Some(reason))
    }

    /// Notes that a call was answered; `wrote` tells whether it was a write. The time is a call of the host, so it is
    /// asked for only if there is something to say.
    pub fn note_answer(&self, now: impl FnOnce() -> Duration, wrote: bool) -> Option<Notice> {
        let mut state = self.0.borrow_mut();
        state.failing.take_if(|(_, only_writes)| wrote || !*only_writes);
        if state.failing.is_some() || state.said.is_none() {
            return None;
        }
        state.say(now(), None)
    }

    /// Whether it refuses writes because it is a replica.
    pub fn is_read_only(&self) -> bool {
        self.0.borrow().failing.is_some_and(|(reason, _)| reason.is_read_only())
    }
}

impl Failures {
    fn say(&mut self, now: Duration, reason: Option<Reason>) -> Option<Notice> {
        self.lately.retain(|(_, when)| now.saturating_sub(*when) < REPEAT_AFTER);
        if self.lately.iter().any(|(said, _)| *said == reason) {
            return None;
        }
        self.lately.push((reason, now));
        self.said = reason;
        Some(Notice { reason, failures: std::mem::take(&mut self.failures) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn line(reason: &str, failures: u64) -> Option<Notice> {
        Some(Notice { reason: Some(Reason::of(reason)), failures })
    }

    const WELL: Option<Notice> = Some(Notice { reason: None, failures: 0 });

    fn fails(trouble: &Trouble, seconds: u64, reason: &str) -> Option<Notice> {
        trouble.note_failure(at(seconds), Reason::of(reason), false)
    }

    #[test]
    fn a_store_that_is_well_is_not_spoken_of() {
        let trouble = Trouble::new();
        assert_eq!(trouble.note_answer(|| at(0), true), None);
    }

    #[test]
    fn a_full_disk_is_not_well_since_reads_are_answered() {
        let trouble = Trouble::new();
        for reason in ["database or disk is full", "database is locked"] {
            assert_eq!(trouble.note_failure(at(1), Reason::of(reason), true), line(reason, 1));
            assert_eq!(trouble.note_answer(|| at(2), false), None);
        }
        assert_eq!(trouble.note_answer(|| at(3), true), Some(Notice { reason: None, failures: 0 }));
    }

    #[test]
    fn trouble_is_said_at_once_then_every_ten_seconds_with_a_count_and_so_is_its_end() {
        let trouble = Trouble::new();
        assert_eq!(fails(&trouble, 1, "WRONGPASS"), line("WRONGPASS", 1));
        for second in 2..11 {
            assert_eq!(fails(&trouble, second, "WRONGPASS"), None);
        }
        assert_eq!(fails(&trouble, 11, "WRONGPASS"), line("WRONGPASS", 10));
        assert_eq!(fails(&trouble, 12, "connection refused"), line("connection refused", 1));
        assert_eq!(trouble.note_answer(|| at(13), false), WELL);
        assert_eq!(trouble.note_answer(|| at(14), false), None);
    }

    #[test]
    fn what_comes_and_goes_is_said_once_in_ten_seconds_and_the_end_is_not_forgotten() {
        let trouble = Trouble::new();
        assert_eq!(fails(&trouble, 0, "OOM"), line("OOM", 1));
        assert_eq!(trouble.note_answer(|| at(0), true), WELL);
        for second in 1..10 {
            assert_eq!(fails(&trouble, second, "OOM"), None);
            assert_eq!(trouble.note_answer(|| at(second), true), None);
        }
        assert_eq!(fails(&trouble, 10, "OOM"), line("OOM", 10));
        assert_eq!(trouble.note_answer(|| at(11), true), WELL);
    }

    #[test]
    fn reads_do_not_end_the_trouble_with_writes() {
        let trouble = Trouble::new();
        assert_eq!(trouble.note_failure(at(0), Reason::of("READONLY"), true), line("READONLY", 1));
        assert!(trouble.is_read_only());
        assert_eq!(trouble.note_answer(|| at(1), false), None);
        assert!(trouble.is_read_only());
        assert_eq!(trouble.note_answer(|| at(2), true), WELL);
        assert!(!trouble.is_read_only());
    }

    #[test]
    fn an_answer_of_any_kind_ends_the_trouble_of_getting_there() {
        let trouble = Trouble::new();
        assert_eq!(trouble.note_failure(at(0), Reason::TIMED_OUT, true), line("timed out", 1));
        assert_eq!(trouble.note_answer(|| at(1), false), WELL);
    }
}
