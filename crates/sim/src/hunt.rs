//! Looks for a planted bug: with random seeds, and in the small cases.

use crate::cases::cases;
use crate::disk::Flavour;
use crate::exhaustive::explore;
use crate::planted::Bug;
use crate::run::{RunSettings, run};

/// Seeds that are tried at most.
const SEEDS: u64 = 400;
/// Operations in each.
const OPERATIONS: u64 = 1000;
/// Faults in a small case.
const MOST_FAULTS: u8 = 3;
/// States of a small case that are looked at.
const STATES: u64 = 20_000;

/// How a bug was found.
#[derive(Debug, Clone)]
pub struct FoundBug {
    /// The invariant that it broke.
    pub sentence: &'static str,
    /// The seed, or the small case.
    pub place: String,
    /// How many operations were simulated until then, or how many states of that case were explored.
    pub looked_at: u64,
    /// The steps of the story that shows it; in a small case a shortest one.
    pub steps: usize,
}

/// Looks for a bug with random seeds, from the first on, on all backends in turn.
#[must_use]
pub fn by_chance(bug: Bug) -> Option<FoundBug> {
    let mut operations = 0;
    for (seed, &flavour) in (1..=SEEDS).zip(bug.flavours().iter().cycle()) {
        let setting = RunSettings { seed, operations: OPERATIONS, flavour, bug: Some(bug) };
        match run(setting) {
            Ok(figures) => operations += figures.operations,
            Err(failure) => {
                return Some(FoundBug {
                    sentence: failure.violation.sentence,
                    place: format!("seed {seed}, {flavour}"),
                    looked_at: operations + failure.figures.operations,
                    steps: failure.choices.len(),
                });
            }
        }
    }
    None
}

/// Looks for a bug in the small cases, without faults first.
#[must_use]
pub fn by_exhaustion(bug: Bug) -> Option<FoundBug> {
    let fewest = if bug.needs_silence() { MOST_FAULTS } else { 0 };
    for faults in fewest..=MOST_FAULTS {
        for case in &cases() {
            let explored =
                |flavour: &Flavour| case.flavours.contains(flavour) && faults <= case.faults_on(*flavour);
            for flavour in bug.flavours().iter().copied().filter(explored) {
                match explore(case, flavour, faults, Some(bug), STATES) {
                    Ok(_) => {}
                    Err(broken) => {
                        return Some(FoundBug {
                            sentence: broken.violation.sentence,
                            place: format!("{}, {flavour}, {faults} faults", case.name),
                            looked_at: broken.explored.states,
                            steps: broken.choices,
                        });
                    }
                }
            }
        }
    }
    None
}
