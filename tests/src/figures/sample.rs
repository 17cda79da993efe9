//! A sample of answers, and its statistics.

use crate::answer::Answer;
use std::time::{Duration, Instant};

/// One answer.
#[derive(Clone, Copy)]
pub struct Sample {
    /// When it came.
    pub at: Instant,
    pub took: Duration,
    pub kind: AnswerKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    Done,
    /// 503, and nothing happened.
    Untouched,
    /// 503, and only a retry shows what happened.
    Unknown,
    /// Anything else, which must not happen.
    Other,
}

impl Sample {
    pub fn of(answer: &Answer) -> Self {
        Self { at: Instant::now(), took: answer.took, kind: AnswerKind::of(answer) }
    }
}

impl AnswerKind {
    fn of(answer: &Answer) -> Self {
        let outcome = || answer.json::<serde_json::Value>()["outcome"].clone();
        match answer.status {
            200 => Self::Done,
            503 if outcome() == "none" => Self::Untouched,
            503 => Self::Unknown,
            _ => Self::Other,
        }
    }
}

pub fn count(samples: &[Sample], kind: AnswerKind) -> usize {
    samples.iter().filter(|sample| sample.kind == kind).count()
}

/// The time within which `share` in a thousand of them were answered, in milliseconds; 1000 is the slowest.
pub fn quantile_ms(samples: &[Sample], share: usize) -> Option<f64> {
    let mut took: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    took.sort_unstable();
    let rank = (took.len() * share).div_ceil(1000).max(1);
    Some(ms(*took.get(rank - 1)?))
}

pub fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}
