//! The calls that an instance makes: which requests they are for, and which of them nobody waits for any more.

use std::ops::Range;
use std::rc::Rc;

use ledger::{Tally, Wallet};
use store::breaker::BreakerState;
use store::keys;
use store::redis::StepVerb;

use super::flight::{CallInFlight, take};
use super::instance::{Cause, Instance};
use super::possible_request::PossibleRequest;
use super::state::World;
use crate::call::Call;
use crate::disk::{CallId, Flavour};
use crate::invariants::{Event, Sending, Violation, check};
use crate::mind::Mind;
use crate::raw::Pending;
use crate::task::Task;

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
            neighbours
                .iter_mut()
                .flat_map(|client| &mut client.running)
                .for_each(|running| running.answered = false);
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
            let running = self.clients.get(client).and_then(|client| client.running.as_ref());
            let answered = running.is_none_or(|running| running.answered);
            check(&Event::Unbound { call: &pending.call, answered })?;
        }
        let knows = self.instance(client).is_some_and(|instance| instance.knows);
        check(&Event::Asked { call: &pending.call, told: self.told.as_ref(), knows })
    }

    /// Whether a client's instance does work that answered requests have left.
    fn carries_on(&self, client: usize) -> bool {
        self.instance(client).is_some_and(|instance| instance.mind.view().carries_on)
    }

    /// Notes a call that a seat has just made, for its request or for others.
    fn noticed(&mut self, client: usize, pending: &Pending) -> CallId {
        let neighbours = self.neighbours(client);
        let request = self.clients.get(client).map_or(0, |client| client.request);
        let origin = CallId { client, request, call: pending.number };
        let mut requests: Vec<PossibleRequest> =
            neighbours.clone().filter_map(|client| self.possible_request(client)).collect();
        // A script waits until its target is known. Whether it was not sent by then cannot be told.
        let finds_out = matches!(pending.call, Call::Slots(_));
        // A retry of the very same request includes whatever may happen to it.
        let asks_again =
            |gone: &PossibleRequest| requests.iter().any(|possible| Rc::ptr_eq(&possible.task, &gone.task));
        let gone = self.instance(client).into_iter().flat_map(|instance| &instance.gone);
        let gone: Vec<PossibleRequest> = gone.filter(|gone| !asks_again(gone)).cloned().collect();
        requests.extend(gone);
        for client in neighbours {
            let others = requests.iter().filter(|possible| possible.client != client);
            let others: Vec<Rc<Task>> = others.map(|possible| Rc::clone(&possible.task)).collect();
            if let Some(running) = self.clients.get_mut(client).and_then(|client| client.running.as_mut()) {
                running.sent |= finds_out
                    || carries(&pending.call, &running.task)
                    || others.iter().any(|other| stands_together(other, &running.task));
            }
        }
        self.flying.push(CallInFlight { origin, call: pending.call.clone(), requests });
        origin
    }
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
