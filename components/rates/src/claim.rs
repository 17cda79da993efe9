//! Whose turn it is to fetch: one request across all replicas in each window of `rates_ttl_seconds`.
//!
//! The claim is a small document that is swapped for one with a fresh name in it. Whoever reads its own
//! name back may fetch, and settles the claim afterwards: nobody until the rates are stale again, or until
//! upstream wants to be asked again. A fetcher that dies settles nothing, and its claim ends by itself.

use std::time::Duration;

use api::clock;
use serde::{Deserialize, Serialize};
use store::first_write::{self, Found};
use store::{Store, Swap, Unavailable, keys};

use crate::upstream;

/// Before anybody has claimed anything.
const NOBODY: &[u8] = br#"{"holder":"","until_ms":0}"#;
/// What a fetcher needs beside its fetch: a few calls of the store, each under its deadline.
const BREATH: Duration = Duration::from_secs(2);
/// A claim for longer than this was made under a clock that was wrong.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Serialize, Deserialize)]
struct Claim {
    /// Empty while nobody fetches.
    holder: String,
    until_ms: u64,
}

impl Claim {
    /// Whether it stands. A claim that cannot be read holds nobody up.
    fn standing(found: &Found, now_ms: u64) -> Option<Self> {
        let claim: Self = serde_json::from_slice(&found.value).ok()?;
        (now_ms < claim.until_ms && claim.until_ms <= later(now_ms, LONGEST)).then_some(claim)
    }

    fn encode(&self) -> Vec<u8> {
        // A string and a number: serde_json has nothing to fail on.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The right to fetch, for as long as a fetch may take.
pub struct Mine(Found);

/// Claims the right to fetch; `None` when it is somebody else's turn, or nobody's yet.
///
/// # Errors
/// [`Unavailable`]: as good as not having it.
pub async fn claim(store: &impl Store, now_ms: u64) -> Result<Option<Mine>, Unavailable> {
    let found = first_write::open(store, &keys::rates_claim(), NOBODY).await?;
    if Claim::standing(&found, now_ms).is_some() {
        return Ok(None);
    }
    let lease = upstream::DEADLINE.saturating_add(BREATH);
    let value = Claim { holder: clock::fresh_id(), until_ms: later(now_ms, lease) }.encode();
    let is_mine = match store.swap(&found.key, &found.value, &value).await? {
        Swap::Done => true,
        Swap::Lost(_) => false,
        Swap::Unknown => store.get(&found.key).await?.as_ref() == Some(&value),
    };
    Ok(is_mine.then_some(Mine(Found { key: found.key, value })))
}

/// Gives the right back: it is nobody's turn before `until_ms`.
///
/// # Errors
/// [`Unavailable`]: then the claim ends by itself.
pub async fn settle(store: &impl Store, mine: Mine, until_ms: u64) -> Result<(), Unavailable> {
    let Mine(Found { key, value }) = mine;
    let nobody = Claim { holder: String::new(), until_ms }.encode();
    store.swap(&key, &value, &nobody).await.map(drop)
}

/// Whether somebody is fetching. A store that does not answer knows of nobody.
pub async fn is_fetching(store: &impl Store, now_ms: u64) -> bool {
    let found = first_write::find(store, &keys::rates_claim(), NOBODY).await;
    let claim = found.ok().flatten().and_then(|found| Claim::standing(&found, now_ms));
    claim.is_some_and(|claim| !claim.holder.is_empty())
}

/// A time so much later.
pub fn later(now_ms: u64, duration: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use store::memory::Memory;

    use super::*;

    #[test]
    fn one_of_many_has_it_and_the_others_see_that_it_fetches() {
        let store = Memory::new();
        let mine = block_on(claim(&store, 1_000)).unwrap();
        assert!(mine.is_some());
        assert!(block_on(claim(&store, 1_000)).unwrap().is_none());
        assert!(block_on(is_fetching(&store, 1_000)));
    }

    #[test]
    fn once_settled_it_is_nobodys_turn_until_then() {
        let store = Memory::new();
        let mine = block_on(claim(&store, 1_000)).unwrap().unwrap();
        block_on(settle(&store, mine, 61_000)).unwrap();
        assert!(!block_on(is_fetching(&store, 2_000)));
        assert!(block_on(claim(&store, 60_999)).unwrap().is_none());
        assert!(block_on(claim(&store, 61_000)).unwrap().is_some());
    }

    #[test]
    fn a_fetcher_that_dies_holds_nobody_up_for_longer_than_a_fetch_may_take() {
        let store = Memory::new();
        assert!(block_on(claim(&store, 1_000)).unwrap().is_some());
        assert!(block_on(claim(&store, 5_999)).unwrap().is_none());
        assert!(block_on(claim(&store, 6_000)).unwrap().is_some());
    }

    #[test]
    fn a_dead_fetcher_that_comes_back_takes_nothing_from_the_next() {
        let store = Memory::new();
        let dead = block_on(claim(&store, 1_000)).unwrap().unwrap();
        assert!(block_on(claim(&store, 6_000)).unwrap().is_some());
        block_on(settle(&store, dead, 0)).unwrap();
        assert!(block_on(is_fetching(&store, 6_001)));
    }

    #[test]
    fn a_claim_from_a_clock_that_was_wrong_holds_nobody_up() {
        let store = Memory::new();
        let mine = block_on(claim(&store, 1_000)).unwrap().unwrap();
        block_on(settle(&store, mine, u64::MAX)).unwrap();
        assert!(block_on(claim(&store, 1_001)).unwrap().is_some());
    }
}
