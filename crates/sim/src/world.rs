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

use store::breaker::BreakerState;
use store::redis;

use crate::call::{Call, Reply};
use crate::cluster::{Cluster, SentOn};
use crate::disk::{CallId, Disk};
use crate::invariants::{Ended, Event, Violation, check};
use crate::mind::{Input, Mind, Question, Seat};
use crate::task::Task;
use crate::truth::Truth;

mod choice;
mod failover;
mod flight;
mod instance;
mod share;

pub use choice::{Choice, Effect, EndedRequest};
use failover::Replica;
use flight::{Flight, adds_as_much, take};
use instance::{Busy, Cause, Client, Instance};
use share::{RequestEnd, Share};

/// No script follows more redirects than this.
const PATIENCE: u32 = 16;

/// Instances and their clients, the store between them, and the truth.
#[derive(Debug, Clone)]
pub struct World<M> {
    disk: Disk,
    truth: Truth,
    seats: usize,
    instances: Vec<Instance<M>>,
    clients: Vec<Client>,
    /// Calls that wait for an answer.
    flying: Vec<Flight>,
    /// Writes that nobody waits for.
    late: Vec<Flight>,
    /// Which node has which slots, in a cluster.
    cluster: Cluster,
    /// Where the instance that is being answered was redirected to.
    told: Option<SentOn>,
    /// How often scripts were sent on.
    sent_on: Vec<(Rc<[redis::Step]>, u32)>,
    /// How many writes there were.
    writes: u64,
    /// `None` until it first catches up.
    replica: Option<Rc<Replica>>,
}

impl<M: Mind> World<M> {
    /// `clients` clients, `seats` to an instance, around a store about which the truth is known.
    #[must_use]
    pub fn new(memo: &M::Memo, clients: usize, seats: usize, disk: Disk, truth: Truth) -> Self {
        let flavour = disk.flavour();
        let instance = |place| Instance::new(M::new(memo, flavour.adapter(place)));
        let instances = (0..clients.div_ceil(seats)).map(instance).collect();
        let clients = (0..clients).map(|_| Client { request: 0, busy: None }).collect();
        Self {
            disk,
            truth,
            seats,
            instances,
            clients,
            flying: Vec::new(),
            late: Vec::new(),
            cluster: Cluster::default(),
            told: None,
            sent_on: Vec::new(),
            writes: 0,
            replica: None,
        }
    }

