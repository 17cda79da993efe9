//! Bugs that the simulator has found in the bank's own code, each with the case that shows it. All of these fail on
//! the code of commit 6742c1a, or, where they are about batches, of 56414d0.

#![allow(clippy::panic, clippy::unwrap_used, reason = "in a test a panic is an answer")]

use sim::cases::cases;
use sim::disk::Flavour;
use sim::exhaustive::explore;
use sim::run::{RunSettings, run};

fn holds(name: &str, faults: u8) {
    let case = cases().into_iter().find(|case| case.name == name).unwrap();
    for &flavour in case.flavours {
        if let Err(broken) = explore(&case, flavour, faults, None, u64::MAX) {
            panic!("{name}, {flavour}:\n{}", broken.story.join("\n"));
        }
    }
}

/// A swap was sent, its connection broke, and it landed behind the next read. The second one, of the same bytes, was
/// lost to it; that was taken for an answer, and the replica that took over had neither. Fails on the code of the
/// commit before.
#[test]
fn an_attempt_that_has_come_through_is_answered_once_the_replica_has_it() {
    let setting = RunSettings { seed: 5, operations: 2_000, flavour: Flavour::Failover, bug: None };
    if let Err(failure) = run(setting) {
        panic!("{}", failure.violation);
    }
}

/// Seven entries and four refusals filled the log: the next deposit, not committed yet, was sealed into
/// the page and the index, and another one over it. A key could be answered with an entry that is not there.
#[test]
fn an_entry_that_is_not_committed_is_not_sealed_into_a_page() {
    holds("two deposits at the seal, crowded by refusals", 0);
}

/// A batch went into pages before it was committed; a key twice in it was told that nothing had happened.
#[test]
fn a_batch_is_not_sealed_and_its_twins_share_one_fate() {
    holds("two instances, each with a batch at the seal", 1);
}

/// A swap whose reply was lost landed after the next read, and the swap after it was lost to it.
#[test]
fn a_lost_swap_does_not_settle_an_earlier_one() {
    holds("two withdrawals of what is there once", 2);
    holds("an entry is sealed before its request looks again", 1);
}

/// A keyed post said "nothing happened" while its first swap was still under way.
#[test]
fn a_keyed_post_says_untouched_only_when_it_is_true() {
    holds("one key posts twice to a counter that is there", 2);
}

/// A document could not be sealed, so the request dropped its other writes, one of which had just been told
/// that it leads the next batch: the lead was lost, and all that came to the instance waited for ever.
#[test]
fn a_lead_that_nobody_takes_is_passed_on() {
    holds("two deposits at the seal from one instance", 1);
}
