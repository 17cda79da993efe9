//! The script on a real Redis does what its model says (`store::redis::model`).
//!
//! Scenario: somebody changes the script or its model, which the simulator uses. Mechanism: random keys and random
//! scripts; the answers of each step, and what the keys hold afterwards, must be the same. Needs: `redis-server` on
//! the PATH; each test starts one, behind a socket in a temporary folder.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "in a test a panic is an answer"
)]

mod server;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::redis::model::{self, Stored};
use store::redis::script::{self, Step, StepReply, StepVerb};

use server::Server;

const KEYS: [&str; 4] = ["bank:a", "bank:b", "bank:c", "bank:d"];
/// Neighbours of zero, of a change of length, of what a float and 64 bits still hold.
const NUMBERS: [i64; 14] = [
    0,
    1,
    -1,
    2,
    9,
    -9,
    10,
    -10,
    99,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    -9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];
const TEXTS: [&[u8]; 12] = [
    b"",
    b"money",
    b"\r\n\0\xff",
    b"007",
    b"+1",
    b" 1",
    b"9223372036854775808",
    br#"{"v":1,"base":0,"sum":0,"indexed":0,"log":[]}"#,
    br#"{"v":1,"base":0,"sum":9007199254740993,"#,
    br#""sum":-1,"sum":x,"sum":9223372036854775807}"#,
    br#"{"sum":007}"#,
    br#"{"sum":9223372036854775808}"#,
];
const ROUNDS: u32 = 4_000;

type Keys = BTreeMap<&'static str, Stored>;

fn key() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&KEYS[..])
}

fn name() -> impl Strategy<Value = String> {
    key().prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = i64> {
    proptest::sample::select(&NUMBERS[..])
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        number().prop_map(|number| number.to_string().into_bytes()),
        proptest::sample::select(&TEXTS[..]).prop_map(<[u8]>::to_vec),
    ]
}

fn held() -> impl Strategy<Value = Stored> {
    prop_oneof![3 => Just(Stored::Nothing), 6 => value().prop_map(Stored::Bytes), 1 => Just(Stored::Foreign)]
}

fn keys() -> impl Strategy<Value = Keys> {
    proptest::collection::btree_map(key(), held(), KEYS.len())
}

