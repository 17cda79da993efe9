//! Tokens and keys with an issuer of our own, a clock of our own, and a store in memory. Each test runs in a thread of
//! its own, and so in an instance of its own; [`keys::forget`] makes another instance of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use futures::executor::block_on;
use serde_json::{Value, json};
use store::Store as _;
use store::memory::Memory;

use super::*;
use crate::outside::Got;
use crate::settings::{Given, Source};

mod fuzz;

const ISSUER: &str = "https://issuer.test/realm";
const DISCOVERY: &str = "https://issuer.test/realm/.well-known/openid-configuration";
const JWKS: &str = "https://keys.test/jwks";

/// A world with an issuer in it.
#[derive(Clone)]
struct World(Rc<Inner>);

struct Inner {
    now_ms: Cell<u64>,
    documents: RefCell<BTreeMap<String, Got>>,
    /// What nobody waits for.
    tasks: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    asked: RefCell<Vec<String>>,
    /// The issuer does not answer at all.
    hangs: Cell<bool>,
    /// What takes a second or longer does not end.
    is_still: Cell<bool>,
}

impl Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl outside::Outside for World {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    async fn pause(&self, time: Duration) {
        if self.is_still.get() && time >= Duration::from_secs(1) {
            std::future::pending::<()>().await;
        }
        self.now_ms.set(self.now_ms.get() + u64::try_from(time.as_millis()).unwrap());
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().push(Box::pin(task));
    }

    async fn get(&self, url: &str) -> Result<Got, &'static str> {
        self.asked.borrow_mut().push(url.to_owned());
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        self.documents.borrow().get(url).cloned().ok_or("refused")
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
        let world = Self(Rc::new(Inner {
            now_ms: Cell::new(1_800_000_000_000),
            documents: RefCell::default(),
            tasks: RefCell::default(),
            asked: RefCell::default(),
            hangs: Cell::new(false),
            is_still: Cell::new(false),
        }));
        world.says(DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": JWKS}).to_string());
        world.publishes(keys);
        world
    }

    fn says(&self, url: &str, status: u16, body: &str) {
        let got = Got { status, location: None, body: body.into() };
        self.documents.borrow_mut().insert(url.to_owned(), got);
    }

    fn redirects(&self, url: &str, location: &str) {
        let got = Got { status: 302, location: Some(location.to_owned()), body: Vec::new() };
        self.documents.borrow_mut().insert(url.to_owned(), got);
    }

    /// Does what was left for later.
    fn settles(&self) {
        for task in self.tasks.take() {
            block_on(task);
        }
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
    let settings = given(&Given { jwks_url: JWKS.into(), ..Given::default() });
    assert_eq!(answered(&world, &store, &settings, &[&format!("Bearer {}", world.token(1))]).status, 200);
    assert_eq!(world.asked.take(), [JWKS]);
}

#[test]
fn keys_that_were_kept_for_another_issuer_are_none() {
    let (world, store) = (World::new(&[1]), Memory::new());
    assert_eq!(status(&world, &store, &world.token(1)), 200);
    keys::forget();
    let other = Source { issuer: "https://other.test".into(), jwks_url: Some("https://other.test/k".into()) };
    let keys = Keys { stores: &store, outside: &world, source: &other };
    assert!(block_on(keys.current()).is_err());
    let source = Source { issuer: ISSUER.into(), jwks_url: None };
    block_on(store.set(&::store::keys::issuer(&source.name()), b"what?")).unwrap();
    keys::forget();
    world.passes(31);
    assert_eq!(status(&world, &store, &world.token(1)), 200);
}

#[test]
fn banks_with_other_sources_of_keys_on_one_store_take_nothing_from_one_another() {
    let (world, store) = (World::new(&[1]), Memory::new());
    let by_url = given(&Given { jwks_url: "https://keys.test/other".into(), ..Given::default() });
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
