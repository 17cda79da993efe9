//! Explores small cases in full: every order of every call, with a bounded number of faults anywhere.
//!
//! The search is breadth-first: it visits all states that one step reaches before any that need two, so the first
//! story that breaks an invariant is a shortest one. States with the same future are merged: two clients are equal
//! if they have asked and been answered the same, two stores if they hold the same. Equality is that of a 128-bit
//! hash. The explorer also counts how many interleavings lead to each state, and how many come to an end.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::call::hash_of;
use crate::cases::Case;
use crate::disk::{Disk, Flavour};
use crate::invariants::Violation;
use crate::mind::{Learned, Memo};
use crate::planted::Bug;
use crate::rest::{Thoroughness, rest};
use crate::story::tell;
use crate::task::{Answer, Task};
use crate::truth::Truth;
use crate::world::{Choice, Effect, EndedRequest, World};
use store::{breaker, keys};

/// What was explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Steps from one state to another.
    pub steps: u64,
    /// Interleavings from the start to an end, each a different order of events.
    pub interleavings: u128,
    /// The most steps that one takes.
    pub longest: u64,
    /// There were more states than the limit.
    pub unfinished: bool,
}

/// A shortest story that breaks an invariant.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// What it breaks.
    pub violation: Violation,
    /// How many choices it takes.
    pub choices: usize,
    /// The story.
    pub story: Vec<String>,
    /// What was explored until then.
    pub explored: Explored,
}

#[derive(Clone)]
struct State {
    world: World<Learned>,
    places: Vec<ScriptPosition>,
    faults: u8,
}

/// Where a client is in its script.
#[derive(Debug, Clone, Copy, Hash)]
struct ScriptPosition {
    next: usize,
    tries: u8,
}

struct ReachedState {
    state: State,
    interleavings: u128,
    path: Option<Rc<Path>>,
}

struct Path {
    choice: Choice,
    before: Option<Rc<Path>>,
}

struct Explorer<'a> {
    case: &'a Case,
    memo: Rc<Memo>,
    rested: HashSet<u64>,
    explored: Explored,
    most_states: u64,
}

/// Explores `case` on `flavour`, with at most `faults` faults, up to `most_states`.
///
/// # Errors
/// A shortest story that breaks something.
pub fn explore(
    case: &Case,
    flavour: Flavour,
    faults: u8,
    bug: Option<Bug>,
    most_states: u64,
) -> Result<Explored, Box<Counterexample>> {
    let explored = Explored::default();
    let mut explorer = Explorer { case, memo: Memo::new(bug), rested: HashSet::new(), explored, most_states };
    let start = explorer.start(flavour, faults, bug);
    let (violation, choices) = match start.map(|start| explorer.go(start)) {
        Ok(Ok(())) => return Ok(explorer.explored),
        Ok(Err((violation, path))) => (violation, choices(path.as_ref())),
        // The case broke an invariant before any of its clients came.
        Err(violation) => (violation, Vec::new()),
    };
    let mut told = explorer.beginnings();
    told.extend(choices);
    let mut story = match explorer.prepared(flavour, bug) {
        Ok(fresh) => tell(fresh, &explorer.memo, &told),
        Err(_) => Vec::new(),
    };
    story.push(violation.to_string());
    Err(Box::new(Counterexample { violation, choices: told.len(), story, explored: explorer.explored }))
}

fn choices(mut path: Option<&Rc<Path>>) -> Vec<Choice> {
    let mut choices = Vec::new();
    while let Some(step) = path {
        choices.push(step.choice.clone());
        path = step.before.as_ref();
    }
    choices.reverse();
    choices
}

