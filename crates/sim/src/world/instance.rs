//! An instance and its clients.

use std::collections::VecDeque;
use std::rc::Rc;

use super::possible_request::PossibleRequest;
use crate::disk::CallId;
use crate::mind::Input;
use crate::task::Task;

/// How many requests without an answer are remembered.
const MOST_GONE: usize = 16;

/// A request under way.
#[derive(Debug, Clone)]
pub struct RunningRequest {
    /// What was asked.
    pub task: Rc<Task>,
    /// The state of its wallet, or the acknowledged part of its counter, when it began.
    pub began: i64,
    /// Which of its operations a write has carried out, one bit for each.
    pub moved: u64,
    /// The sum of its increments of a counter's cell.
    pub net: i64,
    /// It has added to a counter's cell.
    pub began_to_count: bool,
    /// The totals that the counter has had since.
    pub totals: Vec<i64>,
    /// A call that would carry it out was sent; or it may have been batched with others.
    pub sent: bool,
    /// The store has answered one of its calls, and nothing was missed in its instance since.
    pub answered: bool,
    /// The number of writes after the last one that may be its own.
    pub wrote: u64,
    /// The store has gone back since: what was read may be gone.
    pub fell_back: bool,
}

impl RunningRequest {
    /// Nothing of it has happened yet.
    pub fn new(task: &Rc<Task>, began: i64) -> Self {
        Self {
            task: Rc::clone(task),
            began,
            moved: 0,
            net: 0,
            began_to_count: false,
            totals: Vec::new(),
            sent: false,
            answered: false,
            wrote: 0,
            fell_back: false,
        }
    }
}

/// A client, and the number of its request.
#[derive(Debug, Clone)]
pub struct Client {
    pub request: u32,
    pub running: Option<RunningRequest>,
}

/// An instance, and the state of its breaker.
#[derive(Debug, Clone)]
pub struct Instance<M> {
    pub mind: M,
    /// How many requests in a row had a call ended by a deadline, since the store last answered one.
    pub missed: u32,
    /// How many calls in a row were ended by a deadline: a request may have several in flight.
    pub ended: u32,
    /// Calls that were sent while the breaker was half-open.
    pub probes: Vec<CallId>,
    /// The latest requests without an answer: others may still carry out what they asked for.
    pub gone: VecDeque<PossibleRequest>,
    /// The number of writes after the last one on its connection.
    pub wrote: u64,
    /// It knows that this is a cluster.
    pub knows: bool,
}

impl<M> Instance<M> {
    pub fn new(mind: M) -> Self {
        Self { mind, missed: 0, ended: 0, probes: Vec::new(), gone: VecDeque::new(), wrote: 0, knows: false }
    }

    /// Remembers a request that other calls may still be for.
    pub fn remember(&mut self, possible: PossibleRequest) {
        self.gone.push_back(possible);
        let many = self.gone.len().saturating_sub(MOST_GONE);
        self.gone.drain(..many);
    }
}

/// What has happened to an instance, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The store answered.
    Reply,
    /// A deadline passed.
    Deadline,
    /// Anything else.
    Other,
}

impl Cause {
    pub fn of(input: &Input) -> Self {
        match input {
            Input::Reply(..) => Self::Reply,
            Input::Deadline(_) => Self::Deadline,
            _ => Self::Other,
        }
    }
}
