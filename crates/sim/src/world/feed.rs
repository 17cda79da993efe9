//! Gives an instance its inputs, and checks its calls and answers.

use std::rc::Rc;

use store::breaker::BreakerState;
use store::redis::Step;

use super::choice::{Effect, EndedRequest};
use super::flight::{CallInFlight, take};
use super::instance::{Cause, RunningRequest};
use super::possible_request::{PossibleRequest, RequestEnd};
use super::state::World;
use crate::call::{Call, Reply};
use crate::cluster::SentOn;
use crate::disk::CallId;
use crate::invariants::{Ended, Event, Violation, check};
use crate::mind::{Input, Mind};

/// No script follows more redirects than this.
const PATIENCE: u32 = 16;

impl<M: Mind> World<M> {
    /// Answers a call with what `reply` says.
    pub(super) fn answer(
        &mut self,
        origin: CallId,
        reply: impl FnOnce(&mut Self, &CallInFlight) -> Result<Reply, Violation>,
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
    fn sends_on(&mut self, steps: &Rc<[Step]>, reply: &Reply) -> Option<SentOn> {
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

    /// Gives an input to a client's instance, and checks the result.
    pub(super) fn feed(&mut self, client: usize, input: Input) -> Result<Effect, Violation> {
        let before = self.breaker(client);
        let Some(instance) = self.instances.get_mut(client / self.seats) else { return Ok(Effect::Nothing) };
        let cause = Cause::of(&input);
        if let Input::Reply(seat, number, reply) = &input {
            let seat = instance.mind.view().seats.get(*seat);
            let mut pending = seat.into_iter().flat_map(|seat| &seat.pending);
            if pending.any(|pending| pending.number == *number && pending.bound) {
                (instance.missed, instance.ended) = (0, 0);
                if let Some(running) = self.clients.get_mut(client).and_then(|client| client.running.as_mut())
                {
                    running.answered = *reply != Reply::Error;
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
        let possible = self.possible_request(place);
        let Some(client) = self.clients.get_mut(place) else { return Ok(None) };
        let (request, Some(running)) = (client.request, client.running.take()) else { return Ok(None) };
        let RunningRequest { task, began, moved, net, totals, sent, fell_back, .. } = running;
        let unavailable = answer.unavailable();
        if unavailable.is_some() {
            let (end, untouched) = (RequestEnd::of(&answer), answer.untouched());
            possible
                .into_iter()
                .for_each(|possible| self.note_gone(PossibleRequest { end, untouched, ..possible }));
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
}
