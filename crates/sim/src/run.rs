//! One seed: random requests, a random order, random faults, then rest. The same choices can be run again.

use std::rc::Rc;

use store::keys;
use store::redis::cluster::slot;

use crate::call::Key;
use crate::cluster::{NODES, Shift};
use crate::disk::{Disk, Flavour};
use crate::invariants::Violation;
use crate::mind::Live;
use crate::planted::Bug;
use crate::random::Random;
use crate::rest::{Thoroughness, rest};
use crate::story::tell;
use crate::task::Task;
use crate::truth::Truth;
use crate::workload::{Mixture, Workload};
use crate::world::{Choice, Effect, EndedRequest, World};

/// After this many steps other clients are favoured.
const PHASE: u64 = 500;
/// The greatest number of writes that are under way at once.
const MOST_LATE: usize = 32;
/// How often a caller asks again.
const TRIES: u32 = 5;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    /// Decides everything.
    pub seed: u64,
    /// How many operations are asked for.
    pub operations: u64,
    /// Which backend is played, by which adapter.
    pub flavour: Flavour,
    /// Which bug is planted.
    pub bug: Option<Bug>,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Operations asked for, reads and posts to counters among them.
    pub operations: u64,
    /// Choices made.
    pub steps: u64,
    /// Entries in all wallets.
    pub entries: u64,
    /// Errors, deadlines, deaths and late writes.
    pub faults: u64,
}

/// A run that broke an invariant.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The invariant.
    pub violation: Violation,
    /// Everything that happened.
    pub choices: Vec<Choice>,
    /// How far the run had got.
    pub figures: Figures,
}

struct RandomClient {
    weight: u64,
    again: Option<(Rc<Task>, u32)>,
    tries: u32,
}

struct Run {
    random: Random,
    mixture: Mixture,
    workload: Workload,
    world: World<Live>,
    bug: Option<Bug>,
    clients: Vec<RandomClient>,
    choices: Vec<Choice>,
    figures: Figures,
}

/// Runs one seed.
///
/// # Errors
/// The [`Failure`] that it came to.
pub fn run(setting: RunSettings) -> Result<Figures, Box<Failure>> {
    let mut run = Run::new(setting);
    match run.go(setting.operations) {
        Ok(()) => Ok(run.figures),
        Err(violation) => Err(Box::new(Failure { violation, choices: run.choices, figures: run.figures })),
    }
}

/// An empty store; or one in which dead openers have left their tickets, so that no single script opens a document.
fn store(seed: u64, flavour: Flavour) -> Disk {
    let mut disk = Disk::new(flavour);
    if seed % 8 < 4 {
        return disk;
    }
    let new =
        (0..100).flat_map(|n| [keys::wallet(&format!("u{n}")), keys::counter(&format!("visits{n}")).posts()]);
    let old = [keys::wallet("ann"), keys::wallet("bob"), keys::counter("visits").posts()];
    for opening in new.chain(old) {
        // Nothing is there that could not be incremented.
        disk.increment(&opening.tickets().as_str().into(), 1).ok();
    }
    disk
}

