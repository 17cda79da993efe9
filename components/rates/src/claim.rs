//! Whose turn it is to fetch: one request across all replicas in each window of `rates_ttl_seconds`.
//!
//! The claim is a small document that is swapped for one with a fresh name in it. Whoever reads its own
//! name back may fetch; a fetcher that dies holds nobody up beyond its window.

use std::time::Duration;

use api::clock;
use serde::{Deserialize, Serialize};
use store::{Store, Swap, Unavailable, first_write, keys};

/// Before anybody has claimed anything.
const NOBODY: &[u8] = br#"{"holder":"","until_ms":0}"#;

#[derive(Serialize, Deserialize)]
struct Claim {
    holder: String,
    until_ms: u64,
}

/// Claims the right to fetch from `now_ms` on, for as long as `window`.
///
/// # Errors
/// [`Unavailable`]: as good as not having it.
pub async fn claim(store: &impl Store, now_ms: u64, window: Duration) -> Result<bool, Unavailable> {
    let found = first_write::open(store, &keys::rates_claim(), NOBODY).await?;
    // A claim that cannot be read holds nobody up.
    let held = serde_json::from_slice::<Claim>(&found.value).is_ok_and(|claim| claim.until_ms > now_ms);
    if held {
        return Ok(false);
    }
    let mine = encode(&Claim { holder: clock::fresh_id(), until_ms: later(now_ms, window) });
    match store.swap(&found.key, &found.value, &mine).await? {
        Swap::Done => Ok(true),
        Swap::Lost(_) => Ok(false),
        Swap::Unknown => Ok(store.get(&found.key).await? == Some(mine)),
    }
}

/// Keeps everybody from fetching for as long as upstream asked.
pub async fn postpone(store: &impl Store, now_ms: u64, wait: Duration) -> Result<(), Unavailable> {
    let found = first_write::open(store, &keys::rates_claim(), NOBODY).await?;
    let postponed = encode(&Claim { holder: "upstream".to_owned(), until_ms: later(now_ms, wait) });
    store.swap(&found.key, &found.value, &postponed).await.map(drop)
}

/// Whether somebody may be fetching. A store that does not answer knows of nobody.
pub async fn is_held(store: &impl Store, now_ms: u64) -> bool {
    let found = first_write::find(store, &keys::rates_claim(), NOBODY).await;
    let claim = found.ok().flatten().and_then(|found| serde_json::from_slice::<Claim>(&found.value).ok());
    claim.is_some_and(|claim| claim.until_ms > now_ms)
}

fn later(now_ms: u64, duration: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn encode(claim: &Claim) -> Vec<u8> {
    // A string and a number: serde_json has nothing to fail on.
    serde_json::to_vec(claim).unwrap_or_default()
}
