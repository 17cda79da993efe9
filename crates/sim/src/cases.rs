//! The small cases that are explored in full: which clients ask for what, on a wallet in which state.
//!
//! Each is two lines of a table: its name and the greatest number of faults; then its history and what each client
//! asks for, in the language of [`notation`].

mod notation;

use std::rc::Rc;

use crate::disk::Flavour;
use crate::task::Task;
use notation::{script, scripts};

/// A small case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What it is explored on.
    pub flavours: &'static [Flavour],
    /// What has happened before, alone.
    pub before: Vec<Rc<Task>>,
    /// Somebody has begun to open the first wallet, and has died.
    pub begun: bool,
    /// How many clients are at one instance.
    pub seats: usize,
    /// What each client asks for, one thing after the other.
    pub scripts: Vec<Vec<Rc<Task>>>,
    /// How often a client retries under its key when it does not know the outcome.
    pub tries: u8,
    /// How many faults there are at most, in the tests.
    pub faults: u8,
}

impl Case {
    fn new(name: &'static str, faults: u8, before: &str, clients: &str) -> Self {
        Self {
            name,
            flavours: &Flavour::OF_ONE_STORE,
            before: script(before, "r0"),
            begun: false,
            seats: 1,
            scripts: scripts(clients),
            tries: 1,
            faults,
        }
    }

    /// The same, with all clients at one instance.
    fn at_one_instance(self) -> Self {
        Self { seats: self.scripts.len(), ..self }
    }

    /// The same, with two clients at each instance.
    fn in_pairs(self) -> Self {
        Self { seats: 2, ..self }
    }

    /// The same, once somebody has begun to open the first wallet, and is dead.
    fn begun(self) -> Self {
        Self { begun: true, ..self }
    }

    /// The same, on scripts only: concurrent calls of one instance are explored in each order, even if the results
    /// are the same, and the `kv` adapter makes too many calls for that.
    fn on_scripts(self) -> Self {
        Self { flavours: &[Flavour::Scripts], ..self }
    }

    /// The greatest number of faults on this backend. During an election, compare-and-swaps on redis have so many
    /// more orders (every increment spoils one) that first writes are explored without faults.
    #[must_use]
    pub fn faults_on(&self, flavour: Flavour) -> u8 {
        let spoilt = matches!(flavour, Flavour::Redis | Flavour::Switching);
        if self.before.is_empty() && spoilt { 0 } else { self.faults }
    }
}

/// All cases.
#[must_use]
#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    vec![
        Case::new("two withdrawals of what is there once", 2,
            "entries 1", "-1 #a | -1 b"),
        Case::new("one key comes three times", 1,
            "entries 1", "-1 #a | -1 #a | -1 #a"),
        Case::new("one key, two requests", 2,
            "entries 1", "-1 #a | +1 #a"),
        Case::new("a refusal under a key, and the money comes", 2,
            "entries 1", "-2 #a | +1 b"),
        Case::new("a server-made id comes back as a key", 1,
            "entries 2", "+1 a | +1 #a; +1 #old1"),
        Case::new("two deposits at the seal", 2,
            "entries 11", "+1 #a | +2 b"),
        Case::new("two deposits at the seal, crowded by refusals", 0,
            "entries 7; refusals 4", "+1 #a | +2 #b"),
        Case::new("two refusals at the seal, crowded by refusals", 0,
            "entries 7; refusals 4", "-100 #a | -100 #a"),
        Case::new("an entry is sealed before its request looks again", 1,
            "entries 7", "+1 a | {+1 b, +1 c, +1 d}; +1 e"),
        Case::new("a sealed key comes again", 1,
            "entries 11", "+1 a | +1 #old0; +3 #old0"),
        Case::new("history is read while it is sealed", 1,
            "entries 10", "+1 a; +1 #b | walk 7; past 3"),
        Case::new("three clients on one wallet", 1,
            "entries 2", "+1 #a | -2 b | -2 #c"),
        Case::new("two clients, three operations each", 0,
            "entries 10", "+1 #a; -6 b; +1 #a | -6 #c; +1 d; -6 #c"),
        Case::new("two instances, each with a batch at the seal", 1,
            "entries 10", "{+1 #a, -11 b, +1 #a} | {+1 #c, -11 d}"),
        Case::new("three posts to a counter near its limit", 1,
            "count 5", "count 2 | count 3 | count 4"),
        Case::new("one key posts twice to a new counter", 0,
            "", "count 2 #a | count 2 #a"),
        Case::new("one key posts twice to a counter that is there", 2,
            "count 1 #x", "count 2 #a | count 2 #a"),
        Case::new("posts with a key and without one", 2,
            "count 5; count 1 #x", "count 2 #a | count 2"),
        Case::new("a first deposit", 2,
            "", "+1 #a"),
        Case::new("a first deposit after a dead opener", 1,
            "", "+1 #a").begun().on_scripts(),
        Case::new("two first deposits race", 1,
            "", "+1 #a | +2 b"),
        Case::new("one key comes twice to a new wallet", 0,
            "", "+1 #a | +1 #a"),
        Case::new("three at one wallet of one instance", 1,
            "entries 2", "+1 #a | -2 b | -2 #c").at_one_instance(),
        Case::new("two deposits at the seal from one instance", 1,
            "entries 11", "+1 #a | +2 b").at_one_instance(),
        // If a reader gives up, the withdrawal comes after the money.
        Case::new("a sealed key comes again, and money from another instance", 1,
            "entries 12", "+1 #old0 | past 1; past 1; -13 b | +1 #c").in_pairs().on_scripts(),
        Case::new("three posts to a counter from one instance", 1,
            "count 5", "count 2 | count 3 | count 4").at_one_instance().on_scripts(),
        Case::new("the store falls silent, and time passes", 3,
            "entries 1", "past 1; past 1; past 1; past 1 | past 1").at_one_instance(),
    ]
}
