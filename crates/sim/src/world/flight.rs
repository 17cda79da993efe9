//! A call under way, and the requests that it may be for.

use super::possible_request::PossibleRequest;
use crate::call::Call;
use crate::disk::CallId;

/// A call that was made and has not been answered.
#[derive(Debug, Clone)]
pub struct CallInFlight {
    pub origin: CallId,
    pub call: Call,
    /// The requests of the instance that were in flight when it was made, and those given up before: it may be for
    /// any of them.
    pub requests: Vec<PossibleRequest>,
}

/// Takes the call of `origin` out of `calls`.
pub fn take(calls: &mut Vec<CallInFlight>, origin: CallId) -> Option<CallInFlight> {
    let place = calls.iter().position(|flight| flight.origin == origin)?;
    Some(calls.remove(place))
}
