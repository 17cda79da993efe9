//! The promises of every store, tested on each under the same names: SQLite in a file, SQLite in memory, a real
//! Redis. And what only one of them promises.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use bank::kv::redis::RedisStore;
use bank::kv::sqlite::SqliteStore;
use bank::kv::{Failure, KvStore};
use bank::redis::Patience;
use redis::IntoConnectionInfo as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For whoever has a SQLite file locked.
const PATIENCE: Duration = Duration::from_millis(400);

/// A store with what has to live as long.
struct Opened {
    store: Arc<dyn KvStore>,
    _kept: Box<dyn std::any::Any>,
}

fn opened() -> Vec<(&'static str, Opened)> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn KvStore> =
        Arc::new(SqliteStore::open(&folder.path().join("a/b.db"), "default", PATIENCE).unwrap());
    let memory: Arc<dyn KvStore> = Arc::new(SqliteStore::in_memory("default").unwrap());
    let server = common::redis::Redis::start();
    let redis: Arc<dyn KvStore> = Arc::new(connect(&server.url()));
    vec![
        ("sqlite", Opened { store: sqlite, _kept: Box::new(folder) }),
        ("memory", Opened { store: memory, _kept: Box::new(()) }),
        ("redis", Opened { store: redis, _kept: Box::new(server) }),
    ]
}

