//! The small cases that are explored in full: who asks for what, of a wallet in which state.

use std::rc::Rc;

use teller::tally::KeyedPost;

use crate::disk::Flavour;
use crate::task::Task;
use crate::words::{deposit, keyed, made, together, user, withdrawal};

/// A small case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What it is explored on.
    pub flavours: &'static [Flavour],
    /// What has happened before, alone.
    pub before: Vec<Rc<Task>>,
    /// Somebody has begun to open the first wallet, and is dead.
    pub begun: bool,
    /// How many clients are at one instance.
    pub seats: usize,
    /// What each client asks for, one thing after the other.
    pub scripts: Vec<Vec<Rc<Task>>>,
    /// How often a client asks again under its key when it does not know the outcome.
    pub tries: u8,
    /// How many faults there are at most, in the tests.
    pub faults: u8,
}

impl Case {
    fn new(name: &'static str, faults: u8, before: Vec<Task>, scripts: Vec<Vec<Task>>) -> Self {
        let shared = |tasks: Vec<Task>| tasks.into_iter().map(Rc::new).collect();
        let scripts = scripts.into_iter().map(shared).collect();
        Self {
            name,
            flavours: &Flavour::OF_ONE_STORE,
            before: shared(before),
            begun: false,
            seats: 1,
            scripts,
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

    /// The same, on scripts only: calls that one instance has under way together are explored in each order,
    /// also where they lead to the same, and the `kv` adapter makes too many.
    fn on_scripts(self) -> Self {
        Self { flavours: &[Flavour::Scripts], ..self }
    }

    /// How many faults there are at most on this backend. While an election goes on, compare-and-swaps on
    /// redis know so many more orders (every increment spoils one) that first writes are explored without faults.
    #[must_use]
    pub fn faults_on(&self, flavour: Flavour) -> u8 {
        let spoilt = matches!(flavour, Flavour::Redis | Flavour::Switching);
        if self.before.is_empty() && spoilt { 0 } else { self.faults }
    }
}

/// A wallet with this many entries of 1.00, the first one under a key.
fn entries(count: u32) -> Vec<Task> {
    let id = |n| if n == 0 { keyed(&format!("old{n}")) } else { made(&format!("old{n}")) };
    (0..count).map(|n| deposit(id(n), "1")).collect()
}

/// And then this many refusals.
fn and_refusals(mut before: Vec<Task>, count: u32) -> Vec<Task> {
    before.extend((0..count).map(|n| withdrawal(keyed(&format!("no{n}")), "100")));
    before
}

fn walk(limit: usize) -> Task {
    Task::Walk { user: user("ann"), before: None, limit, pages: 9 }
}

fn past() -> Task {
    Task::Past(user("ann"), 1)
}

fn count(by: i64) -> Task {
    Task::Count { counter: "visits".to_owned(), by, limit: 10 }
}

fn count_once(key: &str, by: i64, request: &str) -> Task {
    let id = keyed(key);
    let Some(key) = id.key().cloned() else { return count(by) };
    let post = KeyedPost { key, by, request: request.to_owned() };
    Task::CountOnce { counter: "visits".to_owned(), post, limit: 10 }
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let one = |task: Task| vec![task];
    vec![
        Case::new(
            "two withdrawals of what is there once",
            2,
            entries(1),
            vec![one(withdrawal(keyed("a"), "1")), one(withdrawal(made("b"), "1"))],
        ),
        Case::new(
            "one key comes three times",
            1,
            entries(1),
            vec![
                one(withdrawal(keyed("a"), "1")),
                one(withdrawal(keyed("a"), "1")),
                one(withdrawal(keyed("a"), "1")),
            ],
        ),
        Case::new(
            "one key, two requests",
            2,
            entries(1),
            vec![one(withdrawal(keyed("a"), "1")), one(deposit(keyed("a"), "1"))],
        ),
        Case::new(
            "a refusal under a key, and the money comes",
            2,
            entries(1),
            vec![one(withdrawal(keyed("a"), "2")), one(deposit(made("b"), "1"))],
        ),
        Case::new(
            "a server-made id comes back as a key",
            1,
            entries(2),
            vec![one(deposit(made("a"), "1")), vec![deposit(keyed("a"), "1"), deposit(keyed("old1"), "1")]],
        ),
        Case::new(
            "two deposits at the seal",
            2,
            entries(11),
            vec![one(deposit(keyed("a"), "1")), one(deposit(made("b"), "2"))],
        ),
        Case::new(
            "two deposits at the seal, crowded by refusals",
            0,
            and_refusals(entries(7), 4),
            vec![one(deposit(keyed("a"), "1")), one(deposit(keyed("b"), "2"))],
        ),
        Case::new(
            "two refusals at the seal, crowded by refusals",
            0,
            and_refusals(entries(7), 4),
            vec![one(withdrawal(keyed("a"), "100")), one(withdrawal(keyed("a"), "100"))],
        ),
        Case::new(
            "an entry is sealed before its request looks again",
            1,
            entries(7),
            vec![
                one(deposit(made("a"), "1")),
                vec![
                    together(vec![deposit(made("b"), "1"), deposit(made("c"), "1"), deposit(made("d"), "1")]),
                    deposit(made("e"), "1"),
                ],
            ],
        ),
        Case::new(
            "a sealed key comes again",
            1,
            entries(11),
            vec![
                one(deposit(made("a"), "1")),
                vec![deposit(keyed("old0"), "1"), deposit(keyed("old0"), "3")],
            ],
        ),
        Case::new(
            "history is read while it is sealed",
            1,
            entries(10),
            vec![
                vec![deposit(made("a"), "1"), deposit(keyed("b"), "1")],
                vec![walk(7), Task::Past(user("ann"), 3)],
            ],
        ),
        Case::new(
            "three clients on one wallet",
            1,
            entries(2),
            vec![
                one(deposit(keyed("a"), "1")),
                one(withdrawal(made("b"), "2")),
                one(withdrawal(keyed("c"), "2")),
            ],
        ),
        Case::new(
            "two clients, three operations each",
            0,
            entries(10),
            vec![
                vec![deposit(keyed("a"), "1"), withdrawal(made("b"), "6"), deposit(keyed("a"), "1")],
                vec![withdrawal(keyed("c"), "6"), deposit(made("d"), "1"), withdrawal(keyed("c"), "6")],
            ],
        ),
        Case::new(
            "two instances, each with a batch at the seal",
            1,
            entries(10),
            vec![
                one(together(vec![
                    deposit(keyed("a"), "1"),
                    withdrawal(made("b"), "11"),
                    deposit(keyed("a"), "1"),
                ])),
                one(together(vec![deposit(keyed("c"), "1"), withdrawal(made("d"), "11")])),
            ],
        ),
        Case::new(
            "three posts to a counter near its limit",
            1,
            vec![count(5)],
            vec![one(count(2)), one(count(3)), one(count(4))],
        ),
        Case::new(
            "one key posts twice to a new counter",
            0,
            vec![],
            vec![one(count_once("a", 2, "r1")), one(count_once("a", 2, "r2"))],
        ),
        Case::new(
            "one key posts twice to a counter that is there",
            2,
            vec![count_once("x", 1, "r0")],
            vec![one(count_once("a", 2, "r1")), one(count_once("a", 2, "r2"))],
        ),
        Case::new(
            "posts with a key and without one",
            2,
            vec![count(5), count_once("x", 1, "r0")],
            vec![one(count_once("a", 2, "r1")), one(count(2))],
        ),
        Case::new("a first deposit", 2, vec![], vec![one(deposit(keyed("a"), "1"))]),
        Case::new("a first deposit after a dead opener", 1, vec![], vec![one(deposit(keyed("a"), "1"))])
            .begun()
            .on_scripts(),
        Case::new(
            "two first deposits race",
            1,
            vec![],
            vec![one(deposit(keyed("a"), "1")), one(deposit(made("b"), "2"))],
        ),
        Case::new(
            "one key comes twice to a new wallet",
            0,
            vec![],
            vec![one(deposit(keyed("a"), "1")), one(deposit(keyed("a"), "1"))],
        ),
        Case::new(
            "three at one wallet of one instance",
            1,
            entries(2),
            vec![
                one(deposit(keyed("a"), "1")),
                one(withdrawal(made("b"), "2")),
                one(withdrawal(keyed("c"), "2")),
            ],
        )
        .at_one_instance(),
        Case::new(
            "two deposits at the seal from one instance",
            1,
            entries(11),
            vec![one(deposit(keyed("a"), "1")), one(deposit(made("b"), "2"))],
        )
        .at_one_instance(),
        Case::new(
            "a sealed key comes again, and money from another instance",
            1,
            entries(12),
            vec![
                one(deposit(keyed("old0"), "1")),
                // Where somebody who reads gives up, the withdrawal comes after the money.
                vec![past(), past(), withdrawal(made("b"), "13")],
                one(deposit(keyed("c"), "1")),
            ],
        )
        .in_pairs()
        .on_scripts(),
        Case::new(
            "three posts to a counter from one instance",
            1,
            vec![count(5)],
            vec![one(count(2)), one(count(3)), one(count(4))],
        )
        .at_one_instance()
        .on_scripts(),
        Case::new(
            "the store falls silent, and time passes",
            3,
            entries(1),
            vec![vec![past(); 4], one(past())],
        )
        .at_one_instance(),
    ]
}
