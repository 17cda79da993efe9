//! The world that lies: instances of the bank, a store between them, and everything that can go wrong.
//!
//! A client sits in a seat of an instance and has one request at a time. One [`Choice`] at a time is made: by
//! a random number, or each in turn by the exhaustive explorer. What can happen:
//! - *serve*: a waiting call is carried out and answered. Any order: all interleavings of raw calls.
//! - *lose*: a call is answered with an error, a script by a broken connection. A write among them is under
//!   way and may land at once (reply lost after commit), at any later time, also after its request has ended
//!   (fact 7), or never (reply lost before commit). A script lands as a whole.
//! - *refuse*: Redis says that it does not carry out a script, or a single step of one.
//! - *expire*: the request's deadline passes, with all earlier ones of its instance, while it waits for a read,
//!   a set or a script, or for others in front of it. What writes is under way once nobody waits for it.
//! - *give up*: a request is dropped; *crash*: an instance dies with all its requests, before or after its
//!   calls take effect. What was sent is under way.
//! - *land*: a write that is under way takes effect. A swap is still guarded by what it began with.
//! - *forget*: a write that is under way never arrives.
//! - *wait*: time passes for an instance, and for its breaker.
//! - *shift*: in a cluster a slot moves, key by key, or a node goes away.
//! - *replicate*: the replica has all that the store has. *fail over*: the store is what the replica had, and every
//!   connection breaks. What was under way is gone.

use std::collections::VecDeque;
use std::rc::Rc;

use store::breaker::State;
use store::redis;

use crate::call::{Call, Reply};
use crate::cluster::{Cluster, Shift, Told};
use crate::disk::{Disk, Origin};
use crate::invariants::{Ended, Seen, Violation, check};
use crate::mind::{Input, Mind, Question, Seat};
use crate::task::{Answer, Task};
use crate::truth::Truth;

mod failover;
mod flight;

pub(crate) use flight::untouched;
use flight::{End, Flight, Share, adds_as_much, take};

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A client begins a request.
    Start(usize, Rc<Task>),
    /// A call is carried out and answered.
    Serve(Origin),
    /// A call is answered with an error; its write is under way.
    Lose(Origin),
    /// A script is refused, or only the step at this place.
    Refuse(Origin, Option<usize>),
    /// A client's deadline passes.
    Expire(usize),
    /// A client's request is given up.
    GiveUp(usize),
    /// A client's instance dies.
    Crash(usize),
    /// A write that was under way takes effect.
    Land(Origin),
    /// A write that was under way never arrives.
    Forget(Origin),
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
    /// The client that it is about; the first one where it is about nobody.
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

    /// Whether something goes wrong; a write that lands or is forgotten went wrong before.
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
pub enum Step {
    /// There was nothing to choose.
    Nothing,
    /// It happened, and these requests ended.
    Done(Vec<Over>),
}

/// A request that has ended.
#[derive(Debug)]
pub struct Over {
    /// Whose.
    pub client: usize,
    /// What it asked.
    pub task: Rc<Task>,
    /// Its answer, unless it died.
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone)]
struct Busy {
    task: Rc<Task>,
    began: i64,
    moved: u64,
    net: i64,
    /// It has added to a counter's cell.
    began_to_count: bool,
    /// The totals that the counter has had since.
    totals: Vec<i64>,
    /// A call that would carry it out was sent; or it may have gone together with others.
    sent: bool,
    /// The store has answered one of its calls, and nothing was missed at its instance since.
    answered: bool,
    /// How many writes there had been, after the last one that may be its own.
    wrote: u64,
    /// The store has gone back since: what was read may be gone.
    fell_back: bool,
}

#[derive(Debug, Clone)]
struct Client {
    request: u32,
    busy: Option<Busy>,
}

/// An instance, and what is to be known of its breaker.
#[derive(Debug, Clone)]
struct Instance<M> {
    mind: M,
    /// Requests in a row of which a deadline ended a call, since the store last answered one.
    missed: u32,
    /// Calls in a row that a deadline ended: a request may have several under way.
    ended: u32,
    /// Calls that were sent while the breaker was half-open.
    probes: Vec<Origin>,
    /// Requests that have no answer, the last ones: others may still carry out what they asked for.
    gone: VecDeque<Share>,
    /// How many writes there had been, after the last one on its connection.
    wrote: u64,
    /// It was told that this is a cluster.
    knows: bool,
}

