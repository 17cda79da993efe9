//! A request's turn: what it holds while a component works on it.

use opentelemetry::Context;

/// Something that the end of the process waits for: as long as one of these is there, it is not over.
pub type InFlight = tokio::sync::mpsc::Sender<std::convert::Infallible>;

/// A request's turn, from when it is given to the component until it is answered. A client that goes
/// away does not end it.
pub struct Turn {
    /// The end of the process waits for it.
    pub in_flight: InFlight,
    /// It is one of a bounded number.
    pub place: Option<tokio::sync::OwnedSemaphorePermit>,
    /// What it is a part of, if anybody is told.
    pub trace: Option<Context>,
}