fn connect(url: &str) -> RedisStore {
    RedisStore::new(url.into_connection_info().unwrap(), Patience::DEFAULT).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn what_is_set_is_what_is_read() {
    for (name, opened) in opened() {
        let store = &opened.store;
        assert_eq!(store.get("a").await, Ok(None), "{name}");
        for value in [bytes("one"), bytes(""), vec![0, 255, 10, 13], vec![7; 300_000]] {
            store.set("a", value.clone()).await.unwrap();
            assert_eq!(store.get("a").await, Ok(Some(value)), "{name}");
        }
        assert_eq!(store.get("A").await, Ok(None), "{name}");
        store.set("ключ ' \" %", bytes("odd")).await.unwrap();
        assert_eq!(store.get("ключ ' \" %").await, Ok(Some(bytes("odd"))), "{name}");
    }
}

#[tokio::test]
async fn increments_add_up_and_begin_at_zero() {
    for (name, opened) in opened() {
        let store = &opened.store;
        assert_eq!(store.increment("n", 0).await, Ok(0), "{name}");
        assert_eq!(store.increment("n", 5).await, Ok(5), "{name}");
        assert_eq!(store.increment("n", -8).await, Ok(-3), "{name}");
        let many = (0..100).map(|_| store.increment("m", 1));
        let mut sums: Vec<i64> =
            futures::future::join_all(many).await.into_iter().map(Result::unwrap).collect();
        sums.sort_unstable();
        assert_eq!(sums, (1..=100).collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn an_increment_past_the_range_is_an_error_and_changes_nothing() {
    for (name, opened) in opened() {
        let store = &opened.store;
        assert_eq!(store.increment("n", i64::MAX).await, Ok(i64::MAX), "{name}");
        let error = store.increment("n", 1).await.unwrap_err();
        assert!(error.to_string().contains("overflow"), "{name}: {error}");
        assert_eq!(store.increment("n", 0).await, Ok(i64::MAX), "{name}");
        assert_eq!(store.increment("low", i64::MIN).await, Ok(i64::MIN), "{name}");
        assert!(store.increment("low", -1).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_increment_of_what_is_no_counter_is_an_error_and_the_store_goes_on() {
    for (name, opened) in opened() {
        let store = &opened.store;
        store.set("a", bytes("no number")).await.unwrap();
        assert!(store.increment("a", 1).await.is_err(), "{name}");
        assert_eq!(store.get("a").await, Ok(Some(bytes("no number"))), "{name}");
        assert_eq!(store.increment("b", 1).await, Ok(1), "{name}");
    }
}

#[tokio::test]
async fn a_swap_is_done_only_if_the_value_is_the_expected_one() {
    for (name, opened) in opened() {
        let store = &opened.store;
        let swap = |expected: Option<&str>, value: &str| store.swap("a", expected.map(bytes), bytes(value));
        assert_eq!(swap(Some("x"), "1").await, Ok(false), "{name}");
        assert_eq!(store.get("a").await, Ok(None), "{name}");
        assert_eq!(swap(None, "1").await, Ok(true), "{name}");
        assert_eq!(swap(None, "2").await, Ok(false), "{name}");
        assert_eq!(swap(Some(""), "2").await, Ok(false), "{name}");
        assert_eq!(swap(Some("1 "), "2").await, Ok(false), "{name}");
        assert_eq!(store.get("a").await, Ok(Some(bytes("1"))), "{name}");
        assert_eq!(swap(Some("1"), "").await, Ok(true), "{name}");
        assert_eq!(swap(None, "3").await, Ok(false), "{name}");
        assert_eq!(swap(Some(""), "3").await, Ok(true), "{name}");
        assert_eq!(store.get("a").await, Ok(Some(bytes("3"))), "{name}");
    }
}

#[tokio::test]
async fn a_swap_over_a_connection_of_its_own_is_as_truthful() {
    for (name, opened) in opened() {
        let store = &opened.store;
        let swap =
            |expected: Option<&str>, value: &str| store.swap_alone("a", expected.map(bytes), bytes(value));
        assert_eq!(swap(Some("x"), "1").await, Ok(false), "{name}");
        assert_eq!(swap(None, "1").await, Ok(true), "{name}");
        assert_eq!(swap(None, "2").await, Ok(false), "{name}");
        assert_eq!(swap(Some("1"), "2").await, Ok(true), "{name}");
        assert_eq!(store.get("a").await, Ok(Some(bytes("2"))), "{name}");
    }
}

#[tokio::test]
async fn of_many_first_writers_one_wins_and_the_others_know() {
    for (name, opened) in opened() {
        let store = &opened.store;
        for round in 0..20 {
            let key = format!("absent-{round}");
            let writers = (0..16).map(|writer| store.swap(&key, None, bytes(&format!("w{writer}"))));
            let results = futures::future::join_all(writers).await;
            let winners: Vec<usize> =
                results.into_iter().enumerate().filter(|(_, won)| won == &Ok(true)).map(|(i, _)| i).collect();
            assert_eq!(winners.len(), 1, "{name}");
            let winner = winners.first().unwrap();
            assert_eq!(store.get(&key).await, Ok(Some(bytes(&format!("w{winner}")))), "{name}");
        }
    }
}

#[tokio::test]
async fn no_update_is_lost_when_swaps_race() {
    for (name, opened) in opened() {
        let add = |store: Arc<dyn KvStore>| async move {
            for _ in 0..25 {
                loop {
                    let before = store.get("sum").await.unwrap();
                    let number: u32 = before
                        .as_deref()
                        .map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap());
                    let after = bytes(&number.checked_add(1).unwrap().to_string());
                    if store.swap("sum", before, after).await.unwrap() {
                        break;
                    }
                }
            }
        };
        futures::future::join_all((0..8).map(|_| add(opened.store.clone()))).await;
        assert_eq!(opened.store.get("sum").await, Ok(Some(bytes("200"))), "{name}");
    }
}

#[tokio::test]
async fn a_dropped_call_disturbs_nobody() {
    for (name, opened) in opened() {
        let store = &opened.store;
        for _ in 0..50 {
            drop(store.get("a"));
            let mut begun = store.set("a", bytes("begun"));
            let _ = tokio::time::timeout(Duration::ZERO, &mut begun).await;
            drop(begun);
        }
        store.set("a", bytes("after")).await.unwrap();
        assert_eq!(store.get("a").await, Ok(Some(bytes("after"))), "{name}");
    }
}

#[tokio::test]
async fn sqlite_keeps_what_it_answered_across_a_restart_in_the_table_of_spin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    {
        let store = SqliteStore::open(&path, "default", PATIENCE).unwrap();
        store.set("a", bytes("kept")).await.unwrap();
        store.increment("n", 258).await.unwrap();
        let other = SqliteStore::open(&path, "other", PATIENCE).unwrap();
        assert_eq!(other.get("a").await, Ok(None), "labels are separate in one file");
    }
    let store = SqliteStore::open(&path, "default", PATIENCE).unwrap();
    assert_eq!(store.get("a").await, Ok(Some(bytes("kept"))));
    assert_eq!(store.increment("n", 0).await, Ok(258));
    let database = rusqlite::Connection::open(&path).unwrap();
    let counter: Vec<u8> = database
        .query_row("SELECT value FROM spin_key_value WHERE store = 'default' AND key = 'n'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(counter, [2, 1, 0, 0, 0, 0, 0, 0]);
    database
        .execute("INSERT INTO spin_key_value (store, key, value) VALUES ('default', 'spin', x'6869')", [])
        .unwrap();
    assert_eq!(store.get("spin").await, Ok(Some(bytes("hi"))));
}

#[tokio::test]
async fn sqlite_that_somebody_else_has_locked_fails_in_bounded_time_and_is_read_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    let store = SqliteStore::open(&path, "default", PATIENCE).unwrap();
    store.set("a", bytes("before")).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    assert_eq!(store.get("a").await, Ok(Some(bytes("before"))));
    assert!(start.elapsed() < Duration::from_secs(1));
    // Those behind the one that waited do not wait as long, one after the other.
    for _ in 0..20 {
        assert!(store.set("a", bytes("after")).await.is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    other.execute_batch("ROLLBACK").unwrap();
    store.set("a", bytes("after")).await.unwrap();
    assert_eq!(store.get("a").await, Ok(Some(bytes("after"))));
}

#[tokio::test]
async fn sqlite_acknowledges_nothing_in_a_file_that_was_removed_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.db");
    let store = SqliteStore::open(&path, "default", PATIENCE).unwrap();
    store.set("a", bytes("kept")).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    for another in [false, true] {
        if another {
            SqliteStore::open(&path, "default", PATIENCE).unwrap().set("a", bytes("another")).await.unwrap();
        }
        let Err(Failure::Reported(why)) = store.set("a", bytes("lost")).await else {
            panic!("it is acknowledged")
        };
        assert!(why.contains("was removed or replaced"), "{why}");
        // A bank that could still read would say that it is ready.
        let Err(Failure::Reported(why)) = store.get("a").await else { panic!("it is read") };
        assert!(why.contains("was removed or replaced"), "{why}");
    }
}

#[tokio::test]
async fn redis_keeps_counters_as_decimal_text_like_spin() {
    let server = common::redis::Redis::start();
    let store = connect(&server.url());
    store.increment("n", 258).await.unwrap();
    assert_eq!(store.get("n").await, Ok(Some(bytes("258"))));
    store.set("m", bytes("41")).await.unwrap();
    assert_eq!(store.increment("m", 1).await, Ok(42));
}

#[tokio::test]
async fn redis_that_is_away_fails_at_once_and_its_return_is_noticed_at_once() {
    let port = common::free_port();
    let store = connect(&format!("redis://127.0.0.1:{port}"));
    for _ in 0..2 {
        fails_within(Duration::from_millis(200), &store).await;
        let server = common::redis::Redis::start_on(port);
        comes_back_within(Duration::from_secs(1), &store).await;
        store.swap("a", None, bytes("1")).await.unwrap();
        drop(server);
    }
    fails_within(Duration::from_millis(200), &store).await;
}

#[tokio::test]
async fn redis_that_hangs_fails_in_bounded_time_and_is_back_when_it_goes_on() {
    let server = common::redis::Redis::start();
    let store = Arc::new(connect(&server.url()));
    store.set("a", bytes("1")).await.unwrap();
    server.freeze();
    let waiting = (0..20).map(|_| async { fails_within(Duration::from_millis(3500), &store).await });
    futures::future::join_all(waiting).await;
    server.thaw();
    comes_back_within(Duration::from_secs(1), &store).await;
}

/// Components drop their calls after half a second; nobody may be left without a connection for that.
#[tokio::test]
async fn redis_is_found_again_by_callers_that_never_wait_long() {
    let port = common::free_port();
    let store = connect(&format!("redis://127.0.0.1:{port}"));
    let server = common::redis::Redis::start_on(port);
    server.freeze();
    for _ in 0..5 {
        let answer = tokio::time::timeout(Duration::from_millis(100), store.get("a")).await;
        assert!(!matches!(answer, Ok(Ok(_))));
    }
    server.thaw();
    let start = Instant::now();
    while !matches!(tokio::time::timeout(Duration::from_millis(100), store.get("a")).await, Ok(Ok(_))) {
        assert!(start.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_redis_password_is_never_shown() {
    let server = common::redis::Redis::start();
    let store = connect(&format!("redis://user:hunter2@127.0.0.1:{}", server.port));
    let Failure::Reported(message) = store.get("a").await.unwrap_err() else { panic!() };
    assert!(!message.contains("hunter2"), "{message}");
}

async fn fails_within(limit: Duration, store: &RedisStore) {
    let start = Instant::now();
    assert!(store.get("a").await.is_err());
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

async fn comes_back_within(limit: Duration, store: &RedisStore) {
    let start = Instant::now();
    while store.get("a").await.is_err() {
        assert!(start.elapsed() < limit, "still away after {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