/// What the replica has.
#[derive(Debug, Clone)]
struct Replica {
    disk: Disk,
    truth: Truth,
    /// How many writes that are.
    writes: u64,
}

/// What has happened to an instance, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The store answered.
    Reply,
    /// A deadline passed.
    Deadline,
    /// Anything else.
    Other,
}

impl Cause {
    fn of(input: &Input) -> Self {
        match input {
            Input::Reply(..) => Self::Reply,
            Input::Deadline(_) => Self::Deadline,
            _ => Self::Other,
        }
    }
}

/// Nobody follows so many redirects.
const PATIENCE: u32 = 16;
/// So many requests that have no answer are remembered.
const MOST_GONE: usize = 16;

impl<M> Instance<M> {
    fn new(mind: M) -> Self {
        Self { mind, missed: 0, ended: 0, probes: Vec::new(), gone: VecDeque::new(), wrote: 0, knows: false }
    }
}

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
    /// Who has what, in a cluster.
    cluster: Cluster,
    /// Where the instance that is being answered is sent.
    told: Option<Told>,
    /// How often scripts were sent on.
    sent_on: Vec<(Rc<[redis::Step]>, u32)>,
    /// How many writes there were.
    writes: u64,
    /// Nothing at first.
    replica: Option<Rc<Replica>>,
}

impl<M: Mind> World<M> {
    /// `clients` clients, `seats` to an instance, around a store about which the truth is known.
    #[must_use]
    pub fn new(school: &M::School, clients: usize, seats: usize, disk: Disk, truth: Truth) -> Self {
        let flavour = disk.flavour();
        let instance = |place| Instance::new(M::new(school, flavour.adapter(place)));
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

    /// Who has what, in a cluster.
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

    /// Whether nobody asks for anything, and nobody waits for an answer.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.flying.is_empty() && self.busy().next().is_none()
    }

    /// The calls of a client that wait for an answer.
    pub fn waiting(&self, client: usize) -> impl Iterator<Item = (Origin, &Call)> {
        let flying = self.flying.iter().filter(move |flight| flight.origin.client == client);
        flying.map(|flight| (flight.origin, &flight.call))
    }

    /// The clients whose calls wait for an answer: those of their requests, or for others.
    pub fn callers(&self) -> impl Iterator<Item = usize> {
        (0..self.clients.len()).filter(|client| self.waiting(*client).next().is_some())
    }

    /// Whether a client waits for something that its deadline ends: a call, or others in front of it.
    #[must_use]
    pub fn can_expire(&self, client: usize) -> bool {
        self.seat(client).is_some_and(|seat| {
            let held = !seat.pending.is_empty() && !seat.pending.iter().any(|pending| pending.bound);
            seat.taken && !seat.late && !held
        })
    }

    /// What the breaker of a client's instance lets through.
    #[must_use]
    pub fn breaker(&self, client: usize) -> State {
        self.instance(client).map_or(State::Closed, |instance| instance.mind.view().breaker)
    }

    /// The writes that are under way.
    pub fn late(&self) -> impl Iterator<Item = Origin> {
        self.late.iter().map(|late| late.origin)
    }

    /// The call of a write that is under way.
    #[must_use]
    pub fn late_call(&self, origin: Origin) -> Option<&Call> {
        self.late.iter().find(|late| late.origin == origin).map(|late| &late.call)
    }

