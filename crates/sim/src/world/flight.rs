//! Calls under way: which requests they are for, and what they do when they land.

use std::ops::Range;
use std::rc::Rc;

use ledger::{Tally, Wallet};
use store::breaker::BreakerState;
use store::keys;
use store::redis::{Step, StepReply, StepVerb};

use super::World;
use super::instance::{Cause, Instance};
use super::share::{RequestEnd, Share};
use crate::call::{Call, Key, Reply, hash_of};
use crate::cluster::NodeAnswer;
use crate::disk::{Adapter, CallId, Flavour, HostPanic, Written};
use crate::invariants::{Event, Sending, Violation, check};
use crate::mind::{Learned, Mind};
use crate::model::Meter;
use crate::raw::Pending;
use crate::task::Task;

/// A call that was made and has not been answered.
#[derive(Debug, Clone)]
pub struct Flight {
    pub origin: CallId,
    pub call: Call,
    /// The requests of the instance that were in flight when it was made, and those given up before: it may be for
    /// any of them.
    pub shares: Vec<Share>,
}

/// What the clients of an instance have called.
#[derive(Default)]
struct CallsMade {
    /// Calls that were just made, and that a deadline can end.
    sent: Vec<CallId>,
    /// All calls that do.
    probing: Vec<CallId>,
    /// Clients whose deadline has passed, and their calls that it has ended.
    missed: u32,
    ended: u32,
}

/// Takes the call of `origin` out of `flights`.
pub fn take(flights: &mut Vec<Flight>, origin: CallId) -> Option<Flight> {
    let place = flights.iter().position(|flight| flight.origin == origin)?;
    Some(flights.remove(place))
}

impl<M: Mind> World<M> {
    /// Notes the calls that were made, and those that nobody waits for any more. `before` is the breaker's state
    /// before that.
    pub(super) fn look_at_calls(
        &mut self,
        clients: Range<usize>,
        cause: Cause,
        before: BreakerState,
    ) -> Result<(), Violation> {
        let made = self.calls_made(clients.clone(), cause)?;
        let Some(instance) = self.instances.get_mut(clients.start / self.seats) else { return Ok(()) };
        if cause != Cause::Reply && before == BreakerState::HalfOpen {
            instance.probes.extend(&made.sent);
        }
        instance.probes.retain(|probe| made.probing.contains(probe));
        instance.missed += made.missed;
        instance.ended += made.ended;
        if made.ended > 0 {
            let neighbours = self.clients.get_mut(clients).unwrap_or_default();
            neighbours.iter_mut().flat_map(|client| &mut client.busy).for_each(|busy| busy.answered = false);
        }
        let Instance { missed, ended, .. } = *instance;
        let (probes, after) = (instance.probes.len(), instance.mind.view().breaker);
        let answered = cause == Cause::Reply;
        if matches!(self.disk.flavour(), Flavour::Cluster | Flavour::Failover) {
            // There a script is several calls, the last of which a deadline may end; and each node of a cluster has a
            // breaker of its own, which is not simulated.
            return Ok(());
        }
        check(&Event::Sent(&Sending {
            before,
            answered,
            sent: made.sent.len(),
            probes,
            missed,
            ended,
            after,
        }))
    }

    /// The calls that `clients` have made. Those that nobody waits for any more are sent.
    fn calls_made(&mut self, clients: Range<usize>, cause: Cause) -> Result<CallsMade, Violation> {
        let mut made = CallsMade::default();
        for client in clients {
            let Some(seat) = self.seat(client).cloned() else { continue };
            let bound = seat.abandoned.iter().filter(|gone| gone.bound && cause == Cause::Deadline).count();
            made.missed += u32::from(bound > 0);
            made.ended += u32::try_from(bound).unwrap_or(u32::MAX);
            for gone in seat.abandoned {
                let flight = self.origin(client, gone.number).and_then(|known| take(&mut self.flying, known));
                flight.into_iter().for_each(|flight| self.send(flight));
            }
            for pending in seat.pending {
                let known = self.origin(client, pending.number);
                self.look_at_call(client, &pending, known)?;
                let origin = known.unwrap_or_else(|| self.noticed(client, &pending));
                made.probing.extend(pending.bound.then_some(origin));
                made.sent.extend((pending.bound && known.is_none()).then_some(origin));
            }
        }
        Ok(made)
    }

    /// Checks a call of `client` that is `known` or was just made.
    fn look_at_call(&self, client: usize, pending: &Pending, known: Option<CallId>) -> Result<(), Violation> {
        if known.is_some() {
            return Ok(());
        }
        // A swap is the second half of what `begin` began: in a component nothing comes in between.
        let begins = !matches!(pending.call, Call::Swap { .. });
        if begins && !pending.bound && !self.carries_on(client) {
            let busy = self.clients.get(client).and_then(|client| client.busy.as_ref());
            let answered = busy.is_none_or(|busy| busy.answered);
            check(&Event::Unbound { call: &pending.call, answered })?;
        }
        let knows = self.instance(client).is_some_and(|instance| instance.knows);
        check(&Event::Asked { call: &pending.call, told: self.told.as_ref(), knows })
    }

