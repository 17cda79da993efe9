//! Every small case, in every order, with as many faults as it allows: no invariant breaks. `cargo test -p sim
//! --test exhaustive -- --nocapture` shows the counts.

#![allow(clippy::panic, clippy::unwrap_used, reason = "in a test a panic is an answer")]

use sim::cases::cases;
use sim::disk::Flavour;
use sim::exhaustive::explore;

fn every_case_holds(flavour: Flavour) {
    for case in cases().into_iter().filter(|case| case.flavours.contains(&flavour)) {
        let faults = case.faults_on(flavour);
        match explore(&case, flavour, faults, None, u64::MAX) {
            Ok(explored) => {
                println!("{}, {flavour}, at most {faults} faults: {explored:?}", case.name);
                assert!(explored.interleavings > 0 && !explored.unfinished);
            }
            Err(broken) => {
                panic!("{}, {flavour}, {faults} faults:\n{}", case.name, broken.story.join("\n"));
            }
        }
    }
}

#[test]
fn every_small_case_holds_on_sqlite() {
    every_case_holds(Flavour::Sqlite);
}

#[test]
fn every_small_case_holds_on_redis() {
    every_case_holds(Flavour::Redis);
}

#[test]
fn every_small_case_holds_on_the_redis_adapter() {
    every_case_holds(Flavour::Scripts);
}

#[test]
fn every_small_case_holds_while_adapters_are_switched() {
    every_case_holds(Flavour::Switching);
}
