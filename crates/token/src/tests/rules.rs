//! What a token must say, claim by claim.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::issuer::{NOW, claims, keys, rules, token};
use crate::{Rules, TokenError, VerifiedToken, verify};

fn judged(claims: &Value) -> Result<VerifiedToken, TokenError> {
    verify(&token("ES256", claims), &keys(), &rules(), NOW)
}

/// What becomes of an honest token with this claim instead, or without it.
fn with(name: &str, value: Option<Value>) -> Result<VerifiedToken, TokenError> {
    let mut claims = claims();
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    judged(&claims)
}

#[test]
fn the_claims_that_are_demanded() {
    for (name, value, expected) in [
        ("iss", None, Err(TokenError::Issuer)),
        ("iss", Some(json!("https://mallory.test")), Err(TokenError::Issuer)),
        ("iss", Some(json!("https://issuer.test/")), Err(TokenError::Issuer)),
        ("iss", Some(json!(["https://issuer.test"])), Err(TokenError::Issuer)),
        ("aud", None, Err(TokenError::Audience)),
        ("aud", Some(json!("other")), Err(TokenError::Audience)),
        ("aud", Some(json!("Bank")), Err(TokenError::Audience)),
        ("aud", Some(json!("bank other")), Err(TokenError::Audience)),
        ("aud", Some(json!([])), Err(TokenError::Audience)),
        ("aud", Some(json!(["other", "bank"])), Ok(())),
        ("exp", None, Err(TokenError::Expired)),
        ("exp", Some(json!("9999999999")), Err(TokenError::Expired)),
        ("exp", Some(json!(-1)), Err(TokenError::Expired)),
        ("exp", Some(json!(NOW - 30)), Err(TokenError::Expired)),
        ("exp", Some(json!(NOW - 29)), Ok(())),
        ("exp", Some(json!(1_800_000_000.5)), Ok(())),
        ("exp", Some(json!(1e300)), Ok(())),
        ("nbf", Some(json!(NOW + 30)), Ok(())),
        ("nbf", Some(json!(NOW + 31)), Err(TokenError::NotYet)),
        ("nbf", Some(json!("now")), Err(TokenError::Malformed)),
        ("sub", None, Err(TokenError::User)),
        ("sub", Some(json!("")), Err(TokenError::User)),
        ("sub", Some(json!(7)), Err(TokenError::User)),
        ("iat", Some(json!(NOW + 999)), Ok(())),
    ] {
        assert_eq!(with(name, value.clone()).map(drop), expected, "{name}: {value:?}");
    }
}

#[test]
fn rules_that_say_nothing_let_nobody_in() {
    let empty = |issuer: &str, audience: &str| Rules {
        issuer: issuer.into(),
        audience: audience.into(),
        user_claim: "sub".into(),
    };
    let mut claims = claims();
    claims["iss"] = "".into();
    claims["aud"] = "".into();
    let token = token("ES256", &claims);
    assert_eq!(verify(&token, &keys(), &empty("", ""), NOW), Err(TokenError::Issuer));
    assert_eq!(verify(&token, &keys(), &empty("", "bank"), NOW), Err(TokenError::Issuer));
}

#[test]
fn the_user_is_the_claim_that_the_rules_name() {
    let mut claims = claims();
    claims["email"] = "alice@example.com".into();
    let rules = Rules { user_claim: "email".into(), ..rules() };
    let verified = verify(&token("ES256", &claims), &keys(), &rules, NOW).unwrap();
    assert_eq!(verified.user, "alice@example.com");
}

#[test]
fn scopes_are_words_of_scope_and_scp() {
    for (name, value, expected) in [
        ("scope", json!("a b"), vec!["a", "b"]),
        ("scope", json!(" a  b "), vec!["a", "b"]),
        ("scope", json!(""), vec![]),
        ("scope", json!(5), vec![]),
        ("scp", json!("a b"), vec!["wallet:read", "wallet:write", "a", "b"]),
        ("scp", json!(["a", "b"]), vec!["wallet:read", "wallet:write", "a", "b"]),
    ] {
        assert_eq!(with(name, Some(value.clone())).unwrap().scopes, expected, "{name}: {value}");
    }
}

proptest! {
    #[test]
    fn no_text_at_all_is_a_token(text in ".{0,200}") {
        prop_assert!(verify(&text, &keys(), &rules(), NOW).is_err());
    }

    #[test]
    fn no_bytes_at_all_are_a_key_set_that_lets_anybody_in(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let set = crate::KeySet::of_issuer(&bytes);
        prop_assert!(set.is_none_or(|set| set.is_empty()));
    }
}
