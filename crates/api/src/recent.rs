//! A small cache of recent results by SHA-256, bounded in time and in number.

use std::cell::RefCell;

use ledger::Hash;

/// How many buckets there are; a hash belongs to entry.
const BUCKETS: usize = 1 << u8::BITS;
/// How many values fit into a bucket. With one, a few dozen hashes would evict each other.
const BUCKET_SIZE: usize = 4;

/// Values, each of which is kept for some seconds.
#[derive(Debug)]
pub struct RecentCache<T>(RefCell<Vec<Vec<CacheEntry<T>>>>);

#[derive(Debug)]
struct CacheEntry<T> {
    hash: Hash,
    /// In seconds since 1970, like `until`.
    since: u64,
    until: u64,
    value: T,
}

impl<T: Clone> RecentCache<T> {
    /// An empty cache.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// The value of `hash`, and for how many seconds it is still good at `now` (seconds since 1970).
    pub fn get(&self, hash: &Hash, now: u64) -> Option<(T, u64)> {
        let buckets = self.0.borrow();
        let entry = buckets.get(bucket(hash))?.iter().find(|entry| entry.hash == *hash)?;
        // If the clock was set back, the value is not used.
        let left = (entry.since <= now).then(|| entry.until.checked_sub(now))??;
        (left > 0).then(|| (entry.value.clone(), left))
    }

    /// Keeps a value for this many seconds. The newest one in a bucket comes first; in a full bucket the oldest is
    /// dropped.
    pub fn keep(&self, hash: Hash, value: T, now: u64, seconds: u64) {
        let mut buckets = self.0.borrow_mut();
        buckets.resize_with(BUCKETS, Vec::new);
        if let Some(bucket) = buckets.get_mut(bucket(&hash)) {
            bucket.insert(0, CacheEntry { hash, since: now, until: now.saturating_add(seconds), value });
            bucket.truncate(BUCKET_SIZE);
        }
    }

    /// Forgets all values.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

impl<T: Clone> Default for RecentCache<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(hash: &Hash) -> usize {
    let [first, ..] = hash.as_bytes();
    usize::from(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn hash(number: usize) -> Hash {
        Hash::of(number.to_string())
    }

    #[test]
    fn a_thing_is_kept_until_its_time_is_over_and_says_how_much_is_left() {
        let recent = RecentCache::new();
        recent.keep(hash(1), "one", NOW, 60);
        assert_eq!(recent.get(&hash(1), NOW), Some(("one", 60)));
        assert_eq!(recent.get(&hash(1), NOW + 59), Some(("one", 1)));
        assert_eq!(recent.get(&hash(1), NOW + 60), None);
        assert_eq!(recent.get(&hash(1), NOW - 1), None, "by a clock that was set back");
        assert_eq!(recent.get(&hash(2), NOW), None);
    }

    #[test]
    fn the_newest_of_a_hash_counts() {
        let recent = RecentCache::new();
        recent.keep(hash(1), "old", NOW, 60);
        recent.keep(hash(1), "new", NOW + 60, 60);
        assert_eq!(recent.get(&hash(1), NOW + 61), Some(("new", 59)));
    }

    #[test]
    fn sixty_four_things_are_all_kept() {
        let recent = RecentCache::new();
        (0..64).for_each(|number| recent.keep(hash(number), number, NOW, 60));
        assert!((0..64).all(|number| recent.get(&hash(number), NOW) == Some((number, 60))));
    }

    #[test]
    fn however_many_there_are_a_bounded_number_is_kept() {
        let recent = RecentCache::new();
        (0..4 * BUCKETS * BUCKET_SIZE).for_each(|number| recent.keep(hash(number), number, NOW, 60));
        assert_eq!(recent.0.borrow().iter().map(Vec::len).max(), Some(BUCKET_SIZE));
        assert_eq!(recent.0.borrow().len(), BUCKETS);
    }
}