    /// Whether a client's instance does work that answered requests have left.
    fn carries_on(&self, client: usize) -> bool {
        self.instance(client).is_some_and(|instance| instance.mind.view().carries_on)
    }

    /// Notes the totals that counters have had since posts without a key took effect; for a post by script only the
    /// first.
    fn note_totals(&mut self) {
        let (flavour, seats) = (self.disk.flavour(), self.seats);
        for (place, client) in self.clients.iter_mut().enumerate() {
            let Some(busy) = client.busy.as_mut().filter(|busy| busy.began_to_count) else { continue };
            let Task::Count { counter, .. } = &*busy.task else { continue };
            let Some(total) = self.truth.model().meter(counter).map(Meter::total) else { continue };
            let by_script = flavour.adapter(place / seats) != Adapter::Kv;
            let one_is_enough = by_script && !busy.totals.is_empty();
            if !busy.totals.contains(&total) && !one_is_enough {
                busy.totals.push(total);
                busy.totals.sort_unstable();
            }
        }
    }

    /// The origin of a seat's call that has no answer.
    fn origin(&self, client: usize, call: u32) -> Option<CallId> {
        let mut flying = self.flying.iter().map(|flight| flight.origin);
        flying.find(|origin| (origin.client, origin.call) == (client, call))
    }

    /// Notes a call that a seat has just made, for its request or for others.
    fn noticed(&mut self, client: usize, pending: &Pending) -> CallId {
        let neighbours = self.neighbours(client);
        let request = self.clients.get(client).map_or(0, |client| client.request);
        let origin = CallId { client, request, call: pending.number };
        let mut shares: Vec<Share> = neighbours.clone().filter_map(|client| self.share(client)).collect();
        // A script waits until its target is known. Whether it was not sent by then cannot be told.
        let finds_out = matches!(pending.call, Call::Slots(_));
        // A retry of the very same request includes whatever may happen to it.
        let asks_again = |gone: &Share| shares.iter().any(|share| Rc::ptr_eq(&share.task, &gone.task));
        let gone = self.instance(client).into_iter().flat_map(|instance| &instance.gone);
        let gone: Vec<Share> = gone.filter(|gone| !asks_again(gone)).cloned().collect();
        shares.extend(gone);
        for client in neighbours {
            let others = shares.iter().filter(|share| share.client != client);
            let others: Vec<Rc<Task>> = others.map(|share| Rc::clone(&share.task)).collect();
            if let Some(busy) = self.clients.get_mut(client).and_then(|client| client.busy.as_mut()) {
                busy.sent |= finds_out
                    || carries(&pending.call, &busy.task)
                    || others.iter().any(|other| stands_together(other, &busy.task));
            }
        }
        self.flying.push(Flight { origin, call: pending.call.clone(), shares });
        origin
    }

    /// The part of a client's request in a call of its instance.
    pub(super) fn share(&self, client: usize) -> Option<Share> {
        let (request, task) = (self.clients.get(client)?.request, Rc::clone(self.task(client)?));
        Some(Share { client, request, task, end: RequestEnd::Running, untouched: 0 })
    }

