//! The adapter on raw stores of both forms, and on stores that fail or are late.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures::executor::block_on;

use super::*;
use crate::SwapPrerequisites;
use crate::breaker::Breaker;
use crate::contract;
use crate::counter::Form;
use crate::keys::scratch::{counter, document, election};

/// A store that keeps numbers in one form, notes which calls are made, and fails those that it is told to.
struct Raw {
    form: Form,
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    calls: RefCell<Vec<&'static str>>,
    fails: Cell<&'static str>,
    late: Cell<bool>,
    breaker: Breaker,
    now: Cell<Duration>,
    /// How long each call takes.
    takes: Cell<Duration>,
    /// Its compare-and-swap never commits.
    stuck: Cell<bool>,
    /// What somebody else makes of the number, right before it is added to or swapped.
    rival: Cell<Option<i64>>,
    together: Cell<u32>,
    /// Somebody else's call is slow while a read is on its way.
    held_up: Cell<bool>,
}

impl Raw {
    fn new(form: Form) -> Self {
        Self {
            form,
            values: RefCell::default(),
            calls: RefCell::default(),
            fails: Cell::new(""),
            late: Cell::new(false),
            breaker: Breaker::new(),
            now: Cell::default(),
            takes: Cell::default(),
            stuck: Cell::new(false),
            rival: Cell::new(None),
            together: Cell::new(0),
            held_up: Cell::new(false),
        }
    }

    fn note(&self, call: &'static str) -> Result<(), KvFailure> {
        self.calls.borrow_mut().push(call);
        self.now.update(|now| now.saturating_add(self.takes.get()));
        if self.fails.get() == call { Err(KvFailure::Other) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls.take()
    }

    fn put(&self, key: &str, value: &[u8]) {
        self.values.borrow_mut().insert(key.to_owned(), value.to_vec());
    }

    fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.values.borrow().get(key).cloned()
    }
}

impl RawKv for &Raw {
    type Cas = (String, Option<Vec<u8>>);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        self.note("get")?;
        if self.held_up.take() {
            self.breaker.note_failure();
        }
        Ok(self.value(key))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvFailure> {
        self.note("set")?;
        self.put(key, value);
        Ok(())
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvFailure> {
        self.note(if delta < 0 { "take back" } else { "increment" })?;
        if delta > 0
            && let Some(rival) = self.rival.take()
        {
            self.put(key, &crate::counter::encode(rival, self.form));
        }
        let number = match (self.value(key), self.form) {
            (None, _) => 0,
            (Some(stored), Form::Bytes) => i64::from_le_bytes(stored.try_into().unwrap()),
            (Some(stored), Form::Text) => String::from_utf8(stored).unwrap().parse().unwrap(),
        };
        let sum = number.checked_add(delta).ok_or(KvFailure::Overflow)?;
        self.put(key, &crate::counter::encode(sum, self.form));
        Ok(sum)
    }

    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), KvFailure> {
        self.note("begin")?;
        if let Some(rival) = self.rival.take() {
            self.put(key, &crate::counter::encode(rival, self.form));
        }
        let current = self.value(key);
        Ok(((key.to_owned(), current.clone()), current))
    }

    async fn swap(&self, (key, current): Self::Cas, value: &[u8]) {
        let _ = self.note("swap");
        if self.value(&key) == current && !self.stuck.get() {
            self.put(&key, value);
        }
    }
}

impl CallContext for &Raw {
    async fn step_aside(&self, together: u32) {
        self.together.set(together);
    }

    fn now(&self) -> Duration {
        self.now.get()
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let answer = call.await;
        (!self.late.get()).then_some(answer)
    }
}

/// What a store that fails a call, or is late, says to `ask`; and that it is asked nothing after that.
fn failing<T>(call: &'static str, ask: impl AsyncFnOnce(&Kv<&Raw>) -> T) -> T {
    let raw = Raw::new(Form::Text);
    raw.fails.set(call);
    let answer = block_on(ask(&Kv::new(&raw)));
    assert_eq!(raw.calls().last(), Some(&call));
    answer
}

const UNTOUCHED: Unavailable = Unavailable::Untouched;
const UNKNOWN: Unavailable = Unavailable::Unknown;

