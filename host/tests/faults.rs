//! Stores that misbehave on purpose: each quirk does what its name says, and profiles are read strictly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use bank::fault::{Faulty, Profile};
use bank::kv::sqlite::SqliteStore;
use bank::kv::{Failure, KvStore};
use bank::source::Source;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn read(text: &str) -> anyhow::Result<Profile> {
    Profile::read(&Source::new(Path::new("fault.toml"), text.to_owned()))
}

/// A store, and the same store misbehaving.
fn stores(quirks: &str) -> (Arc<dyn KvStore>, Faulty) {
    let store: Arc<dyn KvStore> = Arc::new(SqliteStore::in_memory("default").unwrap());
    let faulty = Faulty::new(store.clone(), read(&format!("seed = 1\n{quirks}")).unwrap());
    (store, faulty)
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn without_quirks_a_store_is_as_it_was() {
    let (_, faulty) = stores("");
    assert_eq!(faulty.swap("a", None, bytes("1")).await, Ok(true));
    assert_eq!(faulty.swap("a", None, bytes("2")).await, Ok(false));
    assert_eq!(faulty.get("a").await, Ok(Some(bytes("1"))));
    assert_eq!(faulty.increment("n", 3).await, Ok(3));
    assert_eq!(
        faulty.increment("n", i64::MAX).await,
        Err(Failure::Reported("increment would overflow".into()))
    );
}

#[tokio::test]
async fn a_swap_that_always_fails_commits_all_the_same() {
    let (store, faulty) = stores("swap-always-fails = true");
    assert_eq!(faulty.swap("a", None, bytes("1")).await, Ok(false));
    assert_eq!(store.get("a").await, Ok(Some(bytes("1"))));
    assert_eq!(faulty.swap("a", Some(bytes("other")), bytes("2")).await, Ok(false));
    assert_eq!(store.get("a").await, Ok(Some(bytes("1"))));
}

#[tokio::test]
async fn a_swap_that_always_succeeds_commits_nothing_when_it_lost() {
    let (store, faulty) = stores("swap-always-succeeds = true");
    store.set("a", bytes("1")).await.unwrap();
    assert_eq!(faulty.swap("a", Some(bytes("other")), bytes("2")).await, Ok(true));
    assert_eq!(store.get("a").await, Ok(Some(bytes("1"))));
}

#[tokio::test]
async fn an_unguarded_swap_of_an_absent_key_erases_what_has_come() {
    let (store, faulty) = stores("swap-of-absent-key-unguarded = true");
    store.set("a", bytes("1")).await.unwrap();
    assert_eq!(faulty.swap("a", None, bytes("2")).await, Ok(true));
    assert_eq!(store.get("a").await, Ok(Some(bytes("2"))));
    assert_eq!(faulty.swap("a", Some(bytes("1")), bytes("3")).await, Ok(false));
}

#[tokio::test]
async fn an_unguarded_swap_erases_whatever_is_there() {
    let (store, faulty) = stores("swap-unguarded = true");
    store.set("a", bytes("1")).await.unwrap();
    assert_eq!(faulty.swap("a", Some(bytes("other")), bytes("2")).await, Ok(true));
    assert_eq!(store.get("a").await, Ok(Some(bytes("2"))));
}

#[tokio::test]
async fn an_increment_that_wraps_begins_again_at_the_other_end() {
    let (store, faulty) = stores("wrap-on-overflow = true");
    assert_eq!(faulty.increment("n", i64::MAX).await, Ok(i64::MAX));
    assert_eq!(faulty.increment("n", 2).await, Ok(i64::MIN + 1));
    assert_eq!(store.increment("n", 0).await, Ok(i64::MIN + 1));
}

#[tokio::test]
async fn an_increment_of_another_value_ends_the_store() {
    let (store, faulty) = stores("increment-of-other-value-poisons = true");
    store.set("a", bytes("no counter")).await.unwrap();
    assert_eq!(faulty.increment("n", 1).await, Ok(1));
    assert!(matches!(faulty.increment("a", 0).await, Err(Failure::Fatal(_))));
    assert!(matches!(faulty.get("n").await, Err(Failure::Fatal(_))));
}

#[tokio::test]
async fn a_reply_is_lost_before_or_after_the_commit() {
    for (when, expected) in [("before", None), ("after", Some(bytes("1")))] {
        let (store, faulty) = stores(&format!("lost-replies = {{ probability = 1.0, when = \"{when}\" }}"));
        assert!(matches!(faulty.set("a", bytes("1")).await, Err(Failure::Reported(_))));
        assert_eq!(store.get("a").await, Ok(expected), "{when}");
    }
}

#[tokio::test]
async fn a_kill_is_fatal_before_or_after_the_commit() {
    for (when, expected) in [("before", None), ("after", Some(bytes("1")))] {
        let (store, faulty) = stores(&format!("kill-instance = {{ probability = 1.0, when = \"{when}\" }}"));
        assert!(matches!(faulty.set("a", bytes("1")).await, Err(Failure::Fatal(_))));
        assert_eq!(store.get("a").await, Ok(expected), "{when}");
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_is_carried_out_later() {
    let (store, faulty) = stores("hang = { probability = 1.0, when = \"before\", seconds = 1 }");
    let given_up = tokio::time::timeout(Duration::from_millis(50), faulty.set("a", bytes("1"))).await;
    assert!(given_up.is_err());
    assert_eq!(store.get("a").await, Ok(None));
    let begun = Instant::now();
    while store.get("a").await.unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(3));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_seed_is_repeated() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (_, faulty) = stores("lost-replies = { probability = 0.5 }");
        let mut run = Vec::new();
        for _ in 0..100 {
            run.push(faulty.get("a").await.is_ok());
        }
        assert!(run.contains(&true) && run.contains(&false));
        runs.push(run);
    }
    assert_eq!(runs.first(), runs.last());
}

#[test]
fn what_is_wrong_in_a_profile_is_reported_with_its_line() {
    for (text, expected) in [
        ("swap-always-fails = true", "fault.toml:1: missing field `seed`"),
        ("seed = 1\nswap_always_fails = true", "fault.toml:2: unknown field `swap_always_fails`"),
        ("seed = 1\nhang = { probability = 2.0, seconds = 1 }", "fault.toml:2: `probability` must be"),
        ("seed = 1\nhang = { probability = 0.5 }", "fault.toml:2: missing field `seconds`"),
        ("seed = 1\n\ndelay_ms = [5, 1]", "fault.toml:3: `delay_ms` must be [least, most]"),
        ("seed = 1\nlost-replies = { probability = 0.1, when = \"later\" }", "fault.toml:2: unknown variant"),
        ("seed = 1\nswap-always-fails = true\nswap-always-succeeds = true", "fault.toml:3: a swap cannot"),
    ] {
        let told = read(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.starts_with(expected), "{told:?}, not {expected:?}");
    }
}

#[test]
fn every_profile_of_the_tests_is_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults");
    let profiles: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(profiles.len() > 5);
    for profile in profiles {
        Profile::load(&profile).unwrap();
    }
}
