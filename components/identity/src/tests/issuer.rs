//! The issuer's keys: when they are fetched, how long they are good, and what an issuer may do.

use std::task::{Context, Waker};

use futures::executor::block_on;
use serde_json::json;
use store::Store as _;
use store::memory::Memory;

use super::world::*;
use super::*;
use crate::settings::{KeyLocation, RawSettings};

#[test]
fn keys_are_fetched_once_for_all_instances_and_anew_after_ten_minutes() {
    let (world, store) = (World::new(&[1]), Memory::new());
    for _ in 0..3 {
        keys::forget();
        assert_eq!(status(&world, &store, &world.token(1)), 200);
    }
    world.passes(599);
    assert_eq!((status(&world, &store, &world.token(1)), world.fetches()), (200, 1));
    world.passes(2);
    for _ in 0..3 {
        keys::forget();
        assert_eq!((status(&world, &store, &world.token(1)), world.fetches()), (200, 0), "nobody waits");
    }
    world.settles();
    assert_eq!(world.fetches(), 1);
}

#[test]
fn a_key_that_is_not_known_is_looked_for_at_most_every_30_seconds() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.passes(31);
    world.publishes(&[1, 2]);
    assert_eq!((status(&world, &store, &world.token(2)), world.fetches()), (200, 2));
    world.passes(1);
    for _ in 0..5 {
        let found = answered(&world, &store, &settings(), &[&format!("Bearer {}", world.token(3))]);
        assert_eq!((found.status, &found.body["outcome"]), (503, &json!("none")));
        assert!(found.field("retry-after").is_some(), "it may be good in a moment");
    }
    assert_eq!(world.fetches(), 0);
    world.passes(31);
    assert_eq!((status(&world, &store, &world.token(3)), world.fetches()), (401, 1));
    assert_eq!(status(&world, &store, &world.token(1)), 200);
}