    /// Makes `choice` happen.
    ///
    /// # Errors
    /// The [`Violation`] that it led to.
    pub fn step(&mut self, school: &M::School, choice: &Choice) -> Result<Step, Violation> {
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
            Choice::Expire(_) => Ok(Step::Nothing),
            Choice::GiveUp(client) => self.give_up(*client),
            Choice::Crash(client) => self.crash(school, *client),
            Choice::Land(origin) => self.land(*origin),
            Choice::Forget(origin) => Ok(self.forget(*origin)),
            Choice::Wait(client) => self.feed(*client, Input::Wait),
            Choice::Shift(shift) if self.cluster.shift(shift) => Ok(Step::Done(Vec::new())),
            Choice::Shift(_) => Ok(Step::Nothing),
            Choice::Replicate => Ok(self.replicate()),
            Choice::FailOver => self.fail_over(),
        }
    }

    /// Carries out `task` for a client while nobody else does anything.
    ///
    /// # Errors
    /// The [`Violation`] that it led to.
    pub fn alone(&mut self, school: &M::School, client: usize, task: &Rc<Task>) -> Result<(), Violation> {
        self.step(school, &Choice::Start(client, Rc::clone(task)))?;
        loop {
            let waiting = self.waiting(client).map(|(origin, _)| origin).next();
            let Some(origin) = waiting else { return Ok(()) };
            self.step(school, &Choice::Serve(origin))?;
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

    fn start(&mut self, place: usize, task: &Rc<Task>) -> Result<Step, Violation> {
        let Some(client) = self.clients.get_mut(place).filter(|client| client.busy.is_none()) else {
            return Ok(Step::Nothing);
        };
        let began = self.truth.began(task);
        if let Some(instance) = self.instances.get_mut(place / self.seats) {
            instance.gone.retain(|gone| !adds_as_much(&gone.task, task));
        }
        client.request += 1;
        client.busy = Some(Busy {
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
        });
        self.feed(place, Input::Start(place % self.seats, Question(Rc::clone(task))))
    }

    /// Answers a call with what `reply` says.
    fn answer(
        &mut self,
        origin: Origin,
        reply: impl FnOnce(&mut Self, &Flight) -> Result<Reply, Violation>,
    ) -> Result<Step, Violation> {
        let Some(flight) = take(&mut self.flying, origin) else { return Ok(Step::Nothing) };
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

    /// Where a script is sent on to. Whoever was sent on too often gives up, and somebody else may send the same.
    fn sends_on(&mut self, steps: &Rc<[redis::Step]>, reply: &Reply) -> Option<Told> {
        let place = self.sent_on.iter().position(|(known, _)| known == steps);
        let mut times = place.map_or(0, |place| self.sent_on.swap_remove(place).1);
        if !matches!(reply, Reply::Elsewhere(_) | Reply::Away) {
            return None;
        }
        times += 1;
        self.sent_on.push((Rc::clone(steps), times));
        let Reply::Elsewhere(text) = reply else { return None };
        Told::of(text, steps).map(|told| Told { may_end: times >= PATIENCE, ..told })
    }

    fn refuse(&mut self, origin: Origin, step: Option<usize>) -> Result<Step, Violation> {
        let found = self.flying.iter().find(|flight| flight.origin == origin);
        match (found.map(|flight| flight.call.steps()), step) {
            (None | Some([]), _) => Ok(Step::Nothing),
            (Some(_), None) => self.answer(origin, |_, _| Ok(Reply::Refused)),
            (Some(_), step) => self.answer(origin, |world, flight| world.carry_out(flight, step)),
        }
    }

    fn give_up(&mut self, place: usize) -> Result<Step, Violation> {
        let share = self.share(place).map(|share| Share { end: End::Doubt, ..share });
        let Some(over) = self.die(place) else { return Ok(Step::Nothing) };
        share.into_iter().for_each(|share| self.is_gone(share));
        let mut step = self.feed(place, Input::GiveUp(place % self.seats))?;
        self.unwatch(place);
        if let Step::Done(all) = &mut step {
            all.push(over);
        }
        Ok(step)
    }

    fn crash(&mut self, school: &M::School, client: usize) -> Result<Step, Violation> {
        let neighbours = self.neighbours(client);
        let over: Vec<Over> = neighbours.clone().filter_map(|client| self.die(client)).collect();
        let (sent, others): (Vec<_>, _) =
            self.flying.drain(..).partition(|flight| neighbours.contains(&flight.origin.client));
        self.flying = others;
        if over.is_empty() && sent.is_empty() {
            return Ok(Step::Nothing);
        }
        Vec::into_iter(sent).for_each(|flight| self.send(flight));
        over.iter().for_each(|over| self.unwatch(over.client));
        let (place, adapter) = (client / self.seats, self.disk.flavour().adapter(client / self.seats));
        if let Some(instance) = self.instances.get_mut(place) {
            *instance = Instance::new(M::new(school, adapter));
        }
        Ok(Step::Done(over))
    }

    /// A client's request ends without an answer.
    fn die(&mut self, place: usize) -> Option<Over> {
        let client = self.clients.get_mut(place)?;
        let task = client.busy.take()?.task;
        let request = client.request;
        self.end(place, request, End::Doubt, 0);
        if let Task::Count { counter, .. } | Task::CountOnce { counter, .. } = &*task {
            self.truth.doubt(counter);
        }
        Some(Over { client: place, task, answer: None })
    }

    fn land(&mut self, origin: Origin) -> Result<Step, Violation> {
        let Some(flight) = take(&mut self.late, origin) else { return Ok(Step::Nothing) };
        self.carry_out(&flight, None)?;
        Ok(Step::Done(Vec::new()))
    }

    fn forget(&mut self, origin: Origin) -> Step {
        if take(&mut self.late, origin).is_none() {
            return Step::Nothing;
        }
        self.unwatch_request(origin.client, origin.request);
        Step::Done(Vec::new())
    }

    /// Lets something happen to a client's instance, and looks what that leads to.
    fn feed(&mut self, client: usize, input: Input) -> Result<Step, Violation> {
        let before = self.breaker(client);
        let Some(instance) = self.instances.get_mut(client / self.seats) else { return Ok(Step::Nothing) };
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
            check(&Seen::Late { waits })?;
        }
        check(&Seen::Settled { busy, waits })?;
        Ok(Step::Done(over))
    }

    fn look_at_answer(
        &mut self,
        place: usize,
        cause: Cause,
        before: State,
    ) -> Result<Option<Over>, Violation> {
        let Some(seat) = self.seat(place) else { return Ok(None) };
        let (Some(answer), late) = (seat.answer.clone(), seat.late) else { return Ok(None) };
        let share = self.share(place);
        let Some(client) = self.clients.get_mut(place) else { return Ok(None) };
        let (request, Some(busy)) = (client.request, client.busy.take()) else { return Ok(None) };
        let Busy { task, began, moved, net, totals, sent, fell_back, .. } = busy;
        let unavailable = answer.unavailable();
        if unavailable.is_some() {
            let (end, untouched) = (End::of(&answer), untouched(&answer));
            share.into_iter().for_each(|share| self.is_gone(Share { end, untouched, ..share }));
        }
        let closed = [before, self.breaker(place)] == [State::Closed; 2];
        let of_others = cause == Cause::Deadline && closed && !late;
        check(&Seen::Unanswered { task: &task, unavailable, sent, of_others })?;
        self.end(place, request, End::of(&answer), untouched(&answer));
        self.unwatch_request(place, request);
        if !fell_back || !answer.is_of_a_moment() {
            self.truth.ended(&Ended { task: &task, answer: &answer, began, moved, net, totals: &totals })?;
        }
        Ok(Some(Over { client: place, task, answer: Some(answer) }))
    }

    /// Remembers a request of which others may still have something in hand.
    fn is_gone(&mut self, share: Share) {
        if let Some(instance) = self.instances.get_mut(share.client / self.seats) {
            instance.gone.push_back(share);
            let many = instance.gone.len().saturating_sub(MOST_GONE);
            instance.gone.drain(..many);
        }
    }

    /// Puts a write on its way.
    fn send(&mut self, flight: Flight) {
        if flight.call.writes() {
            self.late.push(flight);
        }
    }

    fn end(&mut self, client: usize, request: u32, end: End, untouched: u64) {
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
            Call::Swap { begun, .. } => Some(Origin { call: begun, ..late.origin }),
            _ => None,
        };
        let kept: Vec<Origin> = self.late.iter().filter_map(begun).collect();
        self.disk.unwatch(client, request, &kept);
    }
}
