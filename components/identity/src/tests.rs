//! Tokens and keys with an issuer of our own, a clock of our own, and a store in memory. Each test runs in a thread of
//! its own, and so in an instance of its own; [`keys::forget`] makes another instance of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use futures::executor::block_on;
use serde_json::{Value, json};
use store::Store as _;
use store::memory::Memory;

use super::*;
use crate::settings::{Given, Source};

const ISSUER: &str = "https://issuer.test/realm";
const DISCOVERY: &str = "https://issuer.test/realm/.well-known/openid-configuration";
const JWKS: &str = "https://keys.test/jwks";

/// A world with an issuer in it.
struct World {
    now_ms: Cell<u64>,
    documents: RefCell<BTreeMap<String, (u16, String)>>,
    asked: RefCell<Vec<String>>,
    /// The issuer does not answer at all.
    hangs: Cell<bool>,
}

impl outside::Outside for World {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    async fn pause(&self, time: Duration) {
        self.now_ms.set(self.now_ms.get() + u64::try_from(time.as_millis()).unwrap());
    }

    async fn get(&self, url: &str) -> Result<(u16, Vec<u8>), &'static str> {
        self.asked.borrow_mut().push(url.to_owned());
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        let document = self.documents.borrow().get(url).cloned();
        document.map(|(status, body)| (status, body.into_bytes())).ok_or("refused")
    }
}

impl outside::Stores for Memory {
    type Store = Memory;

    async fn open(&self) -> Memory {
        self.clone()
    }
}

fn key(id: u8) -> SigningKey {
    SigningKey::from_bytes(&[id; 32])
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

impl World {
    /// An issuer with these keys.
    fn new(keys: &[u8]) -> Self {
        let world = Self {
            now_ms: Cell::new(1_800_000_000_000),
            documents: RefCell::default(),
            asked: RefCell::default(),
            hangs: Cell::new(false),
        };
        world.says(DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": JWKS}).to_string());
        world.publishes(keys);
        world
    }

    fn says(&self, url: &str, status: u16, body: &str) {
        self.documents.borrow_mut().insert(url.to_owned(), (status, body.to_owned()));
    }

    fn publishes(&self, keys: &[u8]) {
        let jwk = |id: &u8| {
            let x = encode(key(*id).verifying_key().as_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": format!("k{id}"), "x": x})
        };
        let keys: Vec<Value> = keys.iter().map(jwk).collect();
        self.says(JWKS, 200, &json!({ "keys": keys }).to_string());
    }

    fn passes(&self, seconds: u64) {
        self.now_ms.set(self.now_ms.get() + seconds * 1000);
    }

    /// How often the keys were asked for since somebody last wanted to know.
    fn fetches(&self) -> usize {
        self.asked.take().iter().filter(|url| *url == JWKS).count()
    }

    /// A token of alice's, good for two days.
    fn token(&self, id: u8) -> String {
        let exp = self.now_ms.get() / 1000 + 172_800;
        signed(id, &json!({"iss": ISSUER, "aud": "bank", "sub": "alice", "exp": exp, "scope": "a b"}))
    }
}

fn signed(id: u8, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": format!("k{id}")}).to_string();
    let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = key(id).sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", encode(&signature))
}

fn settings() -> Settings {
    given(&Given::default())
}

fn given(given: &Given) -> Settings {
    let (issuer, audience, user_claim) = (ISSUER.to_owned(), "bank".to_owned(), "sub".to_owned());
    Settings::new(Given { issuer, audience, user_claim, ..given.clone() }).unwrap()
}

/// What is answered to these headers: the status, header fields, and the body of a problem.
struct Answered {
    status: u16,
    fields: BTreeMap<&'static str, String>,
    body: Value,
}

impl Answered {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

fn answered(world: &World, store: &Memory, settings: &Settings, authorization: &[&str]) -> Answered {
    let request = http_request(authorization);
    let answer = block_on(identify(&request, settings, store, world))
        .unwrap_or_else(|problem| problem.into_answer("r"));
    let (status, fields, mut body) = answer.into_parts("r");
    let fields = fields.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
    let body = std::iter::from_fn(|| body.next_piece()).flatten().collect::<Vec<u8>>();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answered { status: status.as_u16(), fields, body }
}

fn http_request(authorization: &[&str]) -> Request {
    let mut request = http::Request::get("/");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    Request::new(request.body(String::new()).unwrap())
}

fn status(world: &World, store: &Memory, token: &str) -> u16 {
    answered(world, store, &settings(), &[&format!("Bearer {token}")]).status
}

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
    let settings = given(&Given { scopes: "on".into(), ..Given::default() });
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
    let settings = given(&Given { secret: "0123456789abcdef0123456789abcdef".into(), ..Given::default() });
    assert_eq!(answered(&world, &store, &settings, &[&format!("Bearer {}", world.token(1))]).status, 401);
    assert!(world.asked.take().is_empty());
}

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
        assert_eq!(status(&world, &store, &world.token(1)), 200);
    }
    assert_eq!(world.fetches(), 1);
}

#[test]
fn a_key_that_is_not_known_is_looked_for_at_most_every_30_seconds() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    world.passes(31);
    world.publishes(&[1, 2]);
    assert_eq!((status(&world, &store, &world.token(2)), world.fetches()), (200, 2));
    for _ in 0..5 {
        assert_eq!(status(&world, &store, &world.token(3)), 401);
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
    assert_eq!(status(&world, &store, &world.token(1)), 401);
    assert_eq!(status(&world, &store, &world.token(2)), 200);
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
    let secret = json!({"keys": [{"kty": "oct", "kid": "k1", "k": encode(&[1; 32])}]}).to_string();
    for (url, status_said, body) in [
        (DISCOVERY, 200, other.as_str()),
        (DISCOVERY, 200, plain.as_str()),
        (DISCOVERY, 200, "<html>"),
        (DISCOVERY, 302, ""),
        (DISCOVERY, 500, ""),
        (JWKS, 302, ""),
        (JWKS, 200, "{}"),
        (JWKS, 200, r#"{"keys":[]}"#),
        (JWKS, 200, secret.as_str()),
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
    let settings = given(&Given { jwks_url: JWKS.into(), ..Given::default() });
    assert_eq!(answered(&world, &store, &settings, &[&format!("Bearer {}", world.token(1))]).status, 200);
    assert_eq!(world.asked.take(), [JWKS]);
}

#[test]
fn keys_that_were_kept_for_another_issuer_are_none() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    keys::forget();
    let source =
        Source { issuer: "https://other.test".into(), jwks_url: Some("https://other.test/k".into()) };
    let keys = Keys { stores: &store, outside: &world, source: &source };
    assert!(block_on(keys.current()).is_err());
    block_on(store.set(&::store::keys::issuer(), b"what?")).unwrap();
    keys::forget();
    world.passes(31);
    assert_eq!(status(&world, &store, &world.token(1)), 200);
}
