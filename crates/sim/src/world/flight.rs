//! Calls under way, on whose behalf they are, and what they do when they arrive.

use std::ops::Range;
use std::rc::Rc;

use store::Unavailable;
use store::breaker::State;
use store::keys;
use store::redis::{Said, Step, Verb};
use teller::Error;

use super::World;
use crate::call::{Call, Key, Reply, hash_of};
use crate::disk::{HostPanic, Origin, Written};
use crate::invariants::{Seen, Sending, Violation, check};
use crate::mind::{Learned, Mind};
use crate::task::{Answer, Task};

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

/// A call that was made and has not been answered.
#[derive(Debug, Clone)]
pub struct Flight {
    pub origin: Origin,
    pub call: Call,
    /// The requests of the instance that were under way when it was made, and those given up before: it may
    /// be on behalf of each.
    pub shares: Vec<Share>,
}

/// A request that a call may be on behalf of.
#[derive(Debug, Clone)]
pub struct Share {
    pub client: usize,
    pub request: u32,
    pub task: Rc<Task>,
    pub end: End,
    /// Of which of its operations it was said that nothing happened.
    pub untouched: u64,
}

/// Takes the call of `origin` out of `flights`.
pub fn take(flights: &mut Vec<Flight>, origin: Origin) -> Option<Flight> {
    let place = flights.iter().position(|flight| flight.origin == origin)?;
    Some(flights.remove(place))
}

impl<M: Mind> World<M> {
    /// Notes the calls that were made, and those that nobody waits for any more. `before` is what the breaker
    /// let through, unless the store has just answered.
    pub(super) fn look_at_calls(
        &mut self,
        clients: Range<usize>,
        before: Option<State>,
    ) -> Result<(), Violation> {
        let first = clients.start;
        let mut sent = Vec::new();
        let mut probing = Vec::new();
        for client in clients.clone() {
            let request = self.clients.get(client).map_or(0, |client| client.request);
            let Some(seat) = self.seat(client).cloned() else { continue };
            for gone in seat.abandoned {
                let flight = take(&mut self.flying, Origin { client, request, call: gone.number });
                flight.into_iter().for_each(|flight| self.send(flight));
            }
            for pending in seat.pending {
                let origin = Origin { client, request, call: pending.number };
                if pending.bound {
                    probing.push(origin);
                }
                if self.flying.iter().any(|flight| flight.origin == origin) {
                    continue;
                }
                let gone =
                    self.instance(client).into_iter().flat_map(|instance| instance.gone.iter().cloned());
                let shares = clients.clone().filter_map(|client| self.share(client)).chain(gone).collect();
                self.flying.push(Flight { origin, call: pending.call, shares });
                sent.extend(pending.bound.then_some(origin));
            }
        }
        let Some(instance) = self.instances.get_mut(first / self.seats) else { return Ok(()) };
        if before == Some(State::HalfOpen) {
            instance.probes.extend(&sent);
        }
        instance.probes.retain(|probe| probing.contains(probe));
        let (probes, missed, after) = (instance.probes.len(), instance.missed, instance.mind.view().breaker);
        check(&Seen::Sent(&Sending { before, sent: sent.len(), probes, missed, after }))
    }

    /// What a client's request may have put into a call of its instance.
    pub(super) fn share(&self, client: usize) -> Option<Share> {
        let (request, task) = (self.clients.get(client)?.request, Rc::clone(self.task(client)?));
        Some(Share { client, request, task, end: End::Running, untouched: 0 })
    }

