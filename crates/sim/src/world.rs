//! The world that lies: instances of the bank, a store between them, and everything that can go wrong.
//!
//! A client sits in a seat of an instance and has one request at a time. The world makes one [`Choice`] at a time:
//! by a random number, or each in turn in the exhaustive explorer. The choices:
//!
//! - *serve*: a waiting call is carried out and answered. Any order: all interleavings of raw calls.
//! - *lose*: a call gets an error, a script a broken connection. A write among them is then under way: it may land
//!   at once (its reply was lost after the commit), at any later time, even after its request has ended (fact 7),
//!   or never (it was lost before the commit). A script lands as a whole.
//! - *refuse*: Redis says that it does not carry out a script, or a single step of one.
//! - *expire*: a request's deadline passes, with all earlier ones of its instance, while it waits for a read, a set
//!   or a script, or for other requests. A write that nobody waits for any more is under way.
//! - *give up*: a request is dropped. *crash*: an instance dies with all its requests, before or after its calls
//!   take effect. What was sent is under way.
//! - *land*: a write that is under way takes effect. A swap is still guarded by the value that it began with.
//! - *forget*: a write that is under way never arrives.
//! - *wait*: time passes for an instance, and for its breaker.
//! - *shift*: in a cluster a slot moves, key by key, or a node goes away.
//! - *replicate*: the replica gets all that the store has. *fail over*: the store becomes what the replica had, and
//!   every connection breaks. What was under way is gone.

use std::rc::Rc;

use crate::call::Reply;
use crate::disk::CallId;
use crate::invariants::Violation;
use crate::mind::{Input, Mind, Question};
use crate::task::Task;

mod calls;
mod carry_out;
mod choice;
mod failover;
mod feed;
mod flight;
mod instance;
mod possible_request;
mod replica;
mod state;

pub use choice::{Choice, Effect, EndedRequest};
use flight::take;
use instance::{Instance, RunningRequest};
use possible_request::{PossibleRequest, RequestEnd};
pub use state::World;

impl<M: Mind> World<M> {
    /// Makes `choice` happen.
    ///
    /// # Errors
    /// The [`Violation`] that it led to.
    pub fn step(&mut self, memo: &M::Memo, choice: &Choice) -> Result<Effect, Violation> {
        match choice {
            Choice::Start(client, task) => self.start(*client, task),
            Choice::Serve(origin) => self.answer(*origin, |world, flight| world.carry_out(flight, None)),
            Choice::Lose(origin) => self.answer(*origin, |world, flight| {
                world.send(flight.clone());
                Ok(Reply::Error)
            }),
            Choice::Refuse(origin, step) => self.refuse(*origin, *step),
            Choice::Expire(client) if self.can_expire(*client) => {
                self.feed(*client, Input::Deadline(client % self.seats))
            }
            Choice::Expire(_) => Ok(Effect::Nothing),
            Choice::GiveUp(client) => self.give_up(*client),
            Choice::Crash(client) => self.crash(memo, *client),
            Choice::Land(origin) => self.land(*origin),
            Choice::Forget(origin) => Ok(self.forget(*origin)),
            Choice::Wait(client) => self.feed(*client, Input::Wait),
            Choice::Shift(shift) if self.cluster.shift(shift) => Ok(Effect::Done(Vec::new())),
            Choice::Shift(_) => Ok(Effect::Nothing),
            Choice::Replicate => Ok(self.replicate()),
            Choice::FailOver => self.fail_over(),
        }
    }

    /// Carries out `task` for a client while nobody else does anything.
    ///
    /// # Errors
    /// The [`Violation`] that it led to.
    pub fn alone(&mut self, memo: &M::Memo, client: usize, task: &Rc<Task>) -> Result<(), Violation> {
        self.step(memo, &Choice::Start(client, Rc::clone(task)))?;
        loop {
            let waiting = self.waiting(client).map(|(origin, _)| origin).next();
            let Some(origin) = waiting else { return Ok(()) };
            self.step(memo, &Choice::Serve(origin))?;
        }
    }