#[test]
fn a_key_that_was_withdrawn_is_good_no_longer_than_ten_minutes() {
    let (world, store) = (World::new(&[1, 2]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.publishes(&[2]);
    world.passes(601);
    assert_eq!(status(&world, &store, &world.token(1)), 200, "nobody waits for the issuer");
    world.settles();
    assert_eq!(status(&world, &store, &world.token(1)), 401);
    assert_eq!(status(&world, &store, &world.token(2)), 200);
}

#[test]
fn a_key_that_was_withdrawn_lets_nobody_in_after_hours_in_which_nobody_came() {
    for hours in [1, 23, 25, 400] {
        let (world, store) = (World::new(&[1, 2]), Memory::new());
        assert_eq!(status(&world, &store, &world.token(1)), 200);
        world.publishes(&[2]);
        world.passes(hours * 3600);
        assert_eq!(status(&world, &store, &world.token(1)), 401, "{hours} h");
        assert_eq!(status(&world, &store, &world.token(2)), 200, "{hours} h");
    }
}

#[test]
fn an_issuer_that_comes_back_is_asked_again_however_long_it_was_away() {
    for hours in [1, 25, 400] {
        let (world, store) = (World::new(&[1]), Memory::new());
        assert_eq!(status(&world, &store, &world.token(1)), 200);
        world.documents.borrow_mut().clear();
        world.passes(hours * 3600);
        let meanwhile = if hours < 24 { 200 } else { 503 };
        assert_eq!(status(&world, &store, &world.token(1)), meanwhile, "{hours} h");
        world.says(DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": JWKS}).to_string());
        world.publishes(&[2]);
        world.passes(31);
        let _starts_the_refresh = status(&world, &store, &world.token(2));
        world.settles();
        assert_eq!(status(&world, &store, &world.token(2)), 200, "{hours} h");
    }
}

#[test]
fn keys_that_were_stored_by_a_clock_far_ahead_are_fetched_anew() {
    let (world, store) = (World::new(&[1]), Memory::new());
    world.passes(2 * 86_400);
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    keys::forget();
    world.now_ms.set(world.now_ms.get() - 2 * 86_400_000);
    assert_eq!(status(&world, &store, &world.token(1)), 200);
}

#[test]
fn while_the_issuer_may_not_be_asked_whoever_names_a_key_that_is_not_known_is_answered_at_once() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.passes(1);
    let begun_ms = world.now_ms.get();
    for _ in 0..20 {
        assert_eq!(status(&world, &store, &world.token(3)), 503);
    }
    assert_eq!((world.now_ms.get(), world.fetches()), (begun_ms, 1), "nobody has waited");
}

#[test]
fn while_the_issuer_is_away_keys_are_good_for_a_day() {
    for hangs in [false, true] {
        let (world, store) = (World::new(&[1]), Memory::new());
        keys::forget();
        let token = world.token(1);
        assert_eq!(status(&world, &store, &token), 200);
        world.documents.borrow_mut().clear();
        world.hangs.set(hangs);
        for _ in 0..23 {
            world.passes(3_600);
            keys::forget();
            assert_eq!(status(&world, &store, &token), 200, "{hangs}");
            world.settles();
        }
        world.passes(3_700);
        let found = answered(&world, &store, &settings(), &[&format!("Bearer {token}")]);
        assert_eq!((found.status, &found.body["outcome"]), (503, &json!("none")), "{hangs}");
        keys::forget();
    }
}

#[test]
fn an_issuer_that_lies_or_says_too_little_gives_no_keys_and_is_asked_again_after_30_seconds() {
    let other = json!({"issuer": "https://issuer.test", "jwks_uri": JWKS}).to_string();
    let plain = json!({"issuer": ISSUER, "jwks_uri": "http://keys.test/jwks"}).to_string();
    let inside = json!({"issuer": ISSUER, "jwks_uri": "https://rates.spin.internal./v1/rates"}).to_string();
    let smuggled =
        json!({"issuer": ISSUER, "jwks_uri": "https://keys.test:1@Identity.SPIN.internal:80"}).to_string();
    for (url, status_said, body) in [
        (DISCOVERY, 200, other.as_str()),
        (DISCOVERY, 200, plain.as_str()),
        (DISCOVERY, 200, inside.as_str()),
        (DISCOVERY, 200, smuggled.as_str()),
        (DISCOVERY, 200, "<html>"),
        (DISCOVERY, 302, ""),
        (DISCOVERY, 500, ""),
        (JWKS, 302, ""),
        (JWKS, 200, "{}"),
    ] {
        keys::forget();
        let (world, store) = (World::new(&[1]), Memory::new());
        world.says(url, status_said, body);
        assert_eq!(status(&world, &store, &world.token(1)), 503, "{url} {status_said} {body}");
        let asked = world.asked.take().len();
        assert_eq!(status(&world, &store, &world.token(1)), 503, "{body}");
        assert_eq!((world.asked.take().len(), asked > 0), (0, true), "{body}");
        world.says(DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": JWKS}).to_string());
        world.publishes(&[1]);
        world.passes(31);
        assert_eq!(status(&world, &store, &world.token(1)), 200, "{body}");
    }
}

#[test]
fn an_address_of_keys_that_is_set_is_asked_without_discovery() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let settings = given(&RawSettings { jwks_url: JWKS.into(), ..RawSettings::default() });
    assert_eq!(answered(&world, &store, &settings, &[&format!("Bearer {}", world.token(1))]).status, 200);
    assert_eq!(world.asked.take(), [JWKS]);
}

#[test]
fn keys_that_were_kept_for_another_issuer_are_none() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    keys::forget();
    let other =
        KeyLocation { issuer: "https://other.test".into(), jwks_url: Some("https://other.test/k".into()) };
    let fetcher = KeyFetcher { stores: &store, environment: &world, source: &other };
    assert!(block_on(fetcher.current()).is_err());
    let source = KeyLocation { issuer: ISSUER.into(), jwks_url: None };
    block_on(store.set(&::store::keys::issuer(&source.name()), b"what?")).unwrap();
    keys::forget();
    world.passes(31);
    assert_eq!(status(&world, &store, &world.token(1)), 200);
}

#[test]
fn banks_with_other_sources_of_keys_on_one_store_take_nothing_from_one_another() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let by_url = given(&RawSettings { jwks_url: "https://keys.test/other".into(), ..RawSettings::default() });
    world.publishes(&[2]);
    let of_other = world.documents.borrow()[JWKS].clone();
    world.documents.borrow_mut().insert("https://keys.test/other".into(), of_other);
    world.publishes(&[1]);
    for _ in 0..3 {
        for (settings, good) in [(&settings(), 1), (&by_url, 2)] {
            keys::forget();
            let token = format!("Bearer {}", world.token(good));
            assert_eq!(answered(&world, &store, settings, &[&token]).status, 200, "{good}");
        }
    }
    assert_eq!(world.asked.take().len(), 3, "each source once");
}