impl Run {
    fn new(RunSettings { seed, flavour, bug, .. }: RunSettings) -> Self {
        let mut random = Random::new(seed);
        let mixture = Mixture::draw(&mut random);
        let clients =
            (0..mixture.clients).map(|_| RandomClient { weight: 1, again: None, tries: 0 }).collect();
        Self {
            world: World::new(&bug, mixture.clients, mixture.seats, store(seed, flavour), Truth::new(bug)),
            workload: Workload::new(mixture.clone()),
            random,
            mixture,
            bug,
            clients,
            choices: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn go(&mut self, operations: u64) -> Result<(), Violation> {
        loop {
            if self.figures.steps.is_multiple_of(PHASE) {
                self.favour();
            }
            self.begin(operations)?;
            match self.choose() {
                Some(choice) => self.make(choice)?,
                // An open breaker has answered all of them at once.
                None if self.figures.operations < operations => {
                    let client = self.random.below(self.clients.len() as u64) as usize;
                    self.make(Choice::Wait(client))?;
                }
                None => break,
            }
        }
        self.figures.entries =
            self.world.truth().model().accounts().map(|account| account.entries.len() as u64).sum();
        finish(&mut self.world, self.bug)
    }

    /// Some clients are slow for a while, so that others overtake them.
    fn favour(&mut self) {
        for client in &mut self.clients {
            client.weight = *self.random.pick(&[1, 30, 1000]).unwrap_or(&1);
        }
    }

    /// Clients without a request begin one.
    fn begin(&mut self, operations: u64) -> Result<(), Violation> {
        for client in 0..self.clients.len() {
            if self.world.task(client).is_some() || self.figures.operations >= operations {
                continue;
            }
            let Some(state) = self.clients.get_mut(client) else { continue };
            let task = match state.again.take() {
                Some((task, tries)) => {
                    state.tries = tries;
                    self.workload.retry(&mut self.random, &task)
                }
                None => {
                    state.tries = 0;
                    self.workload.next(&mut self.random, client)
                }
            };
            self.figures.operations += task.operations();
            self.make(Choice::Start(client, task))?;
        }
        Ok(())
    }

    /// The next choice; none if nobody waits for anything.
    fn choose(&mut self) -> Option<Choice> {
        if let Some(change) = self.change() {
            return Some(change);
        }
        let late: Vec<_> = self.world.late().collect();
        if let Some(&origin) = self.random.pick(&late) {
            if late.len() > MOST_LATE || self.random.permille(2) {
                return Some(Choice::Forget(origin));
            }
            if self.random.permille(self.mixture.land) {
                return Some(Choice::Land(origin));
            }
        }
        // Followers in a batch have no calls of their own.
        let busy: Vec<usize> = self.world.callers().collect();
        let weight = |client: usize| self.clients.get(client).map_or(1, |client| client.weight);
        let mut place = self.random.below(busy.iter().map(|&client| weight(client)).sum());
        let client = busy.into_iter().find(|&client| {
            let chosen = place < weight(client);
            place = place.saturating_sub(weight(client));
            chosen
        })?;
        let waiting: Vec<_> = self.world.waiting(client).map(|(origin, _)| origin).collect();
        let origin = *self.random.pick(&waiting)?;
        Some(if self.random.permille(self.mixture.lose) {
            Choice::Lose(origin)
        } else if self.random.permille(self.mixture.refuse) {
            let steps = self.world.waiting(client).find(|(waiting, _)| *waiting == origin);
            let steps = steps.map_or(0, |(_, call)| call.steps().len() as u64);
            let step = self.random.below(2 * steps) as usize;
            Choice::Refuse(origin, Some(step).filter(|step| *step < steps as usize))
        } else if self.random.permille(self.mixture.crash) {
            Choice::Crash(client)
        } else if self.random.permille(self.mixture.give_up) {
            Choice::GiveUp(self.neighbour(client))
        } else if self.random.permille(self.mixture.wait) {
            Choice::Wait(client)
        } else if self.random.permille(self.mixture.expire) {
            let late = self.neighbour(client);
            if self.world.can_expire(late) { Choice::Expire(late) } else { Choice::Serve(origin) }
        } else {
            Choice::Serve(origin)
        })
    }

    /// A change of the store itself, if it has nodes or a replica.
    fn change(&mut self) -> Option<Choice> {
        match self.world.disk().flavour() {
            Flavour::Failover if self.random.permille(self.mixture.land) => Some(Choice::Replicate),
            Flavour::Failover => self.random.permille(4).then_some(Choice::FailOver),
            Flavour::Cluster if self.random.permille(100) => self.shift().map(Choice::Shift),
            _ => None,
        }
    }

    /// A change of the cluster: mostly the slot in use moves.
    fn shift(&mut self) -> Option<Shift> {
        let cluster = self.world.cluster();
        let Some(moving) = cluster.moving() else {
            if cluster.is_away() {
                return self.random.permille(300).then_some(Shift::Back);
            }
            let to = self.random.below(NODES.into()) as u16;
            if self.random.permille(100) {
                return Some(Shift::Away(to));
            }
            let callers: Vec<usize> = self.world.callers().collect();
            let client = *self.random.pick(&callers)?;
            let called = self.world.waiting(client).find_map(|(_, call)| call.keys().into_iter().next())?;
            return Some(Shift::Begin(slot(called.as_str()), to));
        };
        if cluster.is_away() || self.random.permille(100) {
            return Some(if cluster.is_away() { Shift::Back } else { Shift::End });
        }
        let of_slot = |key: &&Key| slot(key.as_str()) == moving;
        let keys: Vec<Key> = self.world.disk().cells().keys().filter(of_slot).cloned().collect();
        self.random.pick(&keys).cloned().map(Shift::Key)
    }

    /// Any client of the same instance, including followers in a batch.
    fn neighbour(&mut self, client: usize) -> usize {
        let seats = self.mixture.seats;
        client / seats * seats + self.random.below(seats as u64) as usize
    }

    fn make(&mut self, choice: Choice) -> Result<(), Violation> {
        self.figures.steps += 1;
        let late = matches!(choice, Choice::Land(_) | Choice::Forget(_));
        self.figures.faults += u64::from(late || choice.is_fault());
        self.choices.push(choice.clone());
        let Effect::Done(over) = self.world.step(&self.bug, &choice)? else { return Ok(()) };
        for EndedRequest { client, task, answer } in over {
            let unknown = answer.is_none_or(|answer| answer.unavailable().is_some());
            let patient = unknown && task.is_keyed() && self.random.permille(self.mixture.patience);
            if let Some(state) = self.clients.get_mut(client).filter(|state| patient && state.tries < TRIES) {
                state.again = Some((task, state.tries + 1));
            }
        }
        Ok(())
    }
}

/// Requests that still wait die; then everything is read, and once more when all late writes have landed.
fn finish(world: &mut World<Live>, bug: Option<Bug>) -> Result<(), Violation> {
    let under_way: Vec<usize> = world.busy().chain(world.callers()).collect();
    for client in under_way {
        world.step(&bug, &Choice::Crash(client))?;
    }
    let thorough = Thoroughness { operations: 41, balances: 37, limit: 200 };
    rest(world.disk(), world.truth(), thorough)?;
    let late: Vec<_> = world.late().collect();
    if late.is_empty() {
        return Ok(());
    }
    for origin in late {
        world.step(&bug, &Choice::Land(origin))?;
    }
    rest(world.disk(), world.truth(), thorough)
}

/// Makes the same choices again, as far as possible. Returns which ones those were, and what they broke.
#[must_use]
pub fn again(setting: RunSettings, choices: &[Choice]) -> (Vec<Choice>, Option<Violation>) {
    let RunSettings { seed, flavour, bug, .. } = setting;
    let Mixture { clients, seats, .. } = Run::new(setting).mixture;
    let mut world = World::new(&bug, clients, seats, store(seed, flavour), Truth::new(bug));
    let mut made = Vec::new();
    for choice in choices {
        let step = world.step(&bug, choice);
        if !matches!(step, Ok(Effect::Nothing)) {
            made.push(choice.clone());
        }
        if let Err(violation) = step {
            return (made, Some(violation));
        }
    }
    (made, finish(&mut world, bug).err())
}

/// What `choices` do, line by line.
#[must_use]
pub fn story(setting: RunSettings, choices: &[Choice]) -> Vec<String> {
    let Run { world, bug, .. } = Run::new(setting);
    tell(world, &bug, choices)
}
