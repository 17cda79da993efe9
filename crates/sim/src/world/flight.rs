//! A call under way, and the requests that it may be for.

use super::share::Share;
use crate::call::Call;
use crate::disk::CallId;

/// A call that was made and has not been answered.
#[derive(Debug, Clone)]
pub struct Flight {
    pub origin: CallId,
    pub call: Call,
    /// The requests of the instance that were in flight when it was made, and those given up before: it may be for
    /// any of them.
    pub shares: Vec<Share>,
}

/// Takes the call of `origin` out of `flights`.
pub fn take(flights: &mut Vec<Flight>, origin: CallId) -> Option<Flight> {
    let place = flights.iter().position(|flight| flight.origin == origin)?;
    Some(flights.remove(place))
}
