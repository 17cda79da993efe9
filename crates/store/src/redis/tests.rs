//! The adapter on a fake Redis.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::Poll;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::{join, join_all};
use proptest::prelude::*;

use super::model::Stored;
use super::*;
use crate::breaker::Breaker;
use crate::keys;

/// What becomes of the next scripts, the last one for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    /// The connection breaks before the script is carried out.
    BreaksBefore,
    /// The connection breaks after it.
    BreaksAfter,
    Silent,
}

#[derive(Default)]
struct Server {
    held: RefCell<BTreeMap<String, Vec<u8>>>,
    fates: RefCell<Vec<Fate>>,
    scripts: RefCell<Vec<usize>>,
    breaker: Breaker,
    steps: Rc<StepQueue>,
    /// What it says to every write, unless that is nothing.
    refuses: Cell<&'static str>,
    /// Too few replicas have what is written.
    forgets: Cell<bool>,
    /// When requests must be answered.
    deadline: Cell<Duration>,
    /// Something goes on after its request.
    carries_on: Cell<bool>,
}

impl Server {
    fn carry_out(&self, step: &Step) -> StepReply {
        let mut all = self.held.borrow_mut();
        let holds = |key: &str| all.get(key).cloned().map_or(Stored::Nothing, Stored::Bytes);
        let (said, writes) = model::carry_out(step, holds);
        if !writes.is_empty() && !self.refuses.get().is_empty() {
            return StepReply::Refused(self.refuses.get().into());
        }
        all.extend(writes.into_iter().map(|write| (write.key, write.value)));
        said
    }
}

impl CallContext for &'static Server {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Whoever waits for a silent server has missed its deadline.
    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.fates.borrow().first() == Some(&Fate::Silent) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

impl TimedRequest for &'static Server {
    fn deadline(&self) -> Duration {
        self.deadline.get()
    }

    fn until(&self, deadline: Duration) -> Self {
        self.deadline.set(deadline);
        self
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }

    fn spawn(&self, _: RemainingWork) {
        self.carries_on.set(true);
    }
}

impl RawRedis for &'static Server {
    async fn run(&self, steps: &[Step]) -> Vec<Result<StepReply, ScriptFailure>> {
        let mut waited = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            let silent = self.fates.borrow().first() == Some(&Fate::Silent);
            if std::mem::replace(&mut waited, true) && !silent { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.scripts.borrow_mut().push(steps.len());
        let fate = {
            let mut fates = self.fates.borrow_mut();
            if fates.is_empty() { Fate::Answered } else { fates.remove(0) }
        };
        match fate {
            Fate::Refused => return answer_each(Err(ScriptFailure::Refused), steps.len()),
            Fate::BreaksBefore => return answer_each(Err(ScriptFailure::Broken), steps.len()),
            _ => {}
        }
        let kept = |said| match said {
            StepReply::Done(_) if self.forgets.get() => StepReply::TooFewReplicas,
            said => said,
        };
        let said = steps.iter().map(|step| kept(self.carry_out(step))).collect();
        answer_each(
            if fate == Fate::BreaksAfter { Err(ScriptFailure::Broken) } else { Ok(said) },
            steps.len(),
        )
    }

    fn at(&self, _: &str) -> (Self, Rc<StepQueue>) {
        (self, Rc::clone(&self.steps))
    }

    fn waits_for_replicas(&self) -> bool {
        self.forgets.get()
    }
}

fn with(fates: &[Fate]) -> &'static Server {
    Box::leak(Box::new(Server { fates: RefCell::new(fates.to_vec()), ..Server::default() }))
}

