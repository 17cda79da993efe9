//! Guards: what a request in flight holds, and releases when it has been answered.

use crate::places::Place;
use opentelemetry::Context;

/// The process does not end as long as one of these exists.
pub type ProcessGuard = tokio::sync::mpsc::Sender<std::convert::Infallible>;

/// What a request holds from when its component gets it until it is answered. A client that goes away does not
/// release it.
pub struct RequestGuard {
    /// Keeps the process running.
    pub process: ProcessGuard,
    /// Its place, of which there is a bounded number.
    pub place: Option<Place>,
    /// Its trace, if telemetry is on.
    pub trace: Option<Context>,
}
