//! A Redis that is not the master any more, and one that is far away: the server behind an address may change, and
//! may be slow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use bank::kv::KvStore as _;
use bank::kv::redis::RedisStore;
use bank::redis::{Patience, Server};
use common::proxy::{Proxy, server_that_answers, server_that_reports_asking};
use redis::{IntoConnectionInfo as _, Value};
use std::time::Duration;

fn store(url: &str, patience: Patience) -> RedisStore {
    RedisStore::new(url.into_connection_info().unwrap(), patience).unwrap()
}

async fn tell(redis: &common::redis::Redis, command: &[&str]) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut whole = redis::cmd(command.first().unwrap());
    whole.arg(command.get(1..).unwrap());
    whole.exec_async(&mut connection).await.unwrap();
}

/// The old master keeps its connections, and answers reads on them.
#[tokio::test]
async fn the_first_write_after_a_failover_is_refused_and_the_next_goes_to_the_new_master() {
    let (old, new) = (common::redis::Redis::start(), common::redis::Redis::start());
    let nobody = common::free_port().to_string();
    for write in ["set", "increment", "swap"] {
        tell(&old, &["REPLICAOF", "NO", "ONE"]).await;
        let proxy = Proxy::to(old.port, Duration::ZERO);
        let store = store(&proxy.url(), Patience::DEFAULT);
        let writes = async |key: &str| match write {
            "set" => store.set(key, b"1".to_vec()).await,
            "increment" => store.increment(key, 1).await.map(drop),
            _ => store.swap(key, None, b"1".to_vec()).await.map(drop),
        };
        writes(&format!("{write}-before")).await.unwrap();
        tell(&old, &["REPLICAOF", "127.0.0.1", &nobody]).await;
        proxy.lead_to(new.port);
        let error = writes(&format!("{write}-refused")).await.unwrap_err().to_string();
        // As Redis says it, or in the words of the client library.
        assert!(["READONLY", "ReadOnly"].iter().any(|code| error.contains(code)), "{write}: {error}");
        writes(&format!("{write}-after")).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_refuses_to_serve_is_asked_once() {
    let new = common::redis::Redis::start();
    for answer in [
        "-READONLY You can't write against a read only replica.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
        "-ERR Error running script (call to f_1): @user_script:8: -READONLY You can't write against a read only replica.\r\n",
    ] {
        let proxy = Proxy::to(server_that_answers(answer).0, Duration::ZERO);
        let store = store(&proxy.url(), Patience::DEFAULT);
        store.get("a").await.unwrap_err();
        proxy.lead_to(new.port);
        assert_eq!(store.get("a").await, Ok(None), "{answer}");
    }
}

/// Every command would connect anew otherwise.
#[tokio::test]
async fn an_address_that_still_leads_to_the_wrong_server_is_not_tried_all_the_time() {
    let (port, connected) = server_that_answers("-READONLY no\r\n");
    let store = store(&format!("redis://127.0.0.1:{port}"), Patience::DEFAULT);
    for _ in 0..200 {
        store.get("a").await.unwrap_err();
    }
    let connected = connected.load(std::sync::atomic::Ordering::SeqCst);
    assert!(connected < 100, "{connected} connections for 200 commands");
}

#[tokio::test]
async fn an_error_of_the_command_alone_costs_no_connection() {
    let redis = common::redis::Redis::start();
    let proxy = Proxy::to(redis.port, Duration::ZERO);
    let store = store(&proxy.url(), Patience::DEFAULT);
    store.set("a", b"no number".to_vec()).await.unwrap();
    proxy.lead_to(common::free_port());
    store.increment("a", 1).await.unwrap_err();
    store.set("a", b"1".to_vec()).await.unwrap();
}

#[tokio::test]
async fn a_component_that_closes_its_connection_and_opens_one_gets_another() {
    let redis = common::redis::Redis::start();
    let info = redis.url().as_str().into_connection_info().unwrap();
    let server = Server::new(info, Patience::DEFAULT).unwrap();
    let id = async |opened: &bank::redis::ComponentConnection| -> u64 {
        let command = opened.run(|mut connection| async move {
            redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await
        });
        command.await.unwrap()
    };
    let (first, same) = (server.open().await.unwrap(), server.open().await.unwrap());
    assert_eq!(id(&first).await, id(&same).await, "components share a connection");
    let before = id(&first).await;
    first.close();
    let after = id(&server.open().await.unwrap()).await;
    assert_ne!(before, after);
    assert_eq!(id(&same).await, after);
    // It was closed already: this closes nothing that others use.
    server.open().await.unwrap();
    assert_eq!(id(&same).await, after);
}

#[tokio::test]
async fn an_asking_goes_right_before_the_next_command_of_its_sender_and_of_no_other() {
    let url = format!("redis://127.0.0.1:{}", server_that_reports_asking());
    let server = Server::new(url.as_str().into_connection_info().unwrap(), Patience::DEFAULT).unwrap();
    let says = async |asks: bool| {
        let opened = server.open().await.unwrap();
        if asks {
            opened.ask();
        }
        let first = opened.send(redis::cmd("GET")).await;
        (asks, first, opened.send(redis::cmd("GET")).await)
    };
    let all = futures::future::join_all((0..200).map(|n| says(n % 3 == 0))).await;
    let answer = |asked| Ok(Value::SimpleString(if asked { "asked" } else { "plain" }.to_owned()));
    for (asks, first, second) in all {
        assert_eq!((first, second), (answer(asks), answer(false)));
    }
}

/// Redis would say of the writes of another connection that all replicas have them.
#[tokio::test]
async fn a_wait_is_about_the_connection_that_was_written_to_or_fails() {
    let redis = common::redis::Redis::start();
    let info = redis.url().as_str().into_connection_info().unwrap();
    let server = Server::new(info, Patience::DEFAULT).unwrap();
    let (mut write, mut wait) = (redis::cmd("SET"), redis::cmd("WAIT"));
    write.arg("a").arg("1");
    wait.arg(0).arg(1);
    let (first, second) = (server.open().await.unwrap(), server.open().await.unwrap());
    for opened in [&first, &second] {
        assert_eq!(opened.send(write.clone()).await, Ok(Value::Okay));
        assert_eq!(opened.wait(wait.clone()).await, Ok(Value::Int(0)));
    }
    first.close();
    assert_eq!(second.send(write).await, Ok(Value::Okay), "on the next connection");
    second.wait(wait.clone()).await.unwrap_err();
    // It goes alone: nobody loses the connection that is there now.
    let third = server.open().await.unwrap();
    second.close();
    assert_eq!(third.send(redis::cmd("PING")).await, Ok(Value::SimpleString("PONG".to_owned())));
    assert_eq!(third.wait(wait).await, Ok(Value::Int(0)));
}

#[tokio::test]
async fn a_redis_that_is_far_away_is_reached_by_callers_that_have_the_time() {
    let redis = common::redis::Redis::start();
    let proxy = Proxy::to(redis.port, Duration::from_millis(300));
    let store = store(&proxy.url(), Patience::new(Duration::from_secs(5)));
    assert_eq!(store.get("a").await, Ok(None));
    assert_eq!(store.swap("a", None, b"1".to_vec()).await, Ok(true));
    assert_eq!(store.increment("n", 2).await, Ok(2));
}

/// With a password it takes several round trips to connect, each of which fits into the deadline.
#[tokio::test]
async fn a_connection_that_takes_longer_than_a_request_may_is_made_all_the_same() {
    let redis = common::redis::Redis::start();
    let proxy = Proxy::to(redis.port, Duration::from_millis(150));
    let url = format!("redis://127.0.0.1:{}/3", proxy.port);
    let store = store(&url, Patience::DEFAULT);
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(store.get("a").await);
        if answers.last() == Some(&Ok(None)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never connected: {answers:?}");
}
