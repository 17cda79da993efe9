//! Shortens the story of a failure: leaves choices out as long as an invariant still breaks.
//!
//! A choice names the call that it is about, so the others still make sense without it. First it leaves out whole
//! clients, then stretches of choices, each half as long as the ones before.

use crate::invariants::Violation;
use crate::run::{Failure, RunSettings, again};
use crate::world::Choice;

/// How many choices are repeated at most, in all.
const PATIENCE: usize = 3_000_000;

struct Shrink {
    setting: RunSettings,
    best: Vec<Choice>,
    violation: Violation,
    patience: usize,
}

/// Leaves choices out as long as something still breaks.
#[must_use]
pub fn shrink(setting: RunSettings, failure: &Failure) -> (Vec<Choice>, Violation) {
    let mut shrink = Shrink {
        setting,
        best: failure.choices.clone(),
        violation: failure.violation.clone(),
        patience: PATIENCE,
    };
    for client in (0..16).rev() {
        shrink.keep_if_it_breaks(|_, choice| choice.client() != client);
    }
    loop {
        let before = shrink.best.len();
        let mut length = before.div_ceil(2);
        while length > 0 {
            shrink.leave_out_stretches(length);
            length /= 2;
        }
        if shrink.best.len() == before || shrink.patience == 0 {
            return (shrink.best, shrink.violation);
        }
    }
}

impl Shrink {
    fn leave_out_stretches(&mut self, length: usize) {
        let mut end = self.best.len();
        while end > 0 && self.patience > 0 {
            let stretch = end.saturating_sub(length)..end;
            self.keep_if_it_breaks(|place, _| !stretch.contains(&place));
            end = stretch.start.min(self.best.len());
        }
    }

    fn keep_if_it_breaks(&mut self, kept: impl Fn(usize, &Choice) -> bool) {
        let choices = self.best.iter().enumerate().filter(|(place, choice)| kept(*place, choice));
        let choices: Vec<Choice> = choices.map(|(_, choice)| choice.clone()).collect();
        if choices.len() == self.best.len() || self.patience == 0 {
            return;
        }
        self.patience = self.patience.saturating_sub(choices.len());
        if let (made, Some(violation)) = again(self.setting, &choices)
            && violation.sentence == self.violation.sentence
        {
            self.best = made;
            self.violation = violation;
        }
    }
}
