//! `bank export`, `bank import` and `bank verify --all`: commands that work on a whole store rather than on one
//! wallet.
//!
//! An export reads while banks are running. An import writes into a store that nobody uses yet. Of the application
//! these commands know what `crates/teller` and `crates/backup` say about wallets and counters, and nothing about
//! its components. The memory that they need does not grow with the store. `docs/backup.md` has the promises.

pub mod cli;
mod export;
mod folder;
mod import;
mod origin;
mod s3;
mod sorted;
mod store;
mod target;
pub mod unfinished;
mod walk;

pub use export::export;
pub use import::import;
pub use walk::verify_all;

use std::time::{Duration, Instant};

/// The time between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Reports its progress on stderr now and then.
struct Reporter {
    reported: Instant,
    began: Instant,
}

impl Reporter {
    fn new() -> Self {
        Self { reported: Instant::now(), began: Instant::now() }
    }

    fn report(&mut self, what: impl FnOnce() -> String) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            eprintln!("{} s: {}", self.began.elapsed().as_secs(), what());
        }
    }
}