fn store(server: &'static Server) -> Redis<&'static Server> {
    Redis::new(server)
}

#[test]
fn what_arrives_together_goes_in_one_script() {
    let server = with(&[]);
    let store = store(server);
    let (bitcoins, visits) = (keys::bitcoins(), keys::counter("visits"));
    block_on(join_all((0..8).map(async |n| {
        let counter = if n % 2 == 0 { &bitcoins } else { &visits };
        store.increment(&counter.cell(), 1).await.unwrap();
    })));
    assert_eq!(server.scripts.borrow().as_slice(), [8]);
    let counts = block_on(join(store.count(&bitcoins.cell()), store.count(&visits.cell())));
    assert_eq!(counts, (Ok(4), Ok(4)));
}

#[test]
fn a_swap_goes_together_with_what_comes_before_it() {
    let (server, key) = (with(&[]), keys::rates());
    let store = store(server);
    server.held.borrow_mut().insert(key.as_str().to_owned(), b"a".to_vec());
    let (absent, written) = ([keys::ready()], [(keys::rates_history(), b"1".to_vec())]);
    let before = SwapPrerequisites { absent: &absent, written: &written };
    assert_eq!(block_on(store.swap_after(before, &key, b"a", b"b")), Ok(Swap::Done));
    assert_eq!(server.scripts.borrow().as_slice(), [1]);
    assert!(store.shares_round_trips());
}

#[test]
fn a_lost_swap_says_what_the_key_holds() {
    let server = with(&[]);
    let (store, key) = (store(server), keys::rates());
    assert_eq!(block_on(store.swap(&key, b"a", b"b")), Ok(Swap::Lost(None)));
    block_on(store.set(&key, b"c")).unwrap();
    assert_eq!(block_on(store.swap(&key, b"a", b"b")), Ok(Swap::Lost(Some(b"c".to_vec()))));
    assert_eq!(block_on(store.swap(&key, b"c", b"d")), Ok(Swap::Done));
}

#[test]
fn a_read_whose_connection_broke_is_asked_again_once() {
    let server = with(&[Fate::BreaksAfter]);
    assert_eq!(block_on(store(server).get(&keys::rates())), Ok(None));
    let server = with(&[Fate::BreaksBefore, Fate::BreaksBefore]);
    assert_eq!(block_on(store(server).get(&keys::rates())), Err(Unavailable::Untouched));
}

#[test]
fn a_write_whose_connection_broke_is_never_sent_again() {
    for fate in [Fate::BreaksBefore, Fate::BreaksAfter] {
        let key = keys::rates();
        let write = |write: fn(Redis<&'static Server>, Document) -> Result<Swap, Unavailable>| {
            let server = with(&[fate]);
            let answer = write(store(server), key.clone());
            assert_eq!(server.scripts.borrow().len(), 1, "{fate:?}");
            answer
        };
        assert_eq!(write(|store, key| block_on(store.swap(&key, b"a", b"b"))), Ok(Swap::Unknown));
        let unknown = Err(Unavailable::Unknown);
        assert_eq!(write(|store, key| block_on(store.set(&key, b"a")).map(|()| Swap::Done)), unknown);
        let increment =
            |store: Redis<&'static Server>, _| match block_on(store.increment(&keys::bitcoins().cell(), 1)) {
                Err(NotIncremented::Unavailable(unavailable)) => Err(unavailable),
                _ => Ok(Swap::Done),
            };
        assert_eq!(write(increment), unknown);
    }
}

#[test]
fn a_write_that_too_few_replicas_have_is_unknown_and_reads_are_answered() {
    let (server, key, cell) = (with(&[]), keys::rates(), keys::bitcoins().cell());
    server.forgets.set(true);
    let store = store(server);
    let unknown = Err(Unavailable::Unknown);
    assert_eq!(block_on(store.set(&key, b"a")), unknown);
    assert_eq!(block_on(store.swap(&key, b"a", b"b")).map(drop), unknown);
    assert_eq!(block_on(store.write_first(&keys::wallet("ann"), b"a", b"b")).map(drop), unknown);
    assert_eq!(block_on(store.increment_within(&cell, 1, 9)).map(drop), unknown);
    let election = keys::wallet("ann").election();
    assert_eq!(
        block_on(store.elect(&election, 7)).map(drop),
        unknown,
        "what was elected before is not safe yet"
    );
    assert_eq!(block_on(store.elected(&election)), Err(Unavailable::Untouched));
    server.forgets.set(false);
    assert_eq!(block_on(store.elect(&election, 7)), Ok(1));
    assert_eq!(block_on(store.get(&key)), Ok(Some(b"b".to_vec())));
}

#[test]
fn what_was_read_is_kept_once_a_write_over_it_that_changes_nothing_is() {
    let (server, key) = (with(&[]), keys::rates());
    let store = store(server);
    block_on(store.set(&key, b"a")).unwrap();
    assert_eq!(block_on(store.confirm_replicated(&key, b"b")), Ok(true), "nobody waits for replicas");
    assert_eq!(server.scripts.borrow().len(), 1, "and nothing is asked");
    server.forgets.set(true);
    assert_eq!(block_on(store.confirm_replicated(&key, b"a")), Err(Unavailable::Unknown));
    assert_eq!(
        block_on(store.confirm_replicated(&key, b"b")),
        Ok(false),
        "the store has something else by now"
    );
}

