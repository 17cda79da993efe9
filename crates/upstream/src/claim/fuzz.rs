//! Fuzz target: the store may hold anything as a claim. Nothing panics, and nobody waits for ever. The target is a
//! test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use futures::executor::block_on;
use store::keys::{Document, rates_claim};
use store::memory::Memory;

use super::*;

const NOW_MS: u64 = 1_793_000_000_000;

corpus::targets! {
    claims: held,
}

fn held(bytes: &[u8]) {
    let found = Found { key: rates_claim().plain(), value: bytes.to_vec() };
    let read = Claim::read(&found);
    let again = Found { key: rates_claim().plain(), value: read.encode() };
    assert_eq!(Claim::read(&again).encode(), again.value);
    let longest_ms = u64::try_from((MAX_CLAIM + SKEW * 2).as_millis()).unwrap();
    for now_ms in [0, NOW_MS, u64::MAX] {
        let ended_ms = later(now_ms, MAX_CLAIM + SKEW * 2);
        assert!(
            !read.is_in_force(now_ms)
                || !read.is_in_force(ended_ms)
                || ended_ms < now_ms.saturating_add(longest_ms)
        );
    }
    takes_turns(bytes);
}

/// When its time has come, a request gets the claim, whoever held it, and releases it.
fn takes_turns(bytes: &[u8]) {
    let store = Memory::new();
    let opening = rates_claim();
    let first = block_on(claim(&store, &opening, Duration::from_secs(3), NOW_MS)).unwrap().unwrap();
    let key: Document = first.found.key.clone();
    block_on(store.set(&key, bytes)).unwrap();
    let now_ms = later(NOW_MS, MAX_CLAIM * 3);
    let until_ms = later(now_ms, MAX_CLAIM * 3);
    let mine = [now_ms, until_ms]
        .into_iter()
        .find_map(|now_ms| Some((now_ms, block_on(claim(&store, &opening, MAX_CLAIM, now_ms)).unwrap()?)));
    let (now_ms, mine) = mine.expect("nobody holds it for ever");
    assert!(block_on(claim(&store, &opening, MAX_CLAIM, now_ms)).unwrap().is_none(), "it is taken");
    block_on(settle(&store, mine, now_ms, Duration::ZERO)).unwrap();
    assert!(block_on(claim(&store, &opening, MAX_CLAIM, now_ms)).unwrap().is_some(), "it is given back");
}
