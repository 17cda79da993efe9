//! What callers do: few wallets, small sums, the same keys again and again.
//!
//! Each seed draws a mixture of its own. Some seeds have no faults; in some, one client stands still while others
//! fill pages; some have keys of the greatest length, or balances at the limit.

use std::rc::Rc;

use ledger::{Operation, OperationId, OperationKind, User};
use teller::tally::KeyedPost;

use crate::random::Random;
use crate::task::Task;
use crate::words::{amount as amount_of, moment, user};

/// How many earlier requests are remembered, to be sent again.
const REMEMBERED: usize = 64;
const NAMES: [&str; 4] = ["ann", "bob", "cat", "dan"];
/// If wallets are new again and again, a new one comes after this many names.
const NEW_AFTER: u64 = 25;

/// How often each thing happens, in a thousand.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// How many clients there are.
    pub clients: usize,
    /// How many of them are at one instance.
    pub seats: usize,
    /// Calls that are answered with an error.
    pub lose: u64,
    /// Deadlines that pass.
    pub expire: u64,
    /// Scripts, or steps of them, that are refused.
    pub refuse: u64,
    /// Instances that die.
    pub crash: u64,
    /// Requests that are given up.
    pub give_up: u64,
    /// Times at which some time passes.
    pub wait: u64,
    /// Writes under way that land, at each step.
    pub land: u64,
    /// Callers that retry when they do not know the outcome.
    pub patience: u64,
    users: usize,
    new_wallets: bool,
    keyed: u64,
    again: u64,
    withdrawals: u64,
    reads: u64,
    counts: u64,
    together: u64,
    limit: i64,
    large: u64,
    long_keys: bool,
    clock_steps: u64,
}

/// The requests of one seed.
#[derive(Debug)]
pub struct Workload {
    mixture: Mixture,
    made: u64,
    counted: i64,
    clock: u64,
    earlier: Vec<Rc<Task>>,
}

impl Mixture {
    /// The mixture of a seed.
    #[must_use]
    pub fn draw(random: &mut Random) -> Self {
        let faults = *random.pick(&[0, 1, 5, 20]).unwrap_or(&0);
        Self {
            clients: random.between(2, 8) as usize,
            seats: random.between(1, 4) as usize,
            lose: random.below(2) * faults,
            refuse: random.below(2) * faults,
            // Now and then the store falls silent for long, and breakers open.
            expire: random.below(2) * faults * *random.pick(&[1, 1, 1, 20]).unwrap_or(&1),
            crash: random.below(2) * faults,
            give_up: random.below(2) * faults,
            wait: *random.pick(&[0, 20, 200]).unwrap_or(&0),
            land: *random.pick(&[5, 50, 500]).unwrap_or(&50),
            patience: *random.pick(&[300, 900]).unwrap_or(&900),
            users: random.between(1, 4) as usize,
            new_wallets: random.permille(300),
            keyed: *random.pick(&[0, 300, 700, 1000]).unwrap_or(&500),
            again: *random.pick(&[0, 100, 400]).unwrap_or(&100),
            withdrawals: *random.pick(&[300, 500, 600, 900]).unwrap_or(&500),
            reads: *random.pick(&[0, 50, 300]).unwrap_or(&50),
            counts: *random.pick(&[0, 50, 300]).unwrap_or(&50),
            together: *random.pick(&[0, 100, 500]).unwrap_or(&0),
            limit: *random.pick(&[100, 1 << 53, i64::MAX]).unwrap_or(&100),
            large: *random.pick(&[0, 0, 30]).unwrap_or(&0),
            long_keys: random.permille(100),
            clock_steps: *random.pick(&[0, 100]).unwrap_or(&0),
        }
    }
}

impl Workload {
    /// No request was made yet.
    #[must_use]
    pub fn new(mixture: Mixture) -> Self {
        Self { mixture, made: 0, counted: 0, clock: 1_800_000, earlier: Vec::new() }
    }

    /// The next request of this client.
    pub fn next(&mut self, random: &mut Random, client: usize) -> Rc<Task> {
        let task = match random.below(1000) {
            part if part < self.mixture.reads => self.read(random),
            part if part < self.mixture.reads + self.mixture.counts => self.count(random, client),
            _ => match random.pick(&self.earlier).cloned() {
                Some(earlier) if random.permille(self.mixture.again) => self.again(random, &earlier),
                _ => self.operate(random),
            },
        };
        let task = Rc::new(task);
        self.remember(random, &task);
        task
    }

    /// The same request again, at a later time: its caller does not know the outcome.
    pub fn retry(&mut self, random: &mut Random, task: &Task) -> Rc<Task> {
        Rc::new(match task {
            Task::Operate(user, operations) => {
                let later = |operation: &Operation| Operation { at: self.now(random), ..operation.clone() };
                Task::Operate(user.clone(), operations.iter().map(later).collect())
            }
            Task::CountOnce { counter, post, limit } => {
                let post = KeyedPost { request: self.name("request"), ..post.clone() };
                Task::CountOnce { counter: counter.clone(), post, limit: *limit }
            }
            other => other.clone(),
        })
    }

