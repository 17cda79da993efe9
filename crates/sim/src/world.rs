//! The world that lies: clients, a store between them, and everything that can go wrong.
//!
//! One [`Choice`] at a time is made: by a random number, or each in turn by the exhaustive explorer. What
//! can happen:
//! - *serve*: a waiting call is carried out and answered. Any order: all interleavings of raw calls.
//! - *lose*: a call is answered with an error. A write among them is under way and may land at once
//!   (reply lost after commit), at any later time, also after its request has ended (fact 7), or never
//!   (reply lost before commit).
//! - *expire*: the request's deadline passes while it waits for a read or a set. The set is under way.
//! - *crash*: the client dies, before or after its calls take effect: what it sent is under way.
//! - *land*: a write that is under way takes effect. A swap is still guarded by what it began with.
//! - *forget*: a write that is under way never arrives.

use std::rc::Rc;

use crate::call::{Call, Input, Key, Reply, hash_of};
use crate::disk::{Disk, HostPanic, Origin, Written};
use crate::invariants::Violation;
use crate::mind::{Learned, Mind};
use crate::task::{Answer, Task};
use crate::truth::{Ended, Truth};
use store::Unavailable;
use teller::Error;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A client begins a request.
    Start(usize, Rc<Task>),
    /// A call is carried out and answered.
    Serve(Origin),
    /// A call is answered with an error; its write is under way.
    Lose(Origin),
    /// A client's deadline passes.
    Expire(usize),
    /// A client dies.
    Crash(usize),
    /// A write that was under way takes effect.
    Land(Origin),
    /// A write that was under way never arrives.
    Forget(Origin),
}