#[test]
fn what_redis_refuses_has_not_happened() {
    let key = keys::rates();
    let refused = with(&[Fate::Refused]);
    assert_eq!(block_on(store(refused).set(&key, b"a")), Err(Unavailable::Untouched));
    let refused = with(&[Fate::Refused, Fate::Refused]);
    assert_eq!(block_on(store(refused).swap(&key, b"a", b"b")), Err(Unavailable::Untouched));
    let elected = store(refused);
    assert_eq!(block_on(elected.elect(&keys::wallet("ann").election(), 7)), Err(Unavailable::Untouched));
    let full = with(&[]);
    full.refuses.set("OOM command not allowed");
    assert_eq!(block_on(store(full).set(&key, b"a")), Err(Unavailable::Untouched));
    assert_eq!(block_on(store(full).get(&key)), Ok(None));
    let cell = keys::bitcoins().cell();
    assert_eq!(block_on(store(full).increment(&cell, 1)), Err(Unavailable::Untouched.into()));
    assert_eq!(block_on(store(full).increment_within(&cell, 1, 9)), Err(Unavailable::Untouched));
}

#[test]
fn a_deadline_that_passes_leaves_a_write_open_and_a_read_without_effect() {
    let server = with(&[Fate::Silent]);
    assert_eq!(block_on(store(server).set(&keys::rates(), b"a")), Err(Unavailable::Unknown));
    assert_eq!(block_on(store(server).swap(&keys::rates(), b"a", b"b")), Err(Unavailable::Unknown));
    assert_eq!(block_on(store(server).get(&keys::rates())), Err(Unavailable::Untouched));
    assert!(server.scripts.borrow().is_empty());
}

#[test]
fn an_open_breaker_sends_nothing_so_nothing_has_happened() {
    let server = with(&[Fate::Silent]);
    for _ in 0..crate::breaker::MISSES_TO_OPEN {
        assert_eq!(block_on(store(server).set(&keys::rates(), b"a")), Err(Unavailable::Unknown));
    }
    assert_eq!(block_on(store(server).set(&keys::rates(), b"a")), Err(Unavailable::Untouched));
}

#[test]
fn a_counter_at_its_end_is_not_moved() {
    let server = with(&[]);
    let (store, cell) = (store(server), keys::bitcoins().cell());
    assert_eq!(block_on(store.increment(&cell, i64::MAX)), Ok(i64::MAX));
    assert_eq!(block_on(store.increment(&cell, 1)), Err(NotIncremented::Overflow));
    assert_eq!(block_on(store.count(&cell)), Ok(i64::MAX));
    server.refuses.set("ERR increment or decrement would overflow");
    assert_eq!(block_on(store.increment_within(&keys::counter("c").cell(), 1, 9)), Ok(None));
}

#[test]
fn the_first_candidate_is_elected_also_over_the_zero_of_the_other_adapter() {
    for before in [None, Some(b"0")] {
        let server = with(&[]);
        let (store, election) = (store(server), keys::wallet("ann").election());
        if let Some(zero) = before {
            server.held.borrow_mut().insert(election.as_str().to_owned(), zero.to_vec());
        }
        assert_eq!(block_on(store.elected(&election)), Ok(None));
        assert_eq!(block_on(store.elect(&election, 7)), Ok(7));
        assert_eq!(block_on(store.elect(&election, 8)), Ok(7));
        assert_eq!(block_on(store.elected(&election)), Ok(Some(7)));
    }
}

#[test]
fn an_answer_that_is_none_is_not_believed() {
    use script::{ReplyValue, replies};
    let bytes = |text: &str| ReplyValue::Bytes(text.into());
    assert_eq!(replies(vec![]), Some(vec![]));
    assert_eq!(replies(vec![ReplyValue::Code(0), ReplyValue::Nil]), Some(vec![StepReply::Unchanged(None)]));
    for values in [
        vec![ReplyValue::Code(0)],
        vec![ReplyValue::Code(2), ReplyValue::Nil],
        vec![bytes("1"), ReplyValue::Nil],
        vec![ReplyValue::Code(0), ReplyValue::Code(0)],
        vec![ReplyValue::Code(-1), ReplyValue::Nil],
    ] {
        assert_eq!(replies(values.clone()), None, "{values:?}");
    }
}

