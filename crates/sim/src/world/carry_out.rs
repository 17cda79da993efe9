//! Carries out calls, and notes what that does to the requests that they are for.

use store::keys;
use store::redis::{Step, StepReply, StepVerb};

use super::flight::CallInFlight;
use super::possible_request::RequestEnd;
use super::state::World;
use crate::call::{Call, Key, Reply};
use crate::cluster::NodeAnswer;
use crate::disk::{Adapter, CallId, HostPanic, Written};
use crate::invariants::Violation;
use crate::mind::Mind;
use crate::model::Meter;
use crate::task::Task;

impl<M: Mind> World<M> {
    /// Carries out a call; for a script, all steps except the refused one.
    pub(super) fn carry_out(
        &mut self,
        flight: &CallInFlight,
        refused: Option<usize>,
    ) -> Result<Reply, Violation> {
        let CallInFlight { origin, call, .. } = flight;
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
            Call::Wait => return Ok(Reply::Number(self.is_replicated(origin.client).into())),
        };
        if let Some(written) = &written {
            self.effect(flight, written, delta)?;
        }
        Ok(reply)
    }

    fn run(
        &mut self,
        flight: &CallInFlight,
        steps: &[Step],
        refused: Option<usize>,
    ) -> Result<Reply, Violation> {
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
    fn effect(&mut self, flight: &CallInFlight, written: &Written, delta: i64) -> Result<(), Violation> {
        self.writes += 1;
        if let Some(instance) = self.instances.get_mut(flight.origin.client / self.seats) {
            instance.wrote = self.writes;
        }
        let tasks: Vec<&Task> = flight.requests.iter().map(|possible| &*possible.task).collect();
        let moved = self.truth.wrote(&self.disk, written, &tasks)?;
        self.truth.counted(&written.key, delta);
        for (possible, moved) in flight.requests.iter().zip(moved) {
            let net = net(&tasks, &possible.task, &written.key, delta);
            let running =
                self.clients.get_mut(possible.client).filter(|_| possible.end == RequestEnd::Running);
            if let Some(running) = running.and_then(|client| client.running.as_mut()) {
                running.wrote = self.writes;
                running.moved |= moved;
                running.net = running.net.wrapping_add(net);
                running.began_to_count |= net != 0;
            } else if possible.end == RequestEnd::Known && net != 0 {
                return Err(Violation::late("each acknowledged post counts once", &possible.task));
            } else if moved & possible.untouched != 0 {
                return Err(Violation::late("untouched means that nothing happened", &possible.task));
            }
        }
        self.note_totals();
        Ok(())
    }

    /// Notes the totals that counters have had since posts without a key took effect; for a post by script only the
    /// first.
    fn note_totals(&mut self) {
        let (flavour, seats) = (self.disk.flavour(), self.seats);
        for (place, client) in self.clients.iter_mut().enumerate() {
            let Some(running) = client.running.as_mut().filter(|running| running.began_to_count) else {
                continue;
            };
            let Task::Count { counter, .. } = &*running.task else { continue };
            let Some(total) = self.truth.model().meter(counter).map(Meter::total) else { continue };
            let by_script = flavour.adapter(place / seats) != Adapter::Kv;
            let one_is_enough = by_script && !running.totals.is_empty();
            if !running.totals.contains(&total) && !one_is_enough {
                running.totals.push(total);
                running.totals.sort_unstable();
            }
        }
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

impl Violation {
    fn late(sentence: &'static str, task: &Task) -> Self {
        Self { sentence, seen: format!("{task}: a write landed after its answer") }
    }

    fn panic(key: &Key) -> Self {
        Self { sentence: "the host never panics", seen: format!("{key} was incremented and is no counter") }
    }
}
