//! Every planted bug but one is found by chance, and every one but another in a small case. A simulator that misses
//! one proves less than it says.

#![allow(clippy::panic, clippy::unwrap_used, reason = "in a test a panic is an answer")]

use clap::ValueEnum;
use sim::hunt::{Found, by_chance, by_exhaustion};
use sim::planted::Bug;

/// No small case shows this one: it needs a wallet that another instance seals meanwhile. Nor is any case about a cluster
/// or a replica.
fn by_chance_alone(bug: Bug) -> bool {
    bug == Bug::SealsWhatWasOnlyDecided || bug.is_in_a_cluster() || bug.is_with_a_replica()
}

/// Chance did not find this one in 400,000 operations: a wallet grows old in the hands of an instance only while that
/// looks into the index for an old key.
fn in_a_small_case_alone(bug: Bug) -> bool {
    bug == Bug::RefusesOnAnOldWallet
}

/// The bugs that this hunt does not find, those aside that it need not find.
fn unfound(hunt: fn(Bug) -> Option<Found>, aside: fn(Bug) -> bool) -> Vec<Bug> {
    let is_missed = |bug: &Bug| {
        let found = hunt(*bug);
        println!("{bug:?}: {found:?}");
        found.is_none()
    };
    let wanted = Bug::value_variants().iter().filter(|bug| !aside(**bug));
    wanted.copied().filter(is_missed).collect()
}

#[test]
fn chance_finds_every_planted_bug_that_it_can_find() {
    assert_eq!(unfound(by_chance, in_a_small_case_alone), []);
}

#[test]
#[ignore = "takes five minutes; `make test-all` runs it"]
fn small_cases_find_every_planted_bug_that_one_can_show() {
    assert_eq!(unfound(by_exhaustion, by_chance_alone), []);
}

#[test]
fn there_are_at_least_ten() {
    assert!(Bug::value_variants().len() >= 10);
}