#[test]
fn the_contract_is_kept_on_stores_of_either_form() {
    for form in [Form::Bytes, Form::Text] {
        for case in contract::CASES {
            let raw = Raw::new(form);
            let verdict = block_on(contract::run(case, &Kv::new(&raw), "kv"));
            assert_eq!(verdict, Ok(()), "{case} on {form:?}");
        }
    }
}

#[test]
fn there_is_no_case_of_another_name() {
    let raw = Raw::new(Form::Text);
    assert!(block_on(contract::run("another", &Kv::new(&raw), "kv")).is_err());
}

#[test]
fn what_could_not_be_given_up_is_asked_only_after_a_read_was_answered() {
    let (number, person) = (counter("kv", "n"), election("kv", "e"));
    let raw = Raw::new(Form::Bytes);
    block_on(Kv::new(&raw).increment(&number, 1)).unwrap();
    assert_eq!(raw.calls(), ["get", "increment"]);
    block_on(Kv::new(&raw).elect(&person, 7)).unwrap();
    assert_eq!(raw.calls(), ["get", "increment", "begin", "swap", "increment"]);
    block_on(Kv::new(&raw).swap(&document("kv", "d"), b"one", b"two")).unwrap();
    assert_eq!(raw.calls(), ["get", "begin"]);
}

#[test]
fn one_answered_read_is_enough_for_a_request() {
    let raw = Raw::new(Form::Bytes);
    let store = Kv::new(&raw);
    block_on(store.get(&document("kv", "d"))).unwrap();
    block_on(store.increment(&counter("kv", "n"), 1)).unwrap();
    block_on(store.increment(&counter("kv", "n"), 1)).unwrap();
    assert_eq!(raw.calls(), ["get", "increment", "increment"]);
}

#[test]
fn after_a_read_that_failed_or_was_late_the_store_is_probed_again() {
    for late in [false, true] {
        let raw = Raw::new(Form::Bytes);
        let store = Kv::new(&raw);
        block_on(store.get(&document("kv", "d"))).unwrap();
        raw.fails.set(if late { "" } else { "get" });
        raw.late.set(late);
        assert_eq!(block_on(store.get(&document("kv", "d"))), Err(UNTOUCHED));
        assert_eq!(block_on(store.increment(&counter("kv", "n"), 1)), Err(UNTOUCHED.into()));
        assert_eq!(raw.calls(), ["get", "get", "get"]);
    }
}

#[test]
fn after_a_call_that_held_the_instance_up_every_request_probes_again() {
    for (ms, calls) in
        [(100, &["get", "increment", "increment"][..]), (101, &["get", "increment", "get", "increment"])]
    {
        let (raw, cell) = (Raw::new(Form::Bytes), counter("kv", "n"));
        raw.takes.set(Duration::from_millis(ms));
        let (store, another) = (Kv::new(&raw), Kv::new(&raw));
        block_on(another.get(&document("kv", "d"))).unwrap();
        raw.calls();
        block_on(store.increment(&cell, 1)).unwrap();
        block_on(another.increment(&cell, 1)).unwrap();
        assert_eq!(raw.calls(), calls, "{ms} ms");
    }
}

#[test]
fn after_a_call_that_held_the_instance_up_an_election_probes_again() {
    let raw = Raw::new(Form::Bytes);
    raw.takes.set(Duration::from_millis(101));
    block_on(Kv::new(&raw).elect(&election("kv", "e"), 7)).unwrap();
    assert_eq!(raw.calls(), ["get", "increment", "get", "begin", "swap", "get", "increment"]);
}

#[test]
fn a_read_that_fails_touches_nothing() {
    let (bytes, number, person) = (document("kv", "d"), counter("kv", "n"), election("kv", "e"));
    assert_eq!(failing("get", async |store| store.get(&bytes).await), Err(UNTOUCHED));
    assert_eq!(failing("get", async |store| store.swap(&bytes, b"", b"").await), Err(UNTOUCHED));
    assert_eq!(failing("get", async |store| store.count(&number).await), Err(UNTOUCHED));
    assert_eq!(failing("get", async |store| store.increment(&number, 1).await), Err(UNTOUCHED.into()));
    assert_eq!(failing("get", async |store| store.elected(&person).await), Err(UNTOUCHED));
    assert_eq!(failing("get", async |store| store.elect(&person, 7).await), Err(UNTOUCHED));
}