#[test]
fn an_answer_says_of_each_step_whether_it_was_written_or_held_or_refused() {
    use script::ReplyValue::{Bytes, Code, Nil};
    for (code, value, said) in [
        (1, Nil, StepReply::Done(None)),
        (1, Bytes(b"7".into()), StepReply::Done(Some(b"7".into()))),
        (0, Nil, StepReply::Unchanged(None)),
        (0, Bytes(b"7".into()), StepReply::Unchanged(Some(b"7".into()))),
        (-1, Bytes(b"OOM".into()), StepReply::Refused("OOM".into())),
    ] {
        assert_eq!(script::replies(vec![Code(code), value]), Some(vec![said]));
    }
}

#[test]
fn a_script_is_given_its_keys_and_then_its_verbs_with_their_values() {
    let verbs = [
        StepVerb::Get,
        StepVerb::Set(b"new".into()),
        StepVerb::Swap {
            current: b"old".into(),
            next: b"\r\n".into(),
            absent: vec!["a".into(), "b".into()],
            before: vec![("c".into(), b"first".into())],
        },
        StepVerb::Add(-5),
        StepVerb::Elect(7),
        StepVerb::AddWithin { delta: 1, bound: 9 },
        StepVerb::First {
            tickets: "t".into(),
            elected: "e".into(),
            empty: b"{}".into(),
            first: b"money".into(),
        },
    ];
    let steps: Vec<Step> =
        verbs.into_iter().enumerate().map(|(n, verb)| Step { key: format!("k{n}"), verb }).collect();
    let arguments = script::arguments(&steps.iter().collect::<Vec<_>>());
    assert_eq!(arguments[0], script::SCRIPT.as_bytes());
    let words: Vec<_> = arguments[1..].iter().map(|word| std::str::from_utf8(word).unwrap()).collect();
    assert_eq!(
        words,
        [
            "12", "k0", "k1", "k2", "a", "b", "c", "k3", "k4", "k5", "k6", "t", "e", "get", "set", "new",
            "swap", "old", "\r\n", "2", "1", "first", "add", "-5", "elect", "7", "within", "1", "9", "first",
            "{}", "money"
        ]
    );
}

fn any_value() -> impl Strategy<Value = script::ReplyValue> {
    prop_oneof![
        Just(script::ReplyValue::Nil),
        (-2_i64..3).prop_map(script::ReplyValue::Code),
        any::<Vec<u8>>().prop_map(script::ReplyValue::Bytes),
    ]
}

proptest! {
    #[test]
    fn an_answer_is_believed_only_where_it_is_code_and_value_by_turns(
        values in proptest::collection::vec(any_value(), 0..7),
    ) {
        use script::ReplyValue::{Bytes, Code, Nil};
        let good = values.len() % 2 == 0
            && values.chunks(2).all(|pair| matches!(pair, [Code(0 | 1), Nil | Bytes(_)] | [Code(-1), Bytes(_)]));
        let said = script::replies(values.clone());
        prop_assert_eq!(said.as_ref().map(Vec::len), good.then_some(values.len() / 2));
    }
}

#[test]
fn the_contract_is_kept() {
    for name in crate::contract::CASES {
        let server = with(&[]);
        assert_eq!(block_on(crate::contract::run(name, &store(server), "redis")), Ok(()), "{name}");
    }
}

#[test]
fn who_lost_a_swap_waits_and_what_it_read_is_old() {
    assert!(block_on(store(with(&[])).step_aside(3)));
}

#[test]
fn the_deadline_is_that_of_the_request_beneath() {
    let (short, long) = (Duration::from_secs(1), Duration::from_secs(2));
    let server: &'static Server =
        Box::leak(Box::new(Server { deadline: Cell::new(short), ..Server::default() }));
    let store = store(server);
    assert_eq!(store.deadline(), short);
    assert_eq!(store.until(long).deadline(), long);
    assert_eq!(block_on(store.in_time(async { 7 })), Some(7));
    store.spawn(Box::pin(async {}));
    assert!(server.carries_on.get());
}

#[test]
fn what_was_written_is_unkept_where_too_few_replicas_have_it_and_nothing_else_is() {
    let mut said = [StepReply::Done(None), StepReply::Unchanged(None), StepReply::Refused("NOPERM".into())];
    script::mark_too_few_replicas(&mut said);
    assert_eq!(
        said,
        [StepReply::TooFewReplicas, StepReply::Unchanged(None), StepReply::Refused("NOPERM".into())]
    );
}
