//! Shutdown: what has not been sent yet is sent now, or lost.

use super::signal::Signal;
use opentelemetry_sdk::error::OTelSdkResult;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long shutdown may take. It is also the SDK's own limit for metrics, which no argument changes.
const LONGEST: Duration = Duration::from_secs(5);

/// How a signal is shut down.
pub struct SignalShutdown {
    signal: Arc<Signal>,
    shut_down: Box<dyn Fn(Duration) -> OTelSdkResult + Send + Sync>,
}

impl SignalShutdown {
    /// `shut_down` sends what is left, within the given time.
    pub fn new(
        signal: Arc<Signal>,
        shut_down: impl Fn(Duration) -> OTelSdkResult + Send + Sync + 'static,
    ) -> Self {
        Self { signal, shut_down: Box::new(shut_down) }
    }

    /// Shuts it down, and returns what was lost.
    fn shut_down(&self) -> Option<&'static str> {
        self.signal.failed.store(false, Relaxed);
        let ended = (self.shut_down)(LONGEST);
        let dropped = self.signal.queue.dropped();
        if ended.is_ok() && dropped > 0 {
            eprintln!(
                "Warning: of the {}, {dropped} records are lost: the OpenTelemetry collector took them too slowly",
                self.signal.what
            );
        }
        (ended.is_err() || self.signal.failed.load(Relaxed)).then_some(self.signal.what)
    }
}

/// Shuts all of them down at the same time: three signals wait for a collector that hangs no longer than one.
pub fn shut_down_all(ends: &[SignalShutdown]) {
    let lost: Vec<&str> = std::thread::scope(|scope| {
        let threads: Vec<_> = ends.iter().map(|end| scope.spawn(|| end.shut_down())).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    });
    if !lost.is_empty() {
        eprintln!(
            "Warning: the last {} are lost: the OpenTelemetry collector has not taken them within {} s",
            lost.join(", "),
            LONGEST.as_secs()
        );
    }
}