#[test]
fn a_write_that_fails_may_have_happened() {
    let (bytes, number, person) = (document("kv", "d"), counter("kv", "n"), election("kv", "e"));
    assert_eq!(failing("set", async |store| store.set(&bytes, b"").await), Err(UNKNOWN));
    assert_eq!(failing("increment", async |store| store.increment(&number, 1).await), Err(UNKNOWN.into()));
    assert_eq!(failing("increment", async |store| store.elect(&person, 7).await), Err(UNKNOWN));
    assert_eq!(failing("begin", async |store| store.elect(&person, 7).await), Err(UNKNOWN));
}

#[test]
fn a_swap_that_could_not_begin_touches_nothing() {
    let bytes = document("kv", "d");
    assert_eq!(failing("begin", async |store| store.swap(&bytes, b"", b"").await), Err(UNTOUCHED));
}

#[test]
fn a_read_past_the_deadline_touches_nothing_and_a_set_may_have_happened() {
    let raw = Raw::new(Form::Text);
    raw.late.set(true);
    let (store, key) = (Kv::new(&raw), document("kv", "d"));
    assert_eq!(block_on(store.get(&key)), Err(UNTOUCHED));
    assert_eq!(block_on(store.set(&key, b"value")), Err(UNKNOWN));
}

#[test]
fn a_number_in_doubt_is_asked_of_the_store_and_its_failure_touches_nothing() {
    let raw = Raw::new(Form::Text);
    raw.put(counter("kv", "n").as_str(), b"12345678");
    assert_eq!(block_on(Kv::new(&raw).count(&counter("kv", "n"))), Ok(12_345_678));
    assert_eq!(raw.calls(), ["get", "increment"]);
    raw.fails.set("increment");
    assert_eq!(block_on(Kv::new(&raw).count(&counter("kv", "n"))), Err(UNTOUCHED));
}

#[test]
fn a_swap_that_was_carried_out_proves_nothing() {
    let raw = Raw::new(Form::Text);
    let key = document("kv", "d");
    raw.put(key.as_str(), b"one");
    assert_eq!(block_on(Kv::new(&raw).swap(&key, b"one", b"two")), Ok(Swap::Unknown));
    assert_eq!(raw.value(key.as_str()).as_deref(), Some(&b"two"[..]));
}

#[test]
fn a_read_that_was_asked_before_a_doubt_is_asked_again_before_a_call_that_cannot_be_given_up() {
    for (held_up, calls) in [(false, &["begin", "swap"][..]), (true, &["get", "begin", "swap"])] {
        let raw = Raw::new(Form::Text);
        let (store, key) = (Kv::new(&raw), document("kv", "d"));
        raw.put(key.as_str(), b"one");
        raw.held_up.set(held_up);
        block_on(store.get(&key)).unwrap();
        raw.calls();
        assert_eq!(block_on(store.swap(&key, b"one", b"two")), Ok(Swap::Unknown));
        assert_eq!(raw.calls(), calls);
    }
}

#[test]
fn of_posts_that_race_past_a_bound_each_takes_its_own_part_back() {
    let cell = counter("kv", "n");
    // From 8, with 2 to add and a bound of 10: what others make of it meanwhile, the answer, what is left.
    for (rival, answer, left) in [
        (None, Ok(Some(10)), 10),
        (Some(9), Ok(None), 9),
        (Some(i64::MAX - 2), Ok(None), i64::MAX - 2),
        (Some(i64::MAX), Ok(None), i64::MAX),
        // SQLite's counters wrap (fact 4).
        (Some(i64::MIN), Ok(None), i64::MIN),
    ] {
        let raw = Raw::new(Form::Bytes);
        block_on(Kv::new(&raw).increment(&cell, 8)).unwrap();
        raw.rival.set(rival);
        assert_eq!(block_on(Kv::new(&raw).increment_within(&cell, 2, 10)), answer, "{rival:?}");
        assert_eq!(block_on(Kv::new(&raw).count(&cell)), Ok(left), "{rival:?}");
    }
}