    /// Carries out a call; of a script all steps but the one that is refused.
    pub(super) fn carry_out(&mut self, flight: &Flight, refused: Option<usize>) -> Result<Reply, Violation> {
        let Flight { origin, call, .. } = flight;
        let mut delta = 0;
        let (reply, written) = match call {
            Call::Get(key) => (Reply::Value(self.disk.get(key)), None),
            Call::Begin(key) => (Reply::Value(self.disk.begin(*origin, key)), None),
            Call::Set(key, value) => (Reply::Ended, Some(self.disk.set(key, value.clone()))),
            Call::Swap { begun, value, .. } => {
                (Reply::Ended, self.disk.swap(Origin { call: *begun, ..*origin }, value.clone()))
            }
            Call::Increment(key, by) => {
                delta = *by;
                self.disk.increment(key, *by).map_err(|HostPanic| Violation::panic(key))?
            }
            Call::Script(steps) => return self.run(flight, steps, refused),
        };
        if let Some(written) = &written {
            self.effect(flight, written, delta)?;
        }
        Ok(reply)
    }

    fn run(&mut self, flight: &Flight, steps: &[Step], refused: Option<usize>) -> Result<Reply, Violation> {
        let mut all = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            if refused == Some(place) && !step.verb.is_read() {
                all.push(Said::Refused("OOM command not allowed when used memory > 'maxmemory'".to_owned()));
                continue;
            }
            let (said, written) = self.disk.step(step);
            let delta = match (&step.verb, &said) {
                (Verb::Add(delta) | Verb::AddWithin { delta, .. }, Said::Done(_)) => *delta,
                _ => 0,
            };
            all.push(said);
            for written in &written {
                self.effect(flight, written, delta)?;
            }
        }
        Ok(Reply::Said(all))
    }

    /// Notes what a write did, for each request that it may be on behalf of.
    fn effect(&mut self, flight: &Flight, written: &Written, delta: i64) -> Result<(), Violation> {
        let tasks: Vec<&Task> = flight.shares.iter().map(|share| &*share.task).collect();
        let moved = self.truth.wrote(&self.disk, written, &tasks)?;
        self.truth.counted(&written.key, delta);
        for (share, moved) in flight.shares.iter().zip(moved) {
            let net = net(&tasks, &share.task, &written.key, delta);
            let running = self.clients.get_mut(share.client).filter(|_| share.end == End::Running);
            if let Some(busy) = running.and_then(|client| client.busy.as_mut()) {
                busy.moved |= moved;
                busy.net = busy.net.wrapping_add(net);
            } else if share.end == End::Known && net != 0 {
                return Err(Violation::late("each acknowledged post counts once", &share.task));
            } else if moved & share.untouched != 0 {
                return Err(Violation::late("untouched means that nothing happened", &share.task));
            }
        }
        Ok(())
    }
}

/// What an increment of a cell adds for `task`. Where there are others, who adds how much tells whose it is:
/// callers at one instance add different numbers.
fn net(tasks: &[&Task], task: &Task, key: &Key, delta: i64) -> i64 {
    match task {
        Task::Count { counter, by, .. }
            if key.as_str() == keys::counter(counter).cell().as_str()
                && (tasks.len() == 1 || delta.saturating_abs() == *by) =>
        {
            delta
        }
        _ => 0,
    }
}

impl World<Learned> {
    /// A number that is the same for worlds from which the same can happen.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let clients: Vec<_> = self
            .clients
            .iter()
            .map(|client| {
                let busy = client.busy.as_ref().map(|busy| (busy.began, busy.moved, busy.net));
                (client.request, busy)
            })
            .collect();
        let places: Vec<_> = self.instances.iter().map(|instance| instance.mind.place()).collect();
        let ends = |flight: &Flight| {
            let ends =
                flight.shares.iter().map(|share| (share.client, share.request, share.end, share.untouched));
            (flight.origin, ends.collect::<Vec<_>>())
        };
        let mut late: Vec<_> = self.late.iter().map(ends).collect();
        let mut flying: Vec<_> = self.flying.iter().map(ends).collect();
        late.sort_unstable_by_key(|late| late.0);
        flying.sort_unstable_by_key(|flying| flying.0);
        let minds = hash_of(&(clients, places, late, flying));
        let (disk, truth) = (self.disk.fingerprint(), self.truth.fingerprint());
        u128::from(hash_of(&(minds, disk, truth))) << 64 | u128::from(hash_of(&(truth, disk, minds, 1)))
    }
}

impl End {
    pub fn of(answer: &Answer) -> Self {
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
