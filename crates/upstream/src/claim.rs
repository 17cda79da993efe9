//! The claim to fetch from upstream: one request of all banks holds it at a time.
//!
//! It is a small document. A request swaps it for one with a fresh name in it. If it reads its own name back, it
//! may fetch, and settles the claim afterwards: then nobody fetches until the result is stale, or until upstream
//! allows the next request. A fetcher that dies settles nothing, and its claim expires. The claim also keeps what
//! the log last said about upstream, since each fetch may be another instance's.

use std::time::Duration;

use api::clock;
use serde::{Deserialize, Serialize};
use store::first_write::{self, Found};
use store::keys::ElectedKeys;
use store::{Store, Swap, Unavailable};

use crate::moment::{SKEW, later, since};
use crate::report::Report;

/// The claim before anybody has made one.
const EMPTY_CLAIM: &[u8] = br#"{"holder":"","until_ms":0}"#;
/// The time that a fetcher needs beside its fetch: a few calls to the store, each with its deadline.
const STORE_ALLOWANCE: Duration = Duration::from_secs(2);
/// The longest claim. A longer one was made under a wrong clock.
pub const MAX_CLAIM: Duration = Duration::from_secs(3600);

#[derive(Default, Serialize, Deserialize)]
struct Claim {
    /// Empty while nobody fetches.
    holder: String,
    /// When it was made; claims of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    until_ms: u64,
    #[serde(default)]
    said: Report,
}

impl Claim {
    /// A claim that cannot be read counts as none.
    fn read(found: &Found) -> Self {
        serde_json::from_slice(&found.value).unwrap_or_default()
    }

    /// Whether it is in force. One from the future is not: it would be for as long as that clock was ahead.
    fn is_in_force(&self, now_ms: u64) -> bool {
        let since_ms = self.since_ms.unwrap_or(now_ms);
        now_ms < self.until_ms
            && since(since_ms, now_ms).is_ok()
            && self.until_ms <= later(later(since_ms, MAX_CLAIM), SKEW)
    }

