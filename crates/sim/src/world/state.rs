//! The state of the world, and what is read from it.

use std::ops::Range;
use std::rc::Rc;

use store::breaker::BreakerState;
use store::redis::Step;

use super::flight::CallInFlight;
use super::instance::{Client, Instance};
use super::possible_request::{PossibleRequest, RequestEnd};
use super::replica::Replica;
use crate::call::{Call, hash_of};
use crate::cluster::{Cluster, SentOn};
use crate::disk::{CallId, Disk};
use crate::mind::{Learned, Mind, Seat};
use crate::task::Task;
use crate::truth::Truth;

/// Instances and their clients, the store between them, and the truth.
#[derive(Debug, Clone)]
pub struct World<M> {
    pub(super) disk: Disk,
    pub(super) truth: Truth,
    pub(super) seats: usize,
    pub(super) instances: Vec<Instance<M>>,
    pub(super) clients: Vec<Client>,
    /// Calls that wait for an answer.
    pub(super) flying: Vec<CallInFlight>,
    /// Writes that nobody waits for.
    pub(super) late: Vec<CallInFlight>,
    /// Which node has which slots, in a cluster.
    pub(super) cluster: Cluster,
    /// Where the instance that is being answered was redirected to.
    pub(super) told: Option<SentOn>,
    /// How often scripts were sent on.
    pub(super) sent_on: Vec<(Rc<[Step]>, u32)>,
    /// How many writes there were.
    pub(super) writes: u64,
    /// `None` until it first catches up.
    pub(super) replica: Option<Rc<Replica>>,
}

impl<M: Mind> World<M> {
    /// `clients` clients, `seats` to an instance, around a store about which the truth is known.
    #[must_use]
    pub fn new(memo: &M::Memo, clients: usize, seats: usize, disk: Disk, truth: Truth) -> Self {
        let flavour = disk.flavour();
        let instance = |place| Instance::new(M::new(memo, flavour.adapter(place)));
        let instances = (0..clients.div_ceil(seats)).map(instance).collect();
        let clients = (0..clients).map(|_| Client { request: 0, running: None }).collect();
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
        self.clients.get(client)?.running.as_ref().map(|running| &running.task)
    }

    /// The clients that have a request under way.
    pub fn busy(&self) -> impl Iterator<Item = usize> {
        self.clients
            .iter()
            .enumerate()
            .filter(|(_, client)| client.running.is_some())
            .map(|(client, _)| client)
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

    pub(super) fn instance(&self, client: usize) -> Option<&Instance<M>> {
        self.instances.get(client / self.seats)
    }

    pub(super) fn seat(&self, client: usize) -> Option<&Seat> {
        self.instance(client)?.mind.view().seats.get(client % self.seats)
    }

    /// The clients of the instance that `client` is at.
    pub(super) fn neighbours(&self, client: usize) -> Range<usize> {
        let first = client / self.seats * self.seats;
        first..self.clients.len().min(first + self.seats)
    }

    /// The part of a client's request in a call of its instance.
    pub(super) fn possible_request(&self, client: usize) -> Option<PossibleRequest> {
        let (request, task) = (self.clients.get(client)?.request, Rc::clone(self.task(client)?));
        Some(PossibleRequest { client, request, task, end: RequestEnd::Running, untouched: 0 })
    }

    /// Whether the replica has what was written on the connection of a client's instance. If nothing was written on
    /// it, it has.
    pub(super) fn is_replicated(&self, client: usize) -> bool {
        let wrote = self.instance(client).map_or(0, |instance| instance.wrote);
        wrote <= self.replica.as_ref().map_or(0, |replica| replica.writes)
    }

    /// The origin of a seat's call that has no answer.
    pub(super) fn origin(&self, client: usize, call: u32) -> Option<CallId> {
        let mut flying = self.flying.iter().map(|flight| flight.origin);
        flying.find(|origin| (origin.client, origin.call) == (client, call))
    }

    /// Calls of the instance may still be for this request.
    pub(super) fn note_gone(&mut self, possible: PossibleRequest) {
        if let Some(instance) = self.instances.get_mut(possible.client / self.seats) {
            instance.remember(possible);
        }
    }

    /// Puts a write on its way.
    pub(super) fn send(&mut self, flight: CallInFlight) {
        if flight.call.writes() {
            self.late.push(flight);
        }
    }

    pub(super) fn end(&mut self, client: usize, request: u32, end: RequestEnd, untouched: u64) {
        let requests = self.flying.iter_mut().chain(&mut self.late).flat_map(|flight| &mut flight.requests);
        for possible in requests.filter(|possible| (possible.client, possible.request) == (client, request)) {
            possible.end = end;
            possible.untouched = untouched;
        }
    }

    pub(super) fn unwatch(&mut self, client: usize) {
        let request = self.clients.get(client).map_or(0, |client| client.request);
        self.unwatch_request(client, request);
    }

    pub(super) fn unwatch_request(&mut self, client: usize, request: u32) {
        let begun = |late: &CallInFlight| match late.call {
            Call::Swap { begun, .. } => Some(CallId { call: begun, ..late.origin }),
            _ => None,
        };
        let kept: Vec<CallId> = self.late.iter().filter_map(begun).collect();
        self.disk.unwatch(client, request, &kept);
    }
}

impl World<Learned> {
    /// A number that is the same for worlds with the same future.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let clients: Vec<_> = self
            .clients
            .iter()
            .map(|client| {
                let running = client.running.as_ref().map(|running| {
                    (
                        running.began,
                        running.moved,
                        running.net,
                        running.sent,
                        running.answered,
                        &running.totals,
                    )
                });
                (client.request, running)
            })
            .collect();
        let places: Vec<_> = self.instances.iter().map(|instance| instance.mind.place()).collect();
        let ends = |flight: &CallInFlight| {
            let ends = flight
                .requests
                .iter()
                .map(|possible| (possible.client, possible.request, possible.end, possible.untouched));
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
