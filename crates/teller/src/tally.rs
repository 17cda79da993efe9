//! Counters that never pass their limit: one atomic increment, checked before and after.
//!
//! Spin's SQLite store wraps on overflow, Redis refuses (design section 5, fact 4), and neither knows
//! the contract's limits. The check before keeps a counter away from its limit; of requests that race
//! past it together, each that finds the sum too large takes its own part back.

use store::{Counter, NotIncremented, Store, Unavailable};

/// Why a counter was not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The total would pass the limit; it is unchanged.
    #[error("the total would pass {limit}")]
    LimitExceeded {
        /// The largest total.
        limit: i64,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Adds `delta` (1 or more) to `counter` unless that takes it past `limit`, and says the total.
///
/// # Errors
/// [`NotCounted`].
pub async fn add(store: &impl Store, counter: &Counter, delta: i64, limit: i64) -> Result<i64, NotCounted> {
    let before = store.count(counter).await?;
    if before.checked_add(delta).is_none_or(|sum| sum > limit) {
        return Err(NotCounted::LimitExceeded { limit });
    }
    match store.increment(counter, delta).await {
        Ok(sum) if (0..=limit).contains(&sum) => Ok(sum),
        Ok(_) => take_back(store, counter, delta, limit).await,
        Err(NotIncremented::Overflow) => Err(NotCounted::LimitExceeded { limit }),
        Err(NotIncremented::Unavailable(unavailable)) => Err(unavailable.into()),
    }
}

async fn take_back(store: &impl Store, counter: &Counter, delta: i64, limit: i64) -> Result<i64, NotCounted> {
    match store.increment(counter, delta.saturating_neg()).await {
        Ok(_) => Err(NotCounted::LimitExceeded { limit }),
        Err(_) => Err(Unavailable::Unknown.into()),
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use store::keys::bitcoins;
    use store::memory::Memory;

    use super::*;

    #[test]
    fn a_total_may_reach_its_limit_and_not_pass_it() {
        let store = Memory::new();
        let add = |delta| block_on(add(&store, &bitcoins(), delta, i64::MAX));
        assert_eq!(add(i64::MAX - 1), Ok(i64::MAX - 1));
        assert_eq!(add(2), Err(NotCounted::LimitExceeded { limit: i64::MAX }));
        assert_eq!(add(1), Ok(i64::MAX));
        assert_eq!(add(1), Err(NotCounted::LimitExceeded { limit: i64::MAX }));
        assert_eq!(block_on(store.count(&bitcoins())), Ok(i64::MAX));
    }

    #[test]
    fn who_races_past_the_limit_takes_its_part_back() {
        let store = Memory::new();
        block_on(store.increment(&bitcoins(), 9)).unwrap();
        assert_eq!(
            block_on(take_back(&store, &bitcoins(), 4, 5)),
            Err(NotCounted::LimitExceeded { limit: 5 })
        );
        assert_eq!(block_on(store.count(&bitcoins())), Ok(5));
    }
}