fn verb() -> impl Strategy<Value = StepVerb> {
    let more = || number().prop_filter("what is added is 1 or more", |delta| *delta > 0);
    let names = || proptest::collection::vec(name(), 0..3);
    let written = proptest::collection::vec((name(), value()), 0..3);
    let own = more();
    let ticket = proptest::sample::select(&[1, 2, 9][..]);
    let total = (name(), name(), ticket, more(), number());
    let texts = proptest::array::uniform4(value());
    let post = (texts, name(), own, number());
    prop_oneof![
        1 => Just(StepVerb::Get),
        1 => value().prop_map(StepVerb::Set),
        1 => (value(), value(), names(), written).prop_map(|(current, next, absent, before)| StepVerb::Swap {
            current,
            next,
            absent,
            before
        }),
        1 => number().prop_map(StepVerb::Add),
        1 => (more(), number()).prop_map(|(delta, bound)| StepVerb::AddWithin { delta, bound }),
        3 => total.prop_map(|(election, document, ticket, delta, bound)| {
            StepVerb::Total { election, document, ticket, delta, bound }
        }),
        2 => post.prop_map(|([current, head, tail, otherwise], cell, own, bound)| {
            StepVerb::Post { current, head, tail, otherwise, cell, own, bound }
        }),
        1 => number().prop_map(StepVerb::Elect),
        1 => (name(), name(), value(), value()).prop_map(|(tickets, elected, empty, first)| StepVerb::First {
            tickets,
            elected,
            empty,
            first
        }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((name(), verb()).prop_map(|(key, verb)| Step { key, verb }), 1..5)
}

/// What the model says of `steps`, and what the keys hold then.
fn in_the_model(keys: &Keys, steps: &[Step]) -> (Vec<StepReply>, BTreeMap<String, Stored>) {
    let mut keys: BTreeMap<String, Stored> =
        keys.iter().map(|(key, held)| ((*key).to_owned(), held.clone())).collect();
    let mut all = Vec::new();
    for step in steps {
        let (said, writes) = model::carry_out(step, |key| keys.get(key).cloned().unwrap_or(Stored::Nothing));
        all.push(said);
        keys.extend(writes.into_iter().map(|write| (write.key, Stored::Bytes(write.value))));
    }
    (all, keys)
}

/// Of a refusal only its code word: the rest is prose.
fn code_word(said: StepReply) -> StepReply {
    match said {
        StepReply::Refused(why) => StepReply::Refused(why.split(' ').next().unwrap_or_default().to_owned()),
        said => said,
    }
}

fn on_redis(server: &mut Server, steps: &[Step]) -> Vec<StepReply> {
    let answer = server.ask("EVAL", script::arguments(&steps.iter().collect::<Vec<_>>()));
    script::replies(answer).unwrap().into_iter().map(code_word).collect()
}

#[test]
fn the_model_says_what_redis_says_of_random_scripts() {
    let mut server = Server::start();
    let mut runner =
        TestRunner::new(Config { cases: ROUNDS, failure_persistence: None, ..Config::default() });
    let server = std::cell::RefCell::new(&mut server);
    let agreed = runner.run(&(keys(), steps()), |(keys, steps)| {
        let mut server = server.borrow_mut();
        server.hold(&keys);
        let said = on_redis(&mut server, &steps);
        let (expected, then) = in_the_model(&keys, &steps);
        let expected: Vec<_> = expected.into_iter().map(code_word).collect();
        prop_assert_eq!(said, expected);
        for key in KEYS {
            prop_assert_eq!(server.holds(key), then.get(key).cloned().unwrap_or(Stored::Nothing), "{}", key);
        }
        Ok(())
    });
    agreed.unwrap();
}

fn step(key: &str, verb: StepVerb) -> Step {
    Step { key: key.to_owned(), verb }
}

#[test]
fn a_step_that_fails_ends_no_other_and_a_value_of_a_foreign_type_is_left_alone() {
    let mut server = Server::start();
    server.hold(&Keys::from([("bank:b", Stored::Foreign), ("bank:c", Stored::Bytes(b"old".into()))]));
    let swap = |absent: &[&str], before: &[&str]| StepVerb::Swap {
        current: b"old".into(),
        next: b"new".into(),
        absent: absent.iter().map(|key| (*key).to_owned()).collect(),
        before: before.iter().map(|key| ((*key).to_owned(), b"x".to_vec())).collect(),
    };
    let first =
        StepVerb::First { tickets: "bank:b".into(), elected: "bank:d".into(), empty: vec![], first: vec![] };
    let failing = [
        step("bank:b", StepVerb::Get),
        step("bank:b", StepVerb::Set(b"x".into())),
        step("bank:b", StepVerb::Add(1)),
        step("bank:b", StepVerb::AddWithin { delta: 1, bound: 9 }),
        step("bank:b", StepVerb::Elect(7)),
        step("bank:b", swap(&[], &[])),
        step("bank:c", swap(&["bank:b"], &[])),
        step("bank:c", swap(&[], &["bank:d", "bank:b"])),
        step("bank:d", first),
    ];
    let mut steps = Vec::from(failing);
    steps.insert(0, step("bank:a", StepVerb::Add(5)));
    steps.push(step("bank:a", StepVerb::Add(1)));
    let said = on_redis(&mut server, &steps);
    let done = |sum: &str| StepReply::Done(Some(sum.into()));
    let refused = std::iter::repeat_n(StepReply::Refused("WRONGTYPE".into()), steps.len() - 2);
    assert_eq!(said, [done("5")].into_iter().chain(refused).chain([done("6")]).collect::<Vec<_>>());
    assert_eq!(server.holds("bank:b"), Stored::Foreign);
    assert_eq!(server.holds("bank:c"), Stored::Bytes(b"old".into()));
    assert_eq!(server.holds("bank:d"), Stored::Nothing);
}

#[test]
fn a_command_that_a_user_may_not_give_is_the_answer_of_its_step_alone() {
    let mut server = Server::start();
    server.say(&["ACL", "SETUSER", "default", "-incrby"]);
    let said = on_redis(
        &mut server,
        &[
            step("bank:a", StepVerb::Set(b"1".into())),
            step("bank:b", StepVerb::Add(1)),
            step("bank:c", StepVerb::AddWithin { delta: 1, bound: 9 }),
            step("bank:a", StepVerb::Get),
        ],
    );
    // Redis 7 words it so inside a script.
    let refused =
        |said: &StepReply| matches!(said, StepReply::Refused(why) if why == "NOPERM" || why == "ERR");
    assert_eq!(said[0], StepReply::Done(None));
    assert!(refused(&said[1]) && refused(&said[2]), "{said:?}");
    assert_eq!(said[3], StepReply::Unchanged(Some(b"1".into())));
}

#[test]
fn a_negative_sum_is_below_a_bound_whatever_its_length() {
    let mut server = Server::start();
    for (cell, delta, bound, sum) in [
        ("-1000", 1, 10, Some("-999")),
        ("-1000", 1, 0, Some("-999")),
        ("-1", 1, 0, Some("0")),
        ("-1", 2, 0, None),
        ("-5", 12, 9, Some("7")),
        ("-5", 15, 9, None),
        ("9007199254740991", 2, 9_007_199_254_740_992, None),
    ] {
        server.hold(&Keys::from([("bank:a", Stored::Bytes(cell.into()))]));
        let said = on_redis(&mut server, &[step("bank:a", StepVerb::AddWithin { delta, bound })]);
        let expected = match sum {
            Some(sum) => StepReply::Done(Some(sum.into())),
            None => StepReply::Unchanged(Some(cell.into())),
        };
        assert_eq!(said, [expected], "{cell} + {delta} within {bound}");
    }
}