impl Choice {
    /// The client that it is about.
    #[must_use]
    pub fn client(&self) -> usize {
        match self {
            Self::Start(client, _) | Self::Expire(client) | Self::Crash(client) => *client,
            Self::Serve(origin) | Self::Lose(origin) | Self::Land(origin) | Self::Forget(origin) => {
                origin.client
            }
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It has not.
    Running,
    /// Its caller knows the outcome.
    Known,
    /// Its caller does not know.
    Doubt,
}

/// What a choice led to.
#[derive(Debug)]
pub enum Step {
    /// There was nothing to choose.
    Nothing,
    /// It happened.
    Done,
    /// It happened, and a client's request ended: with an answer, or with the client's death.
    Ended(usize, Option<Answer>),
}

#[derive(Debug, Clone)]
struct Busy<M> {
    task: Rc<Task>,
    mind: M,
    began: i64,
    moved: u64,
    net: i64,
}

#[derive(Debug, Clone)]
struct Client<M> {
    request: u32,
    busy: Option<Busy<M>>,
}

/// A write that is under way.
#[derive(Debug, Clone)]
struct Late {
    origin: Origin,
    call: Call,
    task: Rc<Task>,
    end: End,
    untouched: u64,
}

/// Clients, the store between them, and the truth.
#[derive(Debug, Clone)]
pub struct World<M> {
    disk: Disk,
    truth: Truth,
    clients: Vec<Client<M>>,
    late: Vec<Late>,
}

impl<M: Mind> World<M> {
    /// `clients` clients around a store, about which the truth is known.
    #[must_use]
    pub fn new(clients: usize, disk: Disk, truth: Truth) -> Self {
        let clients = (0..clients).map(|_| Client { request: 0, busy: None }).collect();
        Self { disk, truth, clients, late: Vec::new() }
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

    /// The task of a client that has a request under way.
    #[must_use]
    pub fn task(&self, client: usize) -> Option<&Rc<Task>> {
        self.clients.get(client)?.busy.as_ref().map(|busy| &busy.task)
    }

    /// The clients that have a request under way.
    pub fn busy(&self) -> impl Iterator<Item = usize> {
        self.clients.iter().enumerate().filter(|(_, client)| client.busy.is_some()).map(|(client, _)| client)
    }

    /// The calls of a client that wait for an answer.
    pub fn waiting(&self, client: usize) -> impl Iterator<Item = (Origin, &Call)> {
        let found = self.clients.get(client);
        found.into_iter().flat_map(move |Client { request, busy }| {
            let pending = busy.iter().flat_map(|busy| &busy.mind.view().pending);
            pending.map(move |pending| {
                (Origin { client, request: *request, call: pending.number }, &pending.call)
            })
        })
    }

    /// Whether a client waits for something that its deadline ends.
    #[must_use]
    pub fn can_expire(&self, client: usize) -> bool {
        let busy = self.clients.get(client).and_then(|client| client.busy.as_ref());
        busy.is_some_and(|busy| busy.mind.view().pending.iter().any(|pending| pending.bound))
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
            Choice::Start(client, task) => Ok(self.start(school, *client, task)),
            Choice::Serve(origin) => self.serve(*origin),
            Choice::Lose(origin) => self.lose(*origin),
            Choice::Expire(client) if self.can_expire(*client) => self.feed(*client, Input::Deadline),
            Choice::Expire(_) => Ok(Step::Nothing),
            Choice::Crash(client) => Ok(self.crash(*client)),
            Choice::Land(origin) => self.land(*origin),
            Choice::Forget(origin) => Ok(self.forget(*origin)),
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

    fn start(&mut self, school: &M::School, place: usize, task: &Rc<Task>) -> Step {
        let Some(client) = self.clients.get_mut(place).filter(|client| client.busy.is_none()) else {
            return Step::Nothing;
        };
        let began = self.truth.began(task);
        client.request += 1;
        client.busy =
            Some(Busy { task: Rc::clone(task), mind: M::start(school, task), began, moved: 0, net: 0 });
        Step::Done
    }

    fn serve(&mut self, origin: Origin) -> Result<Step, Violation> {
        let Some((call, task)) = self.find(origin) else { return Ok(Step::Nothing) };
        let (reply, effect) = self.carry_out(origin, &call, &task)?;
        if let Some(busy) = self.clients.get_mut(origin.client).and_then(|client| client.busy.as_mut()) {
            busy.moved |= effect.moved;
            busy.net = busy.net.wrapping_add(effect.net);
        }
        self.feed(origin.client, Input::Reply(origin.call, reply))
    }

    fn lose(&mut self, origin: Origin) -> Result<Step, Violation> {
        let Some((call, task)) = self.find(origin) else { return Ok(Step::Nothing) };
        self.send(origin, call, &task);
        self.feed(origin.client, Input::Reply(origin.call, Reply::Error))
    }

    fn crash(&mut self, place: usize) -> Step {
        let Some(client) = self.clients.get_mut(place) else { return Step::Nothing };
        let Some(busy) = client.busy.take() else { return Step::Nothing };
        let request = client.request;
        for pending in busy.mind.view().pending.clone() {
            self.send(Origin { client: place, request, call: pending.number }, pending.call, &busy.task);
        }
        self.end(place, request, End::Doubt, 0);
        if let Task::Count { counter, .. } | Task::CountOnce { counter, .. } = &*busy.task {
            self.truth.doubt(counter);
        }
        Step::Ended(place, None)
    }

    fn land(&mut self, origin: Origin) -> Result<Step, Violation> {
        let Some(place) = self.late.iter().position(|late| late.origin == origin) else {
            return Ok(Step::Nothing);
        };
        let Late { call, task, end, untouched, .. } = self.late.remove(place);
        let (_, effect) = self.carry_out(origin, &call, &task)?;
        let running = self.clients.get_mut(origin.client).filter(|_| end == End::Running);
        if let Some(busy) = running.and_then(|client| client.busy.as_mut()) {
            busy.moved |= effect.moved;
            busy.net = busy.net.wrapping_add(effect.net);
        } else if end == End::Known && effect.net != 0 {
            return Err(Violation::late("each acknowledged post counts once", &task));
        } else if effect.moved & untouched != 0 {
            return Err(Violation::late("untouched means that nothing happened", &task));
        }
        Ok(Step::Done)
    }

    fn forget(&mut self, origin: Origin) -> Step {
        let Some(place) = self.late.iter().position(|late| late.origin == origin) else {
            return Step::Nothing;
        };
        self.late.remove(place);
        self.unwatch(origin.client, origin.request);
        Step::Done
    }

    /// Tells a client something, and looks what it does next.
    fn feed(&mut self, place: usize, input: Input) -> Result<Step, Violation> {
        let Some(Client { request, busy: Some(busy) }) = self.clients.get_mut(place) else {
            return Ok(Step::Nothing);
        };
        busy.mind.feed(input);
        let (request, task) = (*request, Rc::clone(&busy.task));
        let (abandoned, answer) = (busy.mind.view().abandoned.clone(), busy.mind.view().answer.clone());
        for pending in abandoned {
            self.send(Origin { client: place, request, call: pending.number }, pending.call, &task);
        }
        let Some(answer) = answer else { return Ok(Step::Done) };
        let busy = self.clients.get_mut(place).and_then(|client| client.busy.take());
        let (began, moved, net) = busy.map_or((0, 0, 0), |busy| (busy.began, busy.moved, busy.net));
        self.end(place, request, End::of(&answer), untouched(&answer));
        self.truth.ended(&Ended { task: &task, answer: &answer, began, moved, net })?;
        Ok(Step::Ended(place, Some(answer)))
    }

    fn find(&self, origin: Origin) -> Option<(Call, Rc<Task>)> {
        let (_, call) = self.waiting(origin.client).find(|(waiting, _)| *waiting == origin)?;
        Some((call.clone(), Rc::clone(self.task(origin.client)?)))
    }

    /// Puts a write on its way.
    fn send(&mut self, origin: Origin, call: Call, task: &Rc<Task>) {
        if call.writes() {
            self.late.push(Late { origin, call, task: Rc::clone(task), end: End::Running, untouched: 0 });
        }
    }

    fn end(&mut self, client: usize, request: u32, end: End, untouched: u64) {
        for late in &mut self.late {
            if (late.origin.client, late.origin.request) == (client, request) {
                late.end = end;
                late.untouched = untouched;
            }
        }
        self.unwatch(client, request);
    }

    fn unwatch(&mut self, client: usize, request: u32) {
        let begun = |late: &Late| match late.call {
            Call::Swap { begun, .. } => Some(Origin { call: begun, ..late.origin }),
            _ => None,
        };
        let kept: Vec<Origin> = self.late.iter().filter_map(begun).collect();
        self.disk.unwatch(client, request, &kept);
    }

    fn carry_out(&mut self, origin: Origin, call: &Call, task: &Task) -> Result<(Reply, Effect), Violation> {
        let (reply, written) = match call {
            Call::Get(key) => (Reply::Value(self.disk.get(key)), None),
            Call::Begin(key) => (Reply::Value(self.disk.begin(origin, key)), None),
            Call::Set(key, value) => (Reply::Ended, Some(self.disk.set(key, value.clone()))),
            Call::Swap { begun, value, .. } => {
                (Reply::Ended, self.disk.swap(Origin { call: *begun, ..origin }, value.clone()))
            }
            Call::Increment(key, delta) => {
                self.disk.increment(key, *delta).map_err(|HostPanic| Violation::panic(key))?
            }
        };
        let mut effect = Effect::default();
        if let Some(written) = &written {
            effect = self.effect(written, call, task)?;
        }
        Ok((reply, effect))
    }

    fn effect(&mut self, written: &Written, call: &Call, task: &Task) -> Result<Effect, Violation> {
        let moved = self.truth.wrote(&self.disk, written, task)?;
        let net = match call {
            Call::Increment(key, delta) if key.as_str().starts_with("bank:counter:") => *delta,
            _ => 0,
        };
        if net != 0 {
            self.truth.counted(task, net);
        }
        Ok(Effect { moved, net })
    }
}

impl World<Learned> {
    /// A number that is the same for worlds from which the same can happen.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let client = |client: &Client<Learned>| {
            let busy = client.busy.as_ref();
            let busy = busy.map(|busy| (busy.mind.place(), busy.began, busy.moved, busy.net));
            (client.request, busy)
        };
        let clients: Vec<_> = self.clients.iter().map(client).collect();
        let mut late: Vec<_> = self.late.iter().map(|late| (late.origin, late.end, late.untouched)).collect();
        late.sort_unstable_by_key(|late| late.0);
        let minds = hash_of(&(clients, late));
        let (disk, truth) = (self.disk.fingerprint(), self.truth.fingerprint());
        u128::from(hash_of(&(minds, disk, truth))) << 64 | u128::from(hash_of(&(truth, disk, minds, 1)))
    }
}

/// What a write did for the request that sent it.
#[derive(Debug, Clone, Copy, Default)]
struct Effect {
    moved: u64,
    net: i64,
}

impl End {
    fn of(answer: &Answer) -> Self {
        match answer.unavailable() {
            None | Some(Unavailable::Untouched) => Self::Known,
            Some(Unavailable::Unknown) => Self::Doubt,
        }
    }
}

/// Of which operations it was said that nothing happened, one bit for each.
pub(crate) fn untouched(answer: &Answer) -> u64 {
    const UNTOUCHED: Error = Error::Unavailable(Unavailable::Untouched);
    let mask = |mask, untouched| mask << 1 | u64::from(untouched);
    match answer {
        Answer::Operated(answers) => {
            answers.iter().rev().map(|answer| *answer == Err(UNTOUCHED)).fold(0, mask)
        }
        other => u64::from(other.error() == Some(&UNTOUCHED)),
    }
}

impl Violation {
    fn late(sentence: &'static str, task: &Task) -> Self {
        Self { sentence, seen: format!("{task}: a write landed after its answer") }
    }

    fn panic(key: &Key) -> Self {
        Self { sentence: "the host never panics", seen: format!("{key} was incremented and is no counter") }
    }
}
