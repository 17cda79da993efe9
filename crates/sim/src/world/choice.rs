//! The choices that are possible next, and their effects.

use std::rc::Rc;

use crate::cluster::Shift;
use crate::disk::CallId;
use crate::task::{Answer, Task};

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A client begins a request.
    Start(usize, Rc<Task>),
    /// A call is carried out and answered.
    Serve(CallId),
    /// A call is answered with an error; its write is under way.
    Lose(CallId),
    /// A script is refused, or only the step at this place.
    Refuse(CallId, Option<usize>),
    /// A client's deadline passes.
    Expire(usize),
    /// A client's request is given up.
    GiveUp(usize),
    /// A client's instance dies.
    Crash(usize),
    /// A write that was under way takes effect.
    Land(CallId),
    /// A write that was under way never arrives.
    Forget(CallId),
    /// Time passes for a client's instance.
    Wait(usize),
    /// A cluster changes.
    Shift(Shift),
    /// The replica catches up.
    Replicate,
    /// The replica takes over.
    FailOver,
}

impl Choice {
    /// The client that it is about; the first one if it is about none.
    #[must_use]
    pub fn client(&self) -> usize {
        match self {
            Self::Start(client, _)
            | Self::Expire(client)
            | Self::GiveUp(client)
            | Self::Crash(client)
            | Self::Wait(client) => *client,
            Self::Serve(origin)
            | Self::Lose(origin)
            | Self::Refuse(origin, _)
            | Self::Land(origin)
            | Self::Forget(origin) => origin.client,
            Self::Shift(_) | Self::Replicate | Self::FailOver => 0,
        }
    }

    /// Whether it is a fault; for a write that lands or is forgotten, the fault came before.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Start(..)
                | Self::Serve(_)
                | Self::Land(_)
                | Self::Forget(_)
                | Self::Wait(_)
                | Self::Replicate
        )
    }
}

/// What a choice led to.
#[derive(Debug)]
pub enum Effect {
    /// There was nothing to choose.
    Nothing,
    /// It happened, and these requests ended.
    Done(Vec<EndedRequest>),
}

/// A request that has ended.
#[derive(Debug)]
pub struct EndedRequest {
    /// Whose.
    pub client: usize,
    /// What it asked.
    pub task: Rc<Task>,
    /// Its answer, unless it died.
    pub answer: Option<Answer>,
}