    fn encode(&self) -> Vec<u8> {
        // Strings and numbers: serde_json cannot fail on them.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A claim that this request holds: the right to fetch, for as long as a fetch may take.
pub struct HeldClaim {
    found: Found,
    /// What the log was last told.
    pub said: Report,
}

/// Claims the right to a fetch that takes at most `deadline`; `None` if another request holds it, or if it is too
/// early to fetch.
///
/// # Errors
///
/// [`Unavailable`]: the same as not having it.
pub async fn claim(
    store: &impl Store,
    opening: &ElectedKeys,
    deadline: Duration,
    now_ms: u64,
) -> Result<Option<HeldClaim>, Unavailable> {
    let found = first_write::open(store, opening, EMPTY_CLAIM).await?;
    let before = Claim::read(&found);
    if before.is_in_force(now_ms) {
        return Ok(None);
    }
    let until_ms = later(now_ms, deadline.saturating_add(STORE_ALLOWANCE));
    let (holder, since_ms, said) = (clock::fresh_id(), Some(now_ms), before.said);
    let value = Claim { holder, since_ms, until_ms, said: said.clone() }.encode();
    let is_mine = match store.swap(&found.key, &found.value, &value).await? {
        Swap::Done => true,
        Swap::Lost(_) => false,
        Swap::Unknown => store.get(&found.key).await?.as_ref() == Some(&value),
    };
    Ok(is_mine.then_some(HeldClaim { found: Found { key: found.key, value }, said }))
}

/// Releases the right at `now_ms`: nobody may fetch during `pause`.
///
/// # Errors
///
/// [`Unavailable`]: then the claim expires.
pub async fn settle(
    store: &impl Store,
    mine: HeldClaim,
    now_ms: u64,
    pause: Duration,
) -> Result<(), Unavailable> {
    let HeldClaim { found: Found { key, value }, said } = mine;
    let until_ms = later(now_ms, pause.min(MAX_CLAIM));
    let nobody = Claim { holder: String::new(), since_ms: Some(now_ms), until_ms, said }.encode();
    store.swap(&key, &value, &nobody).await.map(drop)
}

/// Whether a request is fetching. If the store does not answer, none is known.
pub async fn is_fetching(store: &impl Store, opening: &ElectedKeys, now_ms: u64) -> bool {
    last(store, opening).await.is_some_and(|claim| claim.is_in_force(now_ms) && !claim.holder.is_empty())
}

/// Whether the last fetch failed within the last `time`. If the store does not answer, none is known.
pub async fn has_failed(store: &impl Store, opening: &ElectedKeys, time: Duration, now_ms: u64) -> bool {
    let is_recent = |since_ms| since(since_ms, now_ms).is_ok_and(|ago| ago <= time);
    let claim = last(store, opening).await;
    claim.is_some_and(|claim| !claim.said.what.is_empty() && claim.since_ms.is_some_and(is_recent))
}

async fn last(store: &impl Store, opening: &ElectedKeys) -> Option<Claim> {
    let found = first_write::find(store, opening, EMPTY_CLAIM).await;
    found.ok().flatten().map(|found| Claim::read(&found))
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use store::keys::rates_claim;
    use store::memory::Memory;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY_MS: u64 = 86_400_000;

    fn claimed(store: &Memory, now_ms: u64) -> Option<HeldClaim> {
        block_on(claim(store, &rates_claim(), Duration::from_secs(3), now_ms)).unwrap()
    }

    #[test]
    fn one_of_many_has_it_and_the_others_see_that_it_fetches() {
        let store = Memory::new();
        assert!(claimed(&store, 1_000).is_some());
        assert!(claimed(&store, 1_000).is_none());
        assert!(block_on(is_fetching(&store, &rates_claim(), 1_000)));
    }

    #[test]
    fn once_settled_it_is_nobodys_turn_until_then() {
        let store = Memory::new();
        let mine = claimed(&store, 1_000).unwrap();
        block_on(settle(&store, mine, 1_000, MINUTE)).unwrap();
        assert!(!block_on(is_fetching(&store, &rates_claim(), 2_000)));
        assert!(claimed(&store, 60_999).is_none());
        assert!(claimed(&store, 61_000).is_some());
    }

    #[test]
    fn a_fetcher_that_dies_holds_nobody_up_for_longer_than_a_fetch_may_take() {
        let store = Memory::new();
        assert!(claimed(&store, 1_000).is_some());
        assert!(claimed(&store, 5_999).is_none());
        assert!(claimed(&store, 6_000).is_some());
    }

    #[test]
    fn a_dead_fetcher_that_comes_back_takes_nothing_from_the_next() {
        let store = Memory::new();
        let dead = claimed(&store, 1_000).unwrap();
        assert!(claimed(&store, 6_000).is_some());
        block_on(settle(&store, dead, 6_000, Duration::ZERO)).unwrap();
        assert!(block_on(is_fetching(&store, &rates_claim(), 6_001)));
    }

    #[test]
    fn a_claim_from_a_clock_that_was_ahead_holds_nobody_up() {
        for ahead in [6_000, 1_800_000, DAY_MS, 400 * DAY_MS] {
            let store = Memory::new();
            let mine = claimed(&store, DAY_MS + ahead).unwrap();
            assert!(claimed(&store, DAY_MS).is_some(), "a fetcher {ahead} ms ahead");
            let store = Memory::new();
            block_on(settle(&store, mine, DAY_MS + ahead, MINUTE)).unwrap();
            assert!(claimed(&store, DAY_MS).is_some(), "settled {ahead} ms ahead");
        }
    }

    #[test]
    fn clocks_that_are_a_little_apart_still_take_turns() {
        let store = Memory::new();
        let mine = claimed(&store, DAY_MS + 4_000).unwrap();
        assert!(claimed(&store, DAY_MS).is_none());
        block_on(settle(&store, mine, DAY_MS + 4_000, MINUTE)).unwrap();
        assert!(claimed(&store, DAY_MS).is_none());
    }

    #[test]
    fn no_claim_is_for_longer_than_the_longest() {
        let store = Memory::new();
        let mine = claimed(&store, 1_000).unwrap();
        block_on(settle(&store, mine, 1_000, Duration::MAX)).unwrap();
        assert!(claimed(&store, 3_600_999).is_none());
        assert!(claimed(&store, 3_601_000).is_some());
    }

    #[test]
    fn a_fetch_has_failed_for_as_long_as_is_asked_about_and_until_the_next_one_succeeds() {
        let store = Memory::new();
        let failed = |now_ms| block_on(has_failed(&store, &rates_claim(), MINUTE, now_ms));
        let settled = |what: &str, now_ms| {
            let mut mine = claimed(&store, now_ms).unwrap();
            mine.said = mine.said.next(what.to_owned(), MINUTE, now_ms);
            block_on(settle(&store, mine, now_ms, Duration::ZERO)).unwrap();
        };
        assert!(!failed(1_000), "nobody has fetched");
        settled("status 500", 1_000);
        assert!(failed(1_000) && failed(61_000));
        assert!(!failed(61_001));
        settled("", 61_001);
        assert!(!failed(61_001));
    }

    #[test]
    fn a_claim_that_says_nothing_of_its_beginning_stands_as_it_did() {
        let old = |until_ms: u64| Claim { holder: "old".into(), until_ms, ..Claim::default() };
        assert!(old(6_000).is_in_force(1_000));
        assert!(!old(6_000).is_in_force(6_000));
        assert!(!old(u64::MAX).is_in_force(1_000));
    }
}
