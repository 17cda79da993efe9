//! The use of a cluster: where a script goes after a redirect.

use super::event::Event;
use super::invariant::{invariant, must};
use crate::call::Call;
use crate::cluster::slots;

invariant! {
    /// Once it is known to be one; no script of several slots is ever carried out.
    AScriptToAClusterIsOfOneSlot: "a script to a cluster is of one slot", seen => {
        let Event::Asked { call: Call::Eval { steps, .. }, knows: true, .. } = seen else { return Ok(()) };
        let slots = slots(steps);
        must(slots.len() == 1, || format!("slots {slots:?}"))
    }
}

invariant! {
    /// For this once: the next one goes to whom the map names. Without `ASKING` the node would send it back.
    AnAskIsFollowedByOneAsking: "an ASK is followed by one ASKING", seen => {
        let Event::Asked { call: Call::Eval { node, asking, steps }, told, .. } = seen else { return Ok(()) };
        let told = told.filter(|told| told.ask && told.steps == *steps);
        match told {
            Some(told) => must((*asking && **node == *told.to) || (!asking && told.may_end), || {
                format!("{node} was asked, ASKING {asking}, where {} was to be", told.to)
            }),
            None => must(!asking, || format!("{node} was sent an ASKING that nobody had told of")),
        }
    }
}

invariant! {
    /// Whatever the map said before.
    WhatHasMovedIsLookedForWhereItIs: "what has moved is looked for where it is", seen => {
        let Event::Asked { call: Call::Eval { node, steps, .. }, told: Some(told), .. } = seen else { return Ok(()) };
        let moved = !told.ask && told.steps == *steps;
        must(!moved || told.may_end || **node == *told.to, || format!("{node} was asked, the slot is at {}", told.to))
    }
}
