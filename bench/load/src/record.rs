//! What came back, and how late.

use hdrhistogram::Histogram;
use serde_json::json;
use std::time::{Duration, Instant};

/// Whatever takes longer counts as this.
const LONGEST_US: u64 = 60_000_000;

/// What happened between the end of the warm-up and the end.
pub struct Record {
    begin: Instant,
    end: Instant,
    latencies_us: Histogram<u64>,
    all: u64,
    refused_us: Histogram<u64>,
    /// Answers by tenth of a second, from `begin` on.
    tenths: Vec<u64>,
    wrong: u64,
    failed: u64,
    unanswered: bool,
}

impl Record {
    /// Counts what is due from `begin` on.
    pub fn new(begin: Instant, end: Instant) -> Self {
        let bounds = Histogram::new_with_bounds(1, LONGEST_US, 3);
        let latencies_us = bounds.unwrap_or_else(|_| unreachable!("3 digits are in range"));
        let (refused_us, tenths) = (latencies_us.clone(), Vec::new());
        Self { begin, end, latencies_us, all: 0, refused_us, tenths, wrong: 0, failed: 0, unanswered: false }
    }

    /// An answer as it should be.
    pub fn answered(&mut self, due: Instant) {
        self.all += 1;
        if due >= self.begin {
            let latency = due.elapsed().max(Duration::from_micros(1));
            self.latencies_us.saturating_record(latency.as_micros() as u64);
        }
        if let Some(since) = Instant::now().checked_duration_since(self.begin) {
            let tenth = (since.as_millis() / 100) as usize;
            self.tenths.resize(self.tenths.len().max(tenth + 1), 0);
            self.tenths[tenth] += 1;
        }
    }

    /// A server that has too much to do said so, and that it did nothing. `sent` is when it was asked.
    pub fn refused(&mut self, sent: Instant) {
        if sent >= self.begin {
            self.refused_us.saturating_record(sent.elapsed().as_micros().max(1) as u64);
        }
    }

    /// An answer that should have been another.
    pub fn wrong(&mut self, answer: &[u8]) {
        if self.wrong == 0 {
            eprintln!("load: wrong answer: {}", String::from_utf8_lossy(answer));
        }
        self.wrong += 1;
    }

    /// No answer.
    pub fn failed(&mut self, error: &std::io::Error) {
        if self.failed == 0 {
            eprintln!("load: no answer: {error}");
        }
        self.failed += 1;
    }

    /// Some requests had no answer long after the end.
    pub fn unanswered(&mut self) {
        self.unanswered = true;
    }

    /// It ended otherwise than by the clock.
    pub fn ended(&mut self, at: Instant) {
        self.end = at;
    }

    /// All of it as JSON.
    pub fn summary(&self, rate: Option<f64>) -> serde_json::Value {
        let seconds = self.end.duration_since(self.begin).as_secs_f64();
        let at = |quantile| self.latencies_us.value_at_quantile(quantile);
        json!({
            "all": self.all,
            "requests": self.latencies_us.len(),
            "seconds": seconds,
            "per_second": self.latencies_us.len() as f64 / seconds,
            "rate": rate,
            "refused": self.refused_us.len(),
            "refused_p99_us": self.refused_us.value_at_quantile(0.99),
            "tenths": self.tenths,
            "wrong": self.wrong,
            "failed": self.failed,
            "unanswered": self.unanswered,
            "p50_us": at(0.5),
            "p90_us": at(0.9),
            "p99_us": at(0.99),
            "p999_us": at(0.999),
            "max_us": self.latencies_us.max(),
        })
    }
}