#[test]
fn an_issuer_that_withdraws_all_its_keys_is_obeyed() {
    let secret = json!({"keys": [{"kty": "oct", "kid": "k1", "k": encode(&[1; 32])}]}).to_string();
    for nothing in [r#"{"keys":[]}"#, secret.as_str()] {
        keys::forget();
        let (world, store) = (World::new(&[1]), Memory::new());
        let token = world.token(1);
        assert_eq!(status(&world, &store, &token), 200);
        world.says(JWKS, 200, nothing);
        world.passes(601);
        assert_eq!(status(&world, &store, &token), 200, "nobody waits for the issuer");
        world.settles();
        for forgets in [false, true] {
            if forgets {
                keys::forget();
            }
            assert!(matches!(status(&world, &store, &token), 401 | 503), "{nothing}");
        }
        world.passes(31);
        assert_eq!(status(&world, &store, &token), 401, "{nothing}");
    }
}

#[test]
fn a_key_that_is_not_known_while_the_issuer_is_away_may_be_good_later() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.passes(31);
    world.says(JWKS, 500, "");
    world.asked.take();
    for asked in [1, 0] {
        let found = answered(&world, &store, &settings(), &[&format!("Bearer {}", world.token(2))]);
        assert_eq!((found.status, &found.body["outcome"]), (503, &json!("none")));
        assert_eq!(world.asked.take().iter().filter(|url| *url == JWKS).count(), asked);
    }
    world.publishes(&[1, 2]);
    world.passes(31);
    assert_eq!(status(&world, &store, &world.token(2)), 200);
}

#[test]
fn one_request_of_an_instance_waits_for_an_issuer_that_stalls_and_others_half_a_second() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.passes(31);
    world.hangs.set(true);
    world.is_still.set(true);
    let settings = settings();
    let unknown = http_request(&[&format!("Bearer {}", world.token(9))]);
    let mut waiting = Box::pin(identify(&unknown, &settings, &store, &world));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending(), "it waits for the issuer");
    for _ in 0..60 {
        let begun_ms = world.now_ms.get();
        assert_eq!(status(&world, &store, &world.token(9)), 503);
        assert_eq!(world.now_ms.get() - begun_ms, 500, "what it waited for the one that waits");
        assert_eq!(status(&world, &store, &world.token(1)), 200);
    }
    drop(waiting);
    // What it held it has given back: after its claim has ended another one asks.
    world.hangs.set(false);
    world.is_still.set(false);
    world.passes(31);
    assert_eq!(status(&world, &store, &world.token(9)), 401);
}

#[test]
fn a_redirect_is_followed_within_the_issuers_origin_and_nowhere_else() {
    for (location, is_followed) in [
        ("/moved", true),
        ("https://keys.test/moved", true),
        ("https://KEYS.test/moved", true),
        ("//keys.test/moved", false),
        ("http://keys.test/moved", false),
        ("https://keys.test:8443/moved", false),
        ("https://keys.test@other.test/moved", false),
        ("https://other.test/moved", false),
        ("moved", false),
    ] {
        keys::forget();
        let (world, store) = (World::new(&[1]), Memory::new());
        let keys = world.documents.borrow()[JWKS].clone();
        world.redirects(JWKS, location);
        for (url, path) in [("https://keys.test", "/moved"), ("https://KEYS.test", "/moved")] {
            world.documents.borrow_mut().insert([url, path].concat(), keys.clone());
        }
        world.documents.borrow_mut().insert(location.to_owned(), keys);
        let expected = if is_followed { 200 } else { 503 };
        assert_eq!(status(&world, &store, &world.token(1)), expected, "{location}");
        assert_eq!(world.asked.take().len(), if is_followed { 3 } else { 2 }, "{location}");
    }
    keys::forget();
    let (world, store) = (World::new(&[1]), Memory::new());
    world.redirects(JWKS, JWKS);
    assert_eq!(status(&world, &store, &world.token(1)), 503);
    assert_eq!(world.asked.take().len(), 5, "no more than three redirects");
}