#[test]
fn a_post_that_could_not_be_taken_back_or_failed_may_have_happened() {
    let cell = counter("kv", "n");
    for (call, answer) in [("get", Err(UNTOUCHED)), ("increment", Err(UNKNOWN)), ("take back", Err(UNKNOWN))]
    {
        let raw = Raw::new(Form::Bytes);
        raw.fails.set(call);
        raw.rival.set(Some(9));
        assert_eq!(block_on(Kv::new(&raw).increment_within(&cell, 2, 10)), answer, "{call}");
    }
}

#[test]
fn a_post_past_its_bound_is_not_sent() {
    let (raw, cell) = (Raw::new(Form::Text), counter("kv", "n"));
    assert_eq!(block_on(Kv::new(&raw).increment_within(&cell, 11, 10)), Ok(None));
    assert_eq!(raw.calls(), ["get"]);
}

#[test]
fn a_zero_that_an_increment_left_is_nobody() {
    for form in [Form::Bytes, Form::Text] {
        let raw = Raw::new(form);
        let person = election("kv", "e");
        raw.put(person.as_str(), &crate::counter::encode(0, form));
        assert_eq!(block_on(Kv::new(&raw).elected(&person)), Ok(None));
    }
}

#[test]
fn a_candidate_who_comes_between_is_elected() {
    for form in [Form::Bytes, Form::Text] {
        let raw = Raw::new(form);
        raw.rival.set(Some(9));
        assert_eq!(block_on(Kv::new(&raw).elect(&election("kv", "e"), 7)), Ok(9));
        assert!(!raw.calls().contains(&"swap"));
    }
}

#[test]
fn an_election_that_never_commits_is_given_up() {
    let raw = Raw::new(Form::Text);
    raw.stuck.set(true);
    assert_eq!(block_on(Kv::new(&raw).elect(&election("kv", "e"), 7)), Err(UNKNOWN));
    let tries = raw.calls().iter().filter(|call| **call == "swap").count();
    assert_eq!(tries, ELECTION_TRIES);
}

#[test]
fn stepping_aside_is_the_raw_stores_matter() {
    let raw = Raw::new(Form::Text);
    block_on(Kv::new(&raw).step_aside(3));
    assert_eq!(raw.together.get(), 3);
}

#[test]
fn what_was_read_before_stepping_aside_is_old() {
    let raw = Raw::new(Form::Text);
    for late in [false, true] {
        raw.late.set(late);
        assert!(block_on(Kv::new(&raw).step_aside(3)), "late: {late}");
    }
}

#[test]
fn what_comes_before_a_swap_is_asked_one_after_the_other() {
    let (raw, key) = (Raw::new(Form::Text), document("kv", "d"));
    raw.put(key.as_str(), b"one");
    let (absent, written) = ([document("kv", "a")], [(document("kv", "w"), b"1".to_vec())]);
    let before = SwapPrerequisites { absent: &absent, written: &written };
    let store = Kv::new(&raw);
    assert_eq!(block_on(store.swap_after(before, &key, b"one", b"two")), Ok(Swap::Unknown));
    assert_eq!(raw.calls(), ["get", "set", "begin", "swap"]);
    assert!(!store.shares_round_trips());
}

#[test]
fn a_swap_before_which_something_could_not_be_stored_touches_nothing() {
    let (key, written) = (document("kv", "d"), [(document("kv", "w"), b"1".to_vec())]);
    let before = SwapPrerequisites { absent: &[], written: &written };
    let swap = failing("set", async |store| store.swap_after(before, &key, b"one", b"two").await);
    assert_eq!(swap, Err(UNTOUCHED));
}

#[test]
fn where_it_is_unknown_whether_something_is_absent_nothing_is_written() {
    let raw = Raw::new(Form::Text);
    raw.fails.set("get");
    let (absent, written) = ([document("kv", "a")], [(document("kv", "w"), b"1".to_vec())]);
    let before = SwapPrerequisites { absent: &absent, written: &written };
    let swap = block_on(Kv::new(&raw).swap_after(before, &document("kv", "d"), b"one", b"two"));
    assert_eq!(swap, Err(UNTOUCHED));
    assert_eq!(raw.calls(), ["get"]);
}
