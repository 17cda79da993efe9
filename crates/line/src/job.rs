//! A job in a line, and how far it has got.
//!
//! Whoever carries jobs out says when one is sent. Until then its request may leave and take the job back:
//! then nothing was done and nothing will be. After that nobody knows until there is an answer.

use std::cell::Cell;
use std::rc::Rc;

use crate::Missed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waits,
    Sent,
    TakenBack,
}

/// A job, for whoever carries it out.
#[derive(Debug)]
pub struct Job<J> {
    /// What is to be done.
    pub what: J,
    stage: Rc<Cell<Stage>>,
}

impl<J> Job<J> {
    /// A job that nobody takes back.
    pub fn new(what: J) -> Self {
        Self { what, stage: Rc::new(Cell::new(Stage::Waits)) }
    }

    /// Whether its request has left. Then it is not to be begun.
    pub fn is_taken_back(&self) -> bool {
        self.stage.get() == Stage::TakenBack
    }

    /// Notes that it is about to be sent. Says whether it may be: not when its request has left.
    pub fn sends(&self) -> bool {
        if !self.is_taken_back() {
            self.stage.set(Stage::Sent);
        }
        !self.is_taken_back()
    }

    /// Notes that what was sent has not been carried out and never will be.
    pub fn comes_back(&self) {
        if self.stage.get() == Stage::Sent {
            self.stage.set(Stage::Waits);
        }
    }

    /// The request's hold on it.
    pub(crate) fn claim(&self) -> Claim {
        Claim(Rc::clone(&self.stage))
    }
}

/// A request's hold on its job, which is taken back, unless it was sent, when the request leaves.
pub(crate) struct Claim(Rc<Cell<Stage>>);

impl Claim {
    /// What is known of the job when its request leaves without an answer.
    pub fn missed(&self) -> Missed {
        if self.0.get() == Stage::Sent { Missed::Unanswered } else { Missed::Unsent }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.0.get() == Stage::Waits {
            self.0.set(Stage::TakenBack);
        }
    }
}
