//! The state of a signal (traces, metrics or logs): what waits to be sent, and whether exports fail. A failure is
//! reported on stderr, at most once a minute.

use super::queue::Queue;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A repeated failure is not reported again within this time.
const QUIET: Duration = Duration::from_secs(60);

/// The state of a signal's exports.
#[derive(Debug)]
pub struct Signal {
    /// The signal's name in warnings: traces, metrics or logs.
    pub what: &'static str,
    /// Whether an export has failed since this was last set to false.
    pub failed: AtomicBool,
    /// What waits to be sent.
    pub queue: Queue,
    warned_at: Mutex<Option<Instant>>,
}

impl Signal {
    /// A signal of which nothing has failed yet.
    pub fn new(what: &'static str, queue: Queue) -> Self {
        Self { what, failed: AtomicBool::default(), queue, warned_at: Mutex::default() }
    }

    /// Reports a failure on stderr, and hands the result on.
    pub fn note(&self, result: OTelSdkResult) -> OTelSdkResult {
        match &result {
            Err(error) if !matches!(error, OTelSdkError::AlreadyShutdown) => self.export_failed(error),
            _ => {}
        }
        result
    }

    /// Takes `number` records out of the queue; warns if others were dropped.
    pub fn dequeue(&self, number: usize) {
        if self.queue.dequeue(number) {
            self.warn(format_args!(
                "{} are lost: the OpenTelemetry collector takes them too slowly",
                self.what
            ));
        }
    }

    fn export_failed(&self, error: &OTelSdkError) {
        self.failed.store(true, Relaxed);
        self.warn(format_args!("{} cannot be sent to the OpenTelemetry collector: {error}", self.what));
    }

    fn warn(&self, what: std::fmt::Arguments<'_>) {
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|when| when.elapsed() >= QUIET) {
            *warned_at = Some(Instant::now());
            eprintln!("Warning: {what}");
        }
    }
}
