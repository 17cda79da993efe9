//! Which instance of a component gets a request, and when instances begin and end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use common::{Bank, bank, manifest};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The instance that answers, by name, and which of its requests this was.
fn asked(bank: &Bank, ms: u32) -> (String, u32) {
    let answer = bank.get(&format!("/instance?ms={ms}"));
    let (name, request) = answer.split_once(' ').unwrap();
    (name.to_owned(), request.parse().unwrap())
}

#[test]
fn requests_one_after_the_other_go_to_one_instance_until_it_has_had_128() {
    let bank = bank(&manifest(""), &[]);
    let answers: Vec<_> = (0..130).map(|_| asked(&bank, 0)).collect();
    for (place, (name, request)) in answers.iter().enumerate() {
        assert_eq!(*name == answers[0].0, place < 128, "{place}");
        assert_eq!(*request as usize, place % 128 + 1);
    }
}

#[test]
fn requests_at_the_same_time_share_as_few_instances_as_there_are_cores() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let bank = bank(&manifest(""), &[]);
    let names: BTreeSet<String> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..4 * cores).map(|_| scope.spawn(|| asked(&bank, 500).0)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert!(names.len() <= cores, "{cores} cores, {} instances", names.len());
}

#[test]
fn requests_share_one_instance_while_another_component_keeps_every_core_busy() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let sleeper = format!(
        "[[trigger.http]]\nroute = \"/sleep\"\ncomponent = \"sleeper\"\n[component.sleeper]\nsource = {:?}\n",
        common::guest()
    );
    let bank = bank(&manifest(&sleeper), &[]);
    let names: BTreeSet<String> = std::thread::scope(|scope| {
        for _ in 0..4 * cores {
            scope.spawn(|| bank.get("/sleep?ms=2000"));
        }
        std::thread::sleep(Duration::from_millis(500));
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(|| asked(&bank, 500).0)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn an_instance_that_was_idle_for_a_second_goes() {
    let bank = bank(&manifest(""), &[]);
    let (first, _) = asked(&bank, 0);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_ne!(asked(&bank, 0).0, first);
}

#[test]
fn nobody_waits_behind_a_synchronous_call_of_somebody_else() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let redis = common::redis::Redis::start();
    let config = redis.runtime_config();
    let bank = bank(&manifest(""), &["--runtime-config-file", &config.path().display().to_string()]);
    bank.get("/atomics/increment?key=n");
    redis.freeze();
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 * cores {
            scope.spawn(|| {
                bank.get("/atomics/increment?key=n");
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        // Now they wait, each holding up an instance.
        std::thread::sleep(Duration::from_millis(100));
        asked(&bank, 0);
        assert_eq!(ended.load(Ordering::Relaxed), 0, "it waited for one of them");
    });
    redis.thaw();
}

/// `bank` with requests placed as Spin places them.
fn spins() -> Bank {
    bank(&manifest(""), &["--placement", "spin"])
}

#[test]
fn placed_as_by_spin_an_instance_that_waits_takes_the_next_request_too() {
    let bank = spins();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| asked(&bank, 1_000).0);
        std::thread::sleep(Duration::from_millis(500));
        let (second, _) = asked(&bank, 0);
        assert_eq!(second, first.join().unwrap(), "there are cores that nobody uses, and Spin does not care");
    });
}

#[test]
fn placed_as_by_spin_an_instance_has_128_requests_16_at_a_time_and_a_second() {
    let bank = spins();
    let answers: Vec<_> = (0..130).map(|_| asked(&bank, 0)).collect();
    for (place, (name, request)) in answers.iter().enumerate() {
        assert_eq!(*name == answers[0].0, place < 128, "{place}");
        assert_eq!(*request as usize, place % 128 + 1);
    }
    std::thread::sleep(Duration::from_millis(1_500));
    assert_ne!(asked(&bank, 0).0, answers[129].0, "it was idle for long");
    let names: Vec<String> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..17).map(|_| scope.spawn(|| asked(&bank, 1_000).0)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert!(names.iter().any(|name| *name != names[0]), "17 requests at a time");
}

#[test]
fn placed_as_by_spin_a_trap_is_a_500_and_the_next_request_is_served() {
    let bank = spins();
    let trap = common::http::get(&bank.address, "/trap");
    assert_eq!((trap.status, trap.body.as_str()), (500, ""));
    bank.wait_for_stderr("wasm trap");
    assert_eq!(asked(&bank, 0).1, 1);
}