    /// Carries out a call; for a script, all steps except the refused one.
    pub(super) fn carry_out(&mut self, flight: &Flight, refused: Option<usize>) -> Result<Reply, Violation> {
        let Flight { origin, call, .. } = flight;
        let mut delta = 0;
        let (reply, written) = match call {
            Call::Get(key) => (Reply::Value(self.disk.get(key)), None),
            Call::Begin(key) => (Reply::Value(self.disk.begin(*origin, key)), None),
            Call::Set(key, value) => (Reply::Ended, Some(self.disk.set(key, value.clone()))),
            Call::Swap { begun, value, .. } => {
                (Reply::Ended, self.disk.swap(CallId { call: *begun, ..*origin }, value.clone()))
            }
            Call::Increment(key, by) => {
                delta = *by;
                self.disk.increment(key, *by).map_err(|HostPanic| Violation::panic(key))?
            }
            Call::Script(steps) => return self.run(flight, steps, refused),
            Call::Eval { node, asking, steps } => {
                return match self.cluster.answer(node, *asking, steps, &self.disk) {
                    NodeAnswer::Served => {
                        let reply = self.run(flight, steps, refused);
                        self.cluster.served(*asking, steps, &self.disk);
                        reply
                    }
                    NodeAnswer::Elsewhere(text) => Ok(Reply::Elsewhere(text)),
                    NodeAnswer::Away => Ok(Reply::Away),
                };
            }
            Call::Slots(node) => return Ok(Reply::Map(self.cluster.slots(node))),
            Call::Wait => return Ok(Reply::Number(self.is_kept(origin.client).into())),
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
                all.push(StepReply::Refused(
                    "OOM command not allowed when used memory > 'maxmemory'".to_owned(),
                ));
                continue;
            }
            let (said, written) = self.disk.step(step);
            let delta = match (&step.verb, &said) {
                (
                    StepVerb::Add(delta) | StepVerb::AddWithin { delta, .. } | StepVerb::Total { delta, .. },
                    StepReply::Done(_),
                ) => *delta,
                _ => 0,
            };
            all.push(said);
            for written in &written {
                self.effect(flight, written, delta)?;
            }
        }
        Ok(Reply::Steps(all))
    }

    /// Notes the effect of a write, for each request that it may be for.
    fn effect(&mut self, flight: &Flight, written: &Written, delta: i64) -> Result<(), Violation> {
        self.writes += 1;
        if let Some(instance) = self.instances.get_mut(flight.origin.client / self.seats) {
            instance.wrote = self.writes;
        }
        let tasks: Vec<&Task> = flight.shares.iter().map(|share| &*share.task).collect();
        let moved = self.truth.wrote(&self.disk, written, &tasks)?;
        self.truth.counted(&written.key, delta);
        for (share, moved) in flight.shares.iter().zip(moved) {
            let net = net(&tasks, &share.task, &written.key, delta);
            let running = self.clients.get_mut(share.client).filter(|_| share.end == RequestEnd::Running);
            if let Some(busy) = running.and_then(|client| client.busy.as_mut()) {
                busy.wrote = self.writes;
                busy.moved |= moved;
                busy.net = busy.net.wrapping_add(net);
                busy.began_to_count |= net != 0;
            } else if share.end == RequestEnd::Known && net != 0 {
                return Err(Violation::late("each acknowledged post counts once", &share.task));
            } else if moved & share.untouched != 0 {
                return Err(Violation::late("untouched means that nothing happened", &share.task));
            }
        }
        self.note_totals();
        Ok(())
    }
}

/// What an increment of a cell adds for `task`. If there are several tasks, the number tells whose it is: callers in
/// one instance add different numbers.
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

/// Whether two requests add the same number to the same counter, so that an increment could be of either.
pub fn adds_as_much(one: &Task, other: &Task) -> bool {
    let added = |task: &Task| match task {
        Task::Count { counter, by, .. } => Some((counter.clone(), *by)),
        _ => None,
    };
    added(one).is_some_and(|one| Some(one) == added(other))
}

/// Whether two requests of one instance may be in the same swap.
fn stands_together(one: &Task, other: &Task) -> bool {
    matches!((one, other), (Task::Operate(user, _), Task::Operate(whose, _)) if user == whose)
}

/// Whether `call` would carry out what `task` asks for.
fn carries(call: &Call, task: &Task) -> bool {
    let adds = |key: &str, delta: i64| match task {
        Task::Count { counter, by, .. } => key == keys::counter(counter).cell().as_str() && delta == *by,
        _ => false,
    };
    let writes = |value: &[u8]| match task {
        Task::Operate(_, operations) => Wallet::decode(value)
            .is_ok_and(|wallet| operations.iter().any(|one| wallet.find(&one.id).is_some())),
        Task::CountOnce { post, .. } => {
            Tally::decode(value).is_ok_and(|tally| tally.find(&post.key).is_some())
        }
        _ => false,
    };
    match call {
        Call::Increment(key, delta) => adds(key.as_str(), *delta),
        Call::Set(_, value) | Call::Swap { value, .. } => writes(value.bytes()),
        Call::Script(steps) | Call::Eval { steps, .. } => steps.iter().any(|step| match &step.verb {
            StepVerb::Add(delta) | StepVerb::AddWithin { delta, .. } | StepVerb::Total { delta, .. } => {
                adds(&step.key, *delta)
            }
            StepVerb::Set(next)
            | StepVerb::Swap { next, .. }
            | StepVerb::First { first: next, .. }
            | StepVerb::Post { otherwise: next, .. } => writes(next),
            _ => false,
        }),
        Call::Get(_) | Call::Begin(_) | Call::Slots(_) | Call::Wait => false,
    }
}

impl World<Learned> {
    /// A number that is the same for worlds with the same future.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let clients: Vec<_> =
            self.clients
                .iter()
                .map(|client| {
                    let busy = client.busy.as_ref().map(|busy| {
                        (busy.began, busy.moved, busy.net, busy.sent, busy.answered, &busy.totals)
                    });
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
        let (disk, truth) = (self.disk.fingerprint(), self.truth.model().fingerprint());
        u128::from(hash_of(&(minds, disk, truth))) << 64 | u128::from(hash_of(&(truth, disk, minds, 1)))
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
