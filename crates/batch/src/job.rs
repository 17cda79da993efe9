//! A job of a batch, and its state.
//!
//! The leader notes when a job is sent. Before that, the job's request may leave and abandon it: then nothing was
//! done and nothing will be. After that, the outcome is unknown until there is an answer.

use std::cell::Cell;
use std::rc::Rc;

use crate::Missed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Sent,
    Abandoned,
}

/// A job, as the leader sees it.
#[derive(Debug)]
pub struct Job<J> {
    /// What is to be done.
    pub what: J,
    stage: Rc<Cell<Stage>>,
}

impl<J> Job<J> {
    /// A job that nobody abandons.
    pub fn new(what: J) -> Self {
        Self { what, stage: Rc::new(Cell::new(Stage::Waiting)) }
    }

    /// Whether its request has left. Then it must not be begun.
    pub fn is_abandoned(&self) -> bool {
        self.stage.get() == Stage::Abandoned
    }

    /// Notes that it is about to be sent. Returns whether it may be: not if its request has left.
    pub fn mark_sent(&self) -> bool {
        if !self.is_abandoned() {
            self.stage.set(Stage::Sent);
        }
        !self.is_abandoned()
    }

    /// Notes that what was sent has not been carried out and never will be.
    pub fn mark_unsent(&self) {
        if self.stage.get() == Stage::Sent {
            self.stage.set(Stage::Waiting);
        }
    }

    /// The request's claim on it.
    pub(crate) fn claim(&self) -> Claim {
        Claim(Rc::clone(&self.stage))
    }
}

/// A request's side of its job. When it is dropped, the job is abandoned, unless it was sent.
pub(crate) struct Claim(Rc<Cell<Stage>>);

impl Claim {
    /// What is known about the job if its request leaves without an answer.
    pub fn missed(&self) -> Missed {
        if self.0.get() == Stage::Sent { Missed::Unanswered } else { Missed::Unsent }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.0.get() == Stage::Waiting {
            self.0.set(Stage::Abandoned);
        }
    }
}
