//! The answer to each kind of token.

use serde_json::{Value, json};
use store::memory::Memory;

use super::world::*;
use crate::settings::RawSettings;

#[test]
fn a_good_token_says_who_asks_what_is_allowed_and_for_how_long() {
    let (world, store) = (World::new(&[1]), Memory::new());
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let found = answered(&world, &store, &settings(), &[&format!("{scheme} {}", world.token(1))]);
        assert_eq!((found.status, found.body.clone()), (200, Value::Null));
        assert_eq!(found.field("user-id"), Some("alice"));
        assert_eq!(found.field("scope"), Some("wallet:read wallet:write"), "nobody asks for scopes");
        assert_eq!(found.field("cache-control"), Some("max-age=60"));
    }
    assert_eq!(world.fetches(), 1);
}

#[test]
fn where_scopes_are_asked_for_a_token_allows_what_it_says() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let settings = given(&RawSettings { scopes: "on".into(), ..RawSettings::default() });
    for (scope, allowed) in [
        ("", ""),
        ("a b", ""),
        ("wallet:write openid", "wallet:write"),
        ("openid wallet:write wallet:read", "wallet:read wallet:write"),
    ] {
        let exp = world.now_ms.get() / 1000 + 600;
        let claims = json!({"iss": ISSUER, "aud": "bank", "sub": "alice", "exp": exp, "scope": scope});
        let found = answered(&world, &store, &settings, &[&format!("Bearer {}", signed(1, &claims))]);
        assert_eq!((found.status, found.field("scope")), (200, Some(allowed)), "{scope}");
    }
}

#[test]
fn what_is_known_of_a_token_may_not_be_remembered_past_its_time() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let now = world.now_ms.get() / 1000;
    // With 30 s of leeway.
    for (exp, age) in [(now + 600, 60), (now + 20, 50), (now, 30), (now - 29, 1)] {
        let token = signed(1, &json!({"iss": ISSUER, "aud": "bank", "sub": "alice", "exp": exp}));
        let found = answered(&world, &store, &settings(), &[&format!("Bearer {token}")]);
        assert_eq!(found.field("cache-control"), Some(format!("max-age={age}").as_str()), "{exp}");
    }
}

#[test]
fn a_minute_is_all_that_a_token_is_remembered_here_and_elsewhere_together() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let token = format!("Bearer {}", world.token(1));
    for (later, age) in [(0, 60), (20, 40), (39, 1), (1, 60)] {
        world.passes(later);
        let found = answered(&world, &store, &settings(), &[&token]);
        assert_eq!(found.field("cache-control"), Some(format!("max-age={age}").as_str()), "{later}");
    }
}

#[test]
fn what_is_no_good_token_is_401_with_a_challenge_and_says_nothing_of_the_token() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let good = format!("Bearer {}", world.token(1));
    let forged = format!("Bearer {}", world.token(1).replacen("eyJ", "eyK", 2).replacen("eyK", "eyJ", 1));
    assert_ne!(forged, good);
    let long_user = signed(1, &json!({"iss": ISSUER, "aud": "bank", "sub": "a b", "exp": 9_999_999_999_u64}));
    let long_user = format!("Bearer {long_user}");
    let missing: &[&[&str]] = &[&[], &["Basic YTpi"]];
    let invalid: &[&[&str]] = &[&["Bearer"], &["Bearer x"], &[&good, &good], &[&forged], &[&long_user]];
    let missing = missing.iter().map(|sent| (sent, "missing-identity"));
    for (sent, code) in missing.chain(invalid.iter().map(|sent| (sent, "invalid-identity"))) {
        let found = answered(&world, &store, &settings(), sent);
        assert_eq!((found.status, &found.body["code"]), (401, &json!(code)), "{sent:?}");
        let challenge = found.field("www-authenticate").unwrap();
        let detail = found.body["detail"].as_str().unwrap();
        let expected = match code {
            "missing-identity" => "Bearer".to_owned(),
            _ => format!("Bearer error=\"invalid_token\", error_description=\"{detail}\""),
        };
        assert_eq!(challenge, expected, "{sent:?}");
        let said = format!("{}{:?}", found.body, found.fields);
        assert!(!said.contains("eyJ"), "{said}");
    }
}

#[test]
fn with_a_secret_nobody_outside_is_asked() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let settings =
        given(&RawSettings { secret: "0123456789abcdef0123456789abcdef".into(), ..RawSettings::default() });
    assert_eq!(answered(&world, &store, &settings, &[&format!("Bearer {}", world.token(1))]).status, 401);
    assert!(world.asked.take().is_empty());
}