    /// An earlier request once more; or another one under its key; or its server-made id as a key.
    fn again(&mut self, random: &mut Random, earlier: &Task) -> Task {
        let mut task = Task::clone(&self.retry(random, earlier));
        let operations =
            if let Task::Operate(_, operations) = &mut task { &mut operations[..] } else { &mut [] };
        for operation in operations {
            match &operation.id {
                OperationId::Made(id) => {
                    let key = id.parse().map(OperationId::Keyed);
                    operation.id = key.unwrap_or_else(|_| OperationId::Made(self.name("made")));
                }
                OperationId::Keyed(_) if random.permille(100) => operation.kind = self.kind(random),
                OperationId::Keyed(_) => {}
            }
        }
        task
    }

    fn operate(&mut self, random: &mut Random) -> Task {
        let together = if random.permille(self.mixture.together) { random.between(2, 20) } else { 1 };
        let user = self.user(random);
        Task::Operate(user, (0..together).map(|_| self.operation(random)).collect())
    }

    fn operation(&mut self, random: &mut Random) -> Operation {
        let id = match self.key(random).parse() {
            Ok(key) if random.permille(self.mixture.keyed) => OperationId::Keyed(key),
            _ => OperationId::Made(self.name("made")),
        };
        let amount = match random.below(1000) {
            part if part < self.mixture.large => "999999999999990.00000001".to_owned(),
            part if part < 200 => format!("0.0000000{}", random.between(1, 9)),
            _ => random.between(1, 5).to_string(),
        };
        let (kind, at) = (self.kind(random), self.now(random));
        Operation { id, kind, amount: amount_of(&amount), at }
    }

    fn read(&mut self, random: &mut Random) -> Task {
        let user = self.user(random);
        let seq = random.below(40);
        match random.below(4) {
            0 => Task::Past(user, seq),
            1 => Task::Walk { user, before: Some(seq), limit: random.between(1, 9) as usize, pages: 40 },
            _ => Task::Walk { user, before: None, limit: random.between(1, 12) as usize, pages: 4 },
        }
    }

    fn count(&mut self, random: &mut Random, client: usize) -> Task {
        // If wallets are new again and again, counters are too: each reaches its limit once.
        let round = self.made / NEW_AFTER;
        let counter = if self.mixture.new_wallets { format!("visits{round}") } else { "visits".to_owned() };
        let (by, limit) = (random.between(1, 9) as i64, self.mixture.limit);
        // In one instance each request adds another number, and not the same again soon, so that it is clear whose
        // increment it was: a step of a request that was given up may still wait for its batch.
        let seats = self.mixture.seats;
        self.counted += 1;
        let own = (1 + self.counted % 97) * seats as i64 + (client % seats) as i64;
        let (by, limit) = if seats > 1 { (own, limit.saturating_mul(10)) } else { (by, limit) };
        let by = if random.permille(self.mixture.large) && by < limit / 10 { limit - by } else { by };
        match self.key(random).parse() {
            _ if random.permille(200) => Task::Total(counter),
            Ok(key) if random.permille(self.mixture.keyed) => {
                let request = self.name("request");
                Task::CountOnce { counter, post: KeyedPost { key, by, request }, limit }
            }
            _ => Task::Count { counter, by, limit },
        }
    }

    fn remember(&mut self, random: &mut Random, task: &Rc<Task>) {
        if matches!(**task, Task::Walk { .. } | Task::Past(..) | Task::Count { .. } | Task::Total(_)) {
            return;
        }
        if self.earlier.len() < REMEMBERED {
            self.earlier.push(Rc::clone(task));
        } else if let Some(place) = self.earlier.get_mut(random.below(REMEMBERED as u64) as usize) {
            *place = Rc::clone(task);
        }
    }

    fn user(&self, random: &mut Random) -> User {
        if self.mixture.new_wallets {
            return user(&format!("u{}", self.made / NEW_AFTER + random.below(2)));
        }
        let names = NAMES.get(..self.mixture.users).unwrap_or(&NAMES);
        user(random.pick(names).unwrap_or(&"ann"))
    }

    fn kind(&self, random: &mut Random) -> OperationKind {
        if random.permille(self.mixture.withdrawals) {
            OperationKind::Withdrawal
        } else {
            OperationKind::Deposit
        }
    }

    fn key(&mut self, random: &mut Random) -> String {
        let name = self.name("key");
        if self.mixture.long_keys && random.permille(900) { format!("{name:\\>255}") } else { name }
    }

    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{}", self.made)
    }

    fn now(&mut self, random: &mut Random) -> ledger::Timestamp {
        let step =
            if random.permille(self.mixture.clock_steps) { random.below(3_000_000) } else { self.clock };
        // In one instance no two operations have the same time, so that it is clear whose entry it is.
        self.clock = (step + if self.mixture.seats > 1 { 1 } else { random.below(2) }) % 3_600_000;
        let (seconds, millis) = (self.clock / 1000, self.clock % 1000);
        let text = format!("2026-11-20T18:{:02}:{:02}.{millis:03}Z", seconds / 60, seconds % 60);
        moment(&text)
    }
}