    fn start(&mut self, place: usize, task: &Rc<Task>) -> Result<Effect, Violation> {
        let Some(client) = self.clients.get_mut(place).filter(|client| client.running.is_none()) else {
            return Ok(Effect::Nothing);
        };
        let began = self.truth.began(task);
        if let Some(instance) = self.instances.get_mut(place / self.seats) {
            instance.gone.retain(|gone| !adds_as_much(&gone.task, task));
        }
        client.request += 1;
        client.running = Some(RunningRequest::new(task, began));
        self.feed(place, Input::Start(place % self.seats, Question(Rc::clone(task))))
    }

    fn refuse(&mut self, origin: CallId, step: Option<usize>) -> Result<Effect, Violation> {
        let found = self.flying.iter().find(|flight| flight.origin == origin);
        match (found.map(|flight| flight.call.steps()), step) {
            (None | Some([]), _) => Ok(Effect::Nothing),
            (Some(_), None) => self.answer(origin, |_, _| Ok(Reply::Refused)),
            (Some(_), step) => self.answer(origin, |world, flight| world.carry_out(flight, step)),
        }
    }

    fn give_up(&mut self, place: usize) -> Result<Effect, Violation> {
        let possible = self
            .possible_request(place)
            .map(|possible| PossibleRequest { end: RequestEnd::Doubt, ..possible });
        let Some(over) = self.die(place) else { return Ok(Effect::Nothing) };
        possible.into_iter().for_each(|possible| self.note_gone(possible));
        let mut step = self.feed(place, Input::GiveUp(place % self.seats))?;
        self.unwatch(place);
        if let Effect::Done(all) = &mut step {
            all.push(over);
        }
        Ok(step)
    }

    fn crash(&mut self, memo: &M::Memo, client: usize) -> Result<Effect, Violation> {
        let neighbours = self.neighbours(client);
        let over: Vec<EndedRequest> = neighbours.clone().filter_map(|client| self.die(client)).collect();
        let (sent, others): (Vec<_>, _) =
            self.flying.drain(..).partition(|flight| neighbours.contains(&flight.origin.client));
        self.flying = others;
        if over.is_empty() && sent.is_empty() {
            return Ok(Effect::Nothing);
        }
        Vec::into_iter(sent).for_each(|flight| self.send(flight));
        over.iter().for_each(|over| self.unwatch(over.client));
        let (place, adapter) = (client / self.seats, self.disk.flavour().adapter(client / self.seats));
        if let Some(instance) = self.instances.get_mut(place) {
            *instance = Instance::new(M::new(memo, adapter));
        }
        Ok(Effect::Done(over))
    }

    /// A client's request ends without an answer.
    fn die(&mut self, place: usize) -> Option<EndedRequest> {
        let client = self.clients.get_mut(place)?;
        let task = client.running.take()?.task;
        let request = client.request;
        self.end(place, request, RequestEnd::Doubt, 0);
        if let Task::Count { counter, .. } | Task::CountOnce { counter, .. } = &*task {
            self.truth.doubt(counter);
        }
        Some(EndedRequest { client: place, task, answer: None })
    }

    fn land(&mut self, origin: CallId) -> Result<Effect, Violation> {
        let Some(flight) = take(&mut self.late, origin) else { return Ok(Effect::Nothing) };
        self.carry_out(&flight, None)?;
        Ok(Effect::Done(Vec::new()))
    }

    fn forget(&mut self, origin: CallId) -> Effect {
        if take(&mut self.late, origin).is_none() {
            return Effect::Nothing;
        }
        self.unwatch_request(origin.client, origin.request);
        Effect::Done(Vec::new())
    }
}

/// Whether two requests add the same number to the same counter, so that an increment could be of either.
fn adds_as_much(one: &Task, other: &Task) -> bool {
    let added = |task: &Task| match task {
        Task::Count { counter, by, .. } => Some((counter.clone(), *by)),
        _ => None,
    };
    added(one).is_some_and(|one| Some(one) == added(other))
}
