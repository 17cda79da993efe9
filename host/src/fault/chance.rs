//! Random numbers from a seed: SplitMix64, whose n-th number can be computed without the ones before it.

use std::sync::atomic::{AtomicU64, Ordering};

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A sequence of random numbers. It is the same every time; which call gets which number depends on the order of
/// calls.
pub struct Chance(AtomicU64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True with a probability of `share` in 2^32.
    pub fn hits(&self, share: u64) -> bool {
        self.next() >> 32 < share
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&self, from: u64, to: u64) -> u64 {
        let span = to.saturating_sub(from).saturating_add(1);
        from.saturating_add(self.next().checked_rem(span).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_is_a_sequence() {
        // The reference implementation's first numbers for the seed 1234567.
        let chance = Chance::new(1_234_567);
        for expected in [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423] {
            assert_eq!(chance.next(), expected);
        }
    }

    #[test]
    fn all_is_always_and_nothing_never() {
        let chance = Chance::new(1);
        for _ in 0..1000 {
            assert!(chance.hits(1 << 32) && !chance.hits(0));
            assert!((3..=5).contains(&chance.between(3, 5)));
        }
    }
}
