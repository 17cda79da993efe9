//! The breaker, deadlines, and requests that wait for one another.

use store::Unavailable;
use store::breaker::{BreakerState, MISSES_TO_OPEN};

use super::event::Event;
use super::invariant::{invariant, must};

invariant! {
    /// Whoever asks then is answered at once.
    AnOpenBreakerSendsNothing: "an open breaker sends nothing", seen => {
        let Event::Sent(sending) = seen else { return Ok(()) };
        let open = sending.before == BreakerState::Open && !sending.answered;
        must(!open || sending.sent == 0, || format!("{sending:?}"))
    }
}

invariant! {
    /// As a probe.
    AHalfOpenBreakerSendsOneCall: "a half-open breaker sends one call", seen => {
        let Event::Sent(sending) = seen else { return Ok(()) };
        must(sending.probes <= 1, || format!("{sending:?}"))
    }
}

invariant! {
    /// Whoever missed them.
    ThreeMissedDeadlinesOpenTheBreaker: "three missed deadlines open the breaker", seen => {
        let Event::Sent(sending) = seen else { return Ok(()) };
        must(sending.missed < MISSES_TO_OPEN || sending.after != BreakerState::Closed, || format!("{sending:?}"))
    }
}

invariant! {
    /// What waited behind others was never sent, and says nothing of the store.
    AQueueOpensNoBreaker: "a queue opens no breaker", seen => {
        let Event::Sent(sending) = seen else { return Ok(()) };
        let opened = sending.before == BreakerState::Closed && sending.after != BreakerState::Closed;
        must(!opened || sending.ended >= MISSES_TO_OPEN, || format!("{sending:?}"))
    }
}

invariant! {
    /// Wherever it stands; but for a call of its own that cannot be given up.
    NobodyWaitsPastItsDeadline: "nobody waits past its deadline", seen => {
        let Event::Late { waits } = seen else { return Ok(()) };
        must(!waits, || "a deadline has passed, and its request still waits".to_owned())
    }
}

invariant! {
    /// Whoever has time left has all of it.
    ADeadlineEndsNobodyElsesWait: "a deadline ends nobody else's wait", seen => {
        let Event::Unanswered { task, unavailable: Some(_), of_others: true, .. } = seen else {
            return Ok(());
        };
        Err(format!("{task} had time left, and was told that storage is unavailable"))
    }
}

invariant! {
    /// Of what was not, everybody knows that it did not happen.
    UnknownIsSaidOfWhatWasSent: "unknown is said of what was sent", seen => {
        let Event::Unanswered { task, unavailable: Some(Unavailable::Unknown), sent: false, .. } = seen else {
            return Ok(());
        };
        Err(format!("{task} was never sent, and its outcome is said to be unknown"))
    }
}

invariant! {
    /// Whoever leads a batch waits for the store.
    NobodyWaitsForNothing: "nobody waits for nothing", seen => {
        let Event::Settled { busy, waits } = seen else { return Ok(()) };
        must(!busy || *waits, || "requests wait for one another, and none for the store".to_owned())
    }
}

invariant! {
    /// An instance that waits in a synchronous call answers nobody (fact 6).
    WhatCannotBeGivenUpComesAfterAnAnswer: "what cannot be given up comes after an answer", seen => {
        let Event::Unbound { call, answered: false } = seen else { return Ok(()) };
        Err(format!("{call}, and the store has answered nothing yet"))
    }
}