    /// The store.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// What has really happened.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Which node has which slots, in a cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// How many clients an instance has.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.seats
    }

    /// The task of a client that has a request under way.
    #[must_use]
    pub fn task(&self, client: usize) -> Option<&Rc<Task>> {
        self.clients.get(client)?.busy.as_ref().map(|busy| &busy.task)
    }

    /// The clients that have a request under way.
    pub fn busy(&self) -> impl Iterator<Item = usize> {
        self.clients.iter().enumerate().filter(|(_, client)| client.busy.is_some()).map(|(client, _)| client)
    }

    /// Whether there is no request, and no call without an answer.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.flying.is_empty() && self.busy().next().is_none()
    }

    /// The calls of a client that wait for an answer.
    pub fn waiting(&self, client: usize) -> impl Iterator<Item = (CallId, &Call)> {
        let flying = self.flying.iter().filter(move |flight| flight.origin.client == client);
        flying.map(|flight| (flight.origin, &flight.call))
    }

    /// The clients whose calls have no answer: calls for their requests, or for others.
    pub fn callers(&self) -> impl Iterator<Item = usize> {
        (0..self.clients.len()).filter(|client| self.waiting(*client).next().is_some())
    }

    /// Whether a client waits for something that its deadline ends: a call, or other requests.
    #[must_use]
    pub fn can_expire(&self, client: usize) -> bool {
        self.seat(client).is_some_and(|seat| {
            let held = !seat.pending.is_empty() && !seat.pending.iter().any(|pending| pending.bound);
            seat.taken && !seat.late && !held
        })
    }

    /// What the breaker of a client's instance lets through.
    #[must_use]
    pub fn breaker(&self, client: usize) -> BreakerState {
        self.instance(client).map_or(BreakerState::Closed, |instance| instance.mind.view().breaker)
    }

    /// The writes that are under way.
    pub fn late(&self) -> impl Iterator<Item = CallId> {
        self.late.iter().map(|late| late.origin)
    }

    /// The call of a write that is under way.
    #[must_use]
    pub fn late_call(&self, origin: CallId) -> Option<&Call> {
        self.late.iter().find(|late| late.origin == origin).map(|late| &late.call)
    }

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

    fn instance(&self, client: usize) -> Option<&Instance<M>> {
        self.instances.get(client / self.seats)
    }

    fn seat(&self, client: usize) -> Option<&Seat> {
        self.instance(client)?.mind.view().seats.get(client % self.seats)
    }

    /// The clients of the instance that `client` is at.
    fn neighbours(&self, client: usize) -> std::ops::Range<usize> {
        let first = client / self.seats * self.seats;
        first..self.clients.len().min(first + self.seats)
    }

    fn start(&mut self, place: usize, task: &Rc<Task>) -> Result<Effect, Violation> {
        let Some(client) = self.clients.get_mut(place).filter(|client| client.busy.is_none()) else {
            return Ok(Effect::Nothing);
        };
        let began = self.truth.began(task);
        if let Some(instance) = self.instances.get_mut(place / self.seats) {
            instance.gone.retain(|gone| !adds_as_much(&gone.task, task));
        }
        client.request += 1;
        client.busy = Some(Busy::new(task, began));
        self.feed(place, Input::Start(place % self.seats, Question(Rc::clone(task))))
    }

    /// Answers a call with what `reply` says.
    fn answer(
        &mut self,
        origin: CallId,
        reply: impl FnOnce(&mut Self, &Flight) -> Result<Reply, Violation>,
    ) -> Result<Effect, Violation> {
        let Some(flight) = take(&mut self.flying, origin) else { return Ok(Effect::Nothing) };
        let reply = reply(self, &flight)?;
        if let Call::Eval { steps, .. } = &flight.call {
            self.told = self.sends_on(steps, &reply);
        }
        let step =
            self.feed(origin.client, Input::Reply(origin.client % self.seats, origin.call, reply.clone()));
        self.told = None;
        if let (Reply::Map(ranges), Some(instance)) =
            (reply, self.instances.get_mut(origin.client / self.seats))
        {
            instance.knows |= !ranges.is_empty();
        }
        step
    }

    /// The target of a script's redirect. After too many redirects a request gives up, and another one may send the
    /// same script.
    fn sends_on(&mut self, steps: &Rc<[redis::Step]>, reply: &Reply) -> Option<SentOn> {
        let place = self.sent_on.iter().position(|(known, _)| known == steps);
        let mut times = place.map_or(0, |place| self.sent_on.swap_remove(place).1);
        if !matches!(reply, Reply::Elsewhere(_) | Reply::Away) {
            return None;
        }
        times += 1;
        self.sent_on.push((Rc::clone(steps), times));
        let Reply::Elsewhere(text) = reply else { return None };
        SentOn::of(text, steps).map(|told| SentOn { may_end: times >= PATIENCE, ..told })
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
        let share = self.share(place).map(|share| Share { end: RequestEnd::Doubt, ..share });
        let Some(over) = self.die(place) else { return Ok(Effect::Nothing) };
        share.into_iter().for_each(|share| self.note_gone(share));
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
        let task = client.busy.take()?.task;
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

    /// Gives an input to a client's instance, and checks the result.
    fn feed(&mut self, client: usize, input: Input) -> Result<Effect, Violation> {
        let before = self.breaker(client);
        let Some(instance) = self.instances.get_mut(client / self.seats) else { return Ok(Effect::Nothing) };
        let cause = Cause::of(&input);
        if let Input::Reply(seat, number, reply) = &input {
            let seat = instance.mind.view().seats.get(*seat);
            let mut pending = seat.into_iter().flat_map(|seat| &seat.pending);
            if pending.any(|pending| pending.number == *number && pending.bound) {
                (instance.missed, instance.ended) = (0, 0);
                if let Some(busy) = self.clients.get_mut(client).and_then(|client| client.busy.as_mut()) {
                    busy.answered = *reply != Reply::Error;
                }
            }
        }
        instance.mind.feed(input);
        let clients = self.neighbours(client);
        self.look_at_calls(clients.clone(), cause, before)?;
        let mut over = Vec::new();
        for client in clients.clone() {
            over.extend(self.look_at_answer(client, cause, before)?);
        }
        let busy = clients.clone().any(|client| self.task(client).is_some());
        let waits = clients.clone().any(|client| self.waiting(client).next().is_some());
        if let Some(instance) = self.instances.get_mut(client / self.seats).filter(|_| !busy && !waits) {
            instance.gone.clear();
        }
        for client in clients {
            let seat = self.seat(client).filter(|seat| seat.taken && seat.late);
            let waits = seat.is_some_and(|seat| seat.pending.iter().all(|pending| pending.bound));
            check(&Event::Late { waits })?;
        }
        check(&Event::Settled { busy, waits })?;
        Ok(Effect::Done(over))
    }

    fn look_at_answer(
        &mut self,
        place: usize,
        cause: Cause,
        before: BreakerState,
    ) -> Result<Option<EndedRequest>, Violation> {
        let Some(seat) = self.seat(place) else { return Ok(None) };
        let (Some(answer), late) = (seat.answer.clone(), seat.late) else { return Ok(None) };
        let share = self.share(place);
        let Some(client) = self.clients.get_mut(place) else { return Ok(None) };
        let (request, Some(busy)) = (client.request, client.busy.take()) else { return Ok(None) };
        let Busy { task, began, moved, net, totals, sent, fell_back, .. } = busy;
        let unavailable = answer.unavailable();
        if unavailable.is_some() {
            let (end, untouched) = (RequestEnd::of(&answer), answer.untouched());
            share.into_iter().for_each(|share| self.note_gone(Share { end, untouched, ..share }));
        }
        let closed = [before, self.breaker(place)] == [BreakerState::Closed; 2];
        let of_others = cause == Cause::Deadline && closed && !late;
        check(&Event::Unanswered { task: &task, unavailable, sent, of_others })?;
        self.end(place, request, RequestEnd::of(&answer), answer.untouched());
        self.unwatch_request(place, request);
        if !fell_back || !answer.is_of_a_moment() {
            self.truth.ended(&Ended { task: &task, answer: &answer, began, moved, net, totals: &totals })?;
        }
        Ok(Some(EndedRequest { client: place, task, answer: Some(answer) }))
    }

    /// Calls of the instance may still be for this request.
    fn note_gone(&mut self, share: Share) {
        if let Some(instance) = self.instances.get_mut(share.client / self.seats) {
            instance.remember(share);
        }
    }

    /// Puts a write on its way.
    fn send(&mut self, flight: Flight) {
        if flight.call.writes() {
            self.late.push(flight);
        }
    }

    fn end(&mut self, client: usize, request: u32, end: RequestEnd, untouched: u64) {
        let shares = self.flying.iter_mut().chain(&mut self.late).flat_map(|flight| &mut flight.shares);
        for share in shares.filter(|share| (share.client, share.request) == (client, request)) {
            share.end = end;
            share.untouched = untouched;
        }
    }

    fn unwatch(&mut self, client: usize) {
        let request = self.clients.get(client).map_or(0, |client| client.request);
        self.unwatch_request(client, request);
    }

    fn unwatch_request(&mut self, client: usize, request: u32) {
        let begun = |late: &Flight| match late.call {
            Call::Swap { begun, .. } => Some(CallId { call: begun, ..late.origin }),
            _ => None,
        };
        let kept: Vec<CallId> = self.late.iter().filter_map(begun).collect();
        self.disk.unwatch(client, request, &kept);
    }
}
