//! A fault profile: which quirks, how often. A TOML file, read as strictly as the others.
//!
//! | name | what happens | docs/spin.md |
//! |---|---|---|
//! | `swap-always-fails` | a swap says that it failed, also when it has committed (Redis) | fact 1 |
//! | `swap-always-succeeds` | a swap says that it committed, also when it has not (Redis, once fact 1 is fixed) | fact 1 |
//! | `swap-connects` | a swap opens a connection of its own (Redis) | fact 2 |
//! | `swap-of-absent-key-unguarded` | a swap of an absent key sets it, whatever has come meanwhile (SQLite) | fact 3 |
//! | `swap-unguarded` | every swap only sets; no store of Spin's does that, and whoever checks must notice | |
//! | `wrap-on-overflow` | an increment past the range begins again at its other end (SQLite) | fact 4 |
//! | `increment-of-other-value-poisons` | an increment of what is no number ends the store for good (SQLite) | fact 4 |
//! | `lost-replies` | a call fails, before or after it was carried out | |
//! | `delay_ms` | a call takes so much longer, from and to | |
//! | `hang` | a call stands still for so long, before or after it is carried out | facts 6, 7 |
//! | `kill-instance` | the instance traps at a call, before or after it is carried out | |

use super::Chance;
use crate::source::Source;
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// What is wrong with a store.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The seed of the random numbers.
    pub seed: u64,
    /// A swap always reports that it failed.
    pub swap_always_fails: bool,
    /// A swap always reports that it was done.
    pub swap_always_succeeds: bool,
    /// A swap opens a connection of its own.
    pub swap_connects: bool,
    /// A swap of an absent key is not guarded.
    pub swap_of_absent_key_unguarded: bool,
    /// Any swap only sets.
    pub swap_unguarded: bool,
    /// An increment never overflows.
    pub wrap_on_overflow: bool,
    /// An increment of a value that is no counter breaks the store for good.
    pub increment_of_other_value_poisons: bool,
    lost_replies: Option<Strike>,
    delay_ms: Option<[u64; 2]>,
    hang: Option<(Strike, Duration)>,
    kill_instance: Option<Strike>,
}

/// Whether a call fails before or after its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// Nothing was carried out yet.
    Before,
    /// It was carried out.
    After,
}

/// What happens to one call.
pub struct CallFaults {
    /// How much later it begins.
    pub delay: Duration,
    /// When, and for how long, it hangs.
    pub hang: Option<(FaultPoint, Duration)>,
    /// When its answer is lost, if it is.
    pub lose: Option<FaultPoint>,
    /// When it ends its instance, if it does.
    pub kill: Option<FaultPoint>,
}

#[derive(Clone, Copy, Debug)]
struct Strike {
    /// Out of 2^32.
    share: u64,
    when: When,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Before,
    After,
    #[default]
    Either,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ProfileFile {
    seed: u64,
    #[serde(default)]
    swap_always_fails: bool,
    swap_always_succeeds: Option<Spanned<bool>>,
    #[serde(default)]
    swap_connects: bool,
    #[serde(default)]
    swap_of_absent_key_unguarded: bool,
    #[serde(default)]
    swap_unguarded: bool,
    #[serde(default)]
    wrap_on_overflow: bool,
    #[serde(default)]
    increment_of_other_value_poisons: bool,
    lost_replies: Option<Chances>,
    #[serde(rename = "delay_ms")]
    delay_ms: Option<Spanned<[u64; 2]>>,
    hang: Option<Hang>,
    kill_instance: Option<Chances>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chances {
    probability: Spanned<f64>,
    #[serde(default)]
    when: When,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hang {
    probability: Spanned<f64>,
    #[serde(default)]
    when: When,
    seconds: u64,
}

impl Profile {
    /// Reads the file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        Self::read(&Source::read(path)?)
    }

    /// Reads a file that is in memory.
    pub fn read(source: &Source) -> anyhow::Result<Self> {
        let file: ProfileFile = source.parse()?;
        if let Some(other) = file.swap_always_succeeds.as_ref().filter(|_| file.swap_always_fails) {
            return Err(source.error(other.span(), "a swap cannot always fail and always succeed"));
        }
        if let Some(range) = file.delay_ms.as_ref().filter(|range| range.get_ref()[0] > range.get_ref()[1]) {
            return Err(source.error(range.span(), "`delay_ms` must be [least, most]"));
        }
        let strike = |chances: Option<Chances>| chances.map(|chances| chances.read(source)).transpose();
        let hang = file.hang.map(|Hang { probability, when, seconds }| {
            let strike = Chances { probability, when }.read(source)?;
            anyhow::Ok((strike, Duration::from_secs(seconds)))
        });
        Ok(Self {
            seed: file.seed,
            swap_always_fails: file.swap_always_fails,
            swap_always_succeeds: file.swap_always_succeeds.is_some_and(Spanned::into_inner),
            swap_connects: file.swap_connects,
            swap_of_absent_key_unguarded: file.swap_of_absent_key_unguarded,
            swap_unguarded: file.swap_unguarded,
            wrap_on_overflow: file.wrap_on_overflow,
            increment_of_other_value_poisons: file.increment_of_other_value_poisons,
            lost_replies: strike(file.lost_replies)?,
            delay_ms: file.delay_ms.map(Spanned::into_inner),
            hang: hang.transpose()?,
            kill_instance: strike(file.kill_instance)?,
        })
    }

    /// What happens to the next call.
    pub fn faults(&self, chance: &Chance) -> CallFaults {
        let draw = |strike: Option<Strike>| strike.and_then(|strike| strike.draw(chance));
        let delay_ms = self.delay_ms.map_or(0, |[from, to]| chance.between(from, to));
        CallFaults {
            delay: Duration::from_millis(delay_ms),
            hang: self.hang.and_then(|(strike, length)| Some((strike.draw(chance)?, length))),
            lose: draw(self.lost_replies),
            kill: draw(self.kill_instance),
        }
    }
}

impl Chances {
    fn read(&self, source: &Source) -> anyhow::Result<Strike> {
        let probability = *self.probability.get_ref();
        if !(0.0..=1.0).contains(&probability) {
            return Err(source.error(self.probability.span(), "`probability` must be from 0 to 1"));
        }
        Ok(Strike { share: share(probability), when: self.when })
    }
}

#[allow(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "chances of faults in tests, from 0 to 1: nothing here is money"
)]
fn share(probability: f64) -> u64 {
    (probability * 4_294_967_296.0) as u64
}

impl Strike {
    fn draw(self, chance: &Chance) -> Option<FaultPoint> {
        if !chance.hits(self.share) {
            return None;
        }
        Some(match self.when {
            When::Before => FaultPoint::Before,
            When::After => FaultPoint::After,
            When::Either if chance.hits(1 << 31) => FaultPoint::Before,
            When::Either => FaultPoint::After,
        })
    }
}
