//! More than a million random operations: no invariant breaks. `make sim` runs as many as you like.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is an answer"
)]

use std::ops::Range;

use sim::disk::Flavour;
use sim::run::{RunSettings, run, story};
use sim::shrink::shrink;

const OPERATIONS: u64 = 2_000;

fn every_seed_holds(flavour: Flavour, seeds: Range<u64>) {
    let mut operations = 0;
    for seed in seeds {
        let setting = RunSettings { seed, operations: OPERATIONS, flavour, bug: None };
        match run(setting) {
            Ok(figures) => operations += figures.operations,
            Err(failure) => {
                let (choices, violation) = shrink(setting, &failure);
                let story = story(setting, &choices).join("\n");
                panic!("seed {seed}, {flavour}, {OPERATIONS} operations: {violation}\n{story}");
            }
        }
    }
    println!("{operations} operations on {flavour}");
    assert!(operations >= 250_000);
}

#[test]
fn a_quarter_of_a_million_operations_holds_on_sqlite() {
    every_seed_holds(Flavour::Sqlite, 1..136);
}

#[test]
fn a_quarter_of_a_million_operations_holds_on_redis() {
    every_seed_holds(Flavour::Redis, 1_000..1_135);
}

#[test]
fn a_quarter_of_a_million_operations_holds_on_the_redis_adapter() {
    every_seed_holds(Flavour::Scripts, 2_000..2_135);
}

#[test]
fn a_quarter_of_a_million_operations_holds_while_adapters_are_switched() {
    every_seed_holds(Flavour::Switching, 3_000..3_135);
}

#[test]
fn a_quarter_of_a_million_operations_holds_on_a_cluster_whose_slots_move() {
    every_seed_holds(Flavour::Cluster, 4_000..4_135);
}

#[test]
fn a_quarter_of_a_million_operations_holds_where_failovers_forget_what_no_replica_had() {
    every_seed_holds(Flavour::Failover, 5_000..5_135);
}

#[test]
fn a_seed_is_the_same_run_for_ever() {
    let setting = RunSettings { seed: 11, operations: 500, flavour: Flavour::Switching, bug: None };
    let (once, again) = (run(setting).unwrap(), run(setting).unwrap());
    assert_eq!((once.steps, once.entries, once.faults), (again.steps, again.entries, again.faults));
}
