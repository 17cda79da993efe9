//! Which requests a call may be for.

use std::rc::Rc;

use store::Unavailable;

use crate::task::{Answer, Task};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestEnd {
    /// It has not.
    Running,
    /// Its caller knows the outcome.
    Known,
    /// Its caller does not know.
    Doubt,
}

impl RequestEnd {
    pub fn of(answer: &Answer) -> Self {
        match answer.unavailable() {
            None | Some(Unavailable::Untouched) => Self::Known,
            Some(Unavailable::Unknown) => Self::Doubt,
        }
    }
}

/// A request that a call may be on behalf of.
#[derive(Debug, Clone)]
pub struct PossibleRequest {
    pub client: usize,
    pub request: u32,
    pub task: Rc<Task>,
    pub end: RequestEnd,
    /// Its operations that were reported as not done.
    pub untouched: u64,
}
