//! What a command that takes long reports while it works.

use std::time::{Duration, Instant};

/// The time between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Reports its progress on stderr now and then.
pub struct Reporter {
    reported: Instant,
    began: Instant,
}

impl Reporter {
    pub fn new() -> Self {
        Self { reported: Instant::now(), began: Instant::now() }
    }

    pub fn report(&mut self, what: impl FnOnce() -> String) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            eprintln!("{} s: {}", self.began.elapsed().as_secs(), what());
        }
    }
}