impl Explorer<'_> {
    /// The store as the case prepares it, without clients.
    fn prepared(&self, flavour: Flavour, bug: Option<Bug>) -> Result<World<Learned>, Violation> {
        let clients = self.case.scripts.len();
        let (mut disk, truth) = (Disk::new(flavour), Truth::new(bug));
        if self.case.begun {
            // Nothing is there that could not be incremented.
            disk.increment(&keys::wallet("ann").tickets().as_str().into(), 1).ok();
        }
        let mut world = World::new(&self.memo, clients + 1, self.case.seats, disk, truth);
        for task in &self.case.before {
            // The last client prepares the store, alone.
            world.alone(&self.memo, clients, task)?;
        }
        Ok(world)
    }

    fn beginnings(&self) -> Vec<Choice> {
        let firsts = self.case.scripts.iter().enumerate();
        firsts
            .filter_map(|(client, script)| Some(Choice::Start(client, Rc::clone(script.first()?))))
            .collect()
    }

    fn start(&self, flavour: Flavour, faults: u8, bug: Option<Bug>) -> Result<State, Violation> {
        let mut world = self.prepared(flavour, bug)?;
        for choice in self.beginnings() {
            world.step(&self.memo, &choice)?;
        }
        let places = self.case.scripts.iter().map(|_| ScriptPosition { next: 1, tries: 0 }).collect();
        Ok(State { world, places, faults })
    }

    fn go(&mut self, start: State) -> Result<(), (Violation, Option<Rc<Path>>)> {
        let mut level = vec![ReachedState { state: start, interleavings: 1, path: None }];
        while !level.is_empty() {
            let mut known: HashMap<u128, usize> = HashMap::new();
            let mut next: Vec<ReachedState> = Vec::new();
            for reached in &level {
                self.explored.states += 1;
                let choices = reached.state.choices();
                if reached.state.world.is_quiet() {
                    self.ended(reached)?;
                }
                for choice in choices {
                    let mut state = reached.state.clone();
                    let path =
                        || Some(Rc::new(Path { choice: choice.clone(), before: reached.path.clone() }));
                    let path = match self.make(&mut state, &choice) {
                        Ok(()) => path(),
                        Err(violation) => return Err((violation, path())),
                    };
                    self.explored.steps += 1;
                    let place = *known.entry(state.fingerprint()).or_insert(next.len());
                    match next.get_mut(place) {
                        Some(known) => {
                            known.interleavings = known.interleavings.saturating_add(reached.interleavings);
                        }
                        None => next.push(ReachedState { state, interleavings: reached.interleavings, path }),
                    }
                }
            }
            self.explored.longest += 1;
            level = next;
            if self.explored.states > self.most_states {
                self.explored.unfinished = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// All requests have ended; late writes may still come.
    fn ended(&mut self, reached: &ReachedState) -> Result<(), (Violation, Option<Rc<Path>>)> {
        let (disk, truth) = (reached.state.world.disk(), reached.state.world.truth());
        if reached.state.world.late().next().is_none() {
            self.explored.interleavings = self.explored.interleavings.saturating_add(reached.interleavings);
        }
        if !self.rested.insert(hash_of(&(disk.fingerprint(), truth.model().fingerprint()))) {
            return Ok(());
        }
        let thorough = Thoroughness { operations: 1, balances: 1, limit: 3 };
        rest(disk, truth, thorough).map_err(|violation| (violation, reached.path.clone()))
    }

    /// Makes `choice`, and starts the next request of a client whose request ended.
    fn make(&self, state: &mut State, choice: &Choice) -> Result<(), Violation> {
        state.faults -= u8::from(choice.is_fault());
        let step = state.world.step(&self.memo, choice)?;
        self.go_on(state, step)
    }

    /// Starts the next request of each client whose request ended.
    fn go_on(&self, state: &mut State, step: Effect) -> Result<(), Violation> {
        let Effect::Done(over) = step else { return Ok(()) };
        for EndedRequest { client, task, answer } in over {
            if let Some(task) = self.next(state, client, &task, answer.as_ref()) {
                let step = state.world.step(&self.memo, &Choice::Start(client, task))?;
                self.go_on(state, step)?;
            }
        }
        Ok(())
    }

    fn next(
        &self,
        state: &mut State,
        client: usize,
        task: &Rc<Task>,
        answer: Option<&Answer>,
    ) -> Option<Rc<Task>> {
        let place = state.places.get_mut(client)?;
        let unknown = answer.is_none_or(|answer| answer.unavailable().is_some());
        if unknown && task.is_keyed() && place.tries < self.case.tries {
            place.tries += 1;
            return Some(Rc::clone(task));
        }
        let task = self.case.scripts.get(client)?.get(place.next)?;
        *place = ScriptPosition { next: place.next + 1, tries: 0 };
        Some(Rc::clone(task))
    }
}

impl State {
    /// Everything that can happen next.
    fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        for client in self.world.callers() {
            choices.extend(self.world.waiting(client).map(|(origin, _)| Choice::Serve(origin)));
            if self.faults == 0 {
                continue;
            }
            for (origin, call) in self.world.waiting(client) {
                choices.push(Choice::Lose(origin));
                let steps = call.steps().iter().enumerate();
                let writes = steps.clone().filter(|(_, step)| !step.verb.is_read());
                choices.extend(writes.map(|(place, _)| Choice::Refuse(origin, Some(place))));
                choices.extend(steps.take(1).map(|_| Choice::Refuse(origin, None)));
            }
        }
        for client in self.world.busy().filter(|_| self.faults > 0) {
            choices.extend(self.world.can_expire(client).then_some(Choice::Expire(client)));
            choices.push(Choice::Crash(client));
            if self.world.seats() > 1 {
                choices.push(Choice::GiveUp(client));
            }
            if self.world.breaker(client) == breaker::BreakerState::Open {
                choices.push(Choice::Wait(client));
            }
        }
        choices.extend(self.world.late().map(Choice::Land));
        if self.world.is_quiet() {
            choices.extend(self.world.late().map(Choice::Forget));
        }
        choices
    }

    fn fingerprint(&self) -> u128 {
        let places = hash_of(&(&self.places, self.faults));
        self.world.fingerprint() ^ (u128::from(places) << 32)
    }
}
