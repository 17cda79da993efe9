//! The breaker, and requests that wait for one another.

use store::breaker::{MISSES, State};

use super::{Seen, invariant, must};

/// What an instance sent, when something other than an answer of the store happened to it.
#[derive(Debug)]
pub struct Sending {
    /// What its breaker let through before; `None` when the store had just answered.
    pub before: Option<State>,
    /// How many calls it sent.
    pub sent: usize,
    /// How many calls wait for an answer that were sent while the breaker was half-open.
    pub probes: usize,
    /// How many deadlines have passed since the store last answered.
    pub missed: u32,
    /// What its breaker lets through now.
    pub after: State,
}

invariant! {
    /// Whoever asks then is answered at once.
    AnOpenBreakerSendsNothing: "an open breaker sends nothing", seen => {
        let Seen::Sent(sending) = seen else { return Ok(()) };
        must(sending.before != Some(State::Open) || sending.sent == 0, || format!("{sending:?}"))
    }
}

invariant! {
    /// As a probe.
    AHalfOpenBreakerSendsOneCall: "a half-open breaker sends one call", seen => {
        let Seen::Sent(sending) = seen else { return Ok(()) };
        must(sending.probes <= 1, || format!("{sending:?}"))
    }
}

invariant! {
    /// Whoever missed them.
    ThreeMissedDeadlinesOpenTheBreaker: "three missed deadlines open the breaker", seen => {
        let Seen::Sent(sending) = seen else { return Ok(()) };
        must(sending.missed < MISSES || sending.after != State::Closed, || format!("{sending:?}"))
    }
}

invariant! {
    /// Somebody in the line is at it.
    NobodyWaitsForNothing: "nobody waits for nothing", seen => {
        let Seen::Settled { busy, waits } = seen else { return Ok(()) };
        must(!busy || *waits, || "requests wait for one another, and none for the store".to_owned())
    }
}
