//! A world with an issuer in it, and requests to the component there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use futures::executor::block_on;
use serde_json::{Value, json};
use store::memory::Memory;

use super::*;
use crate::environment::FetchedDocument;
use crate::settings::RawSettings;

pub const ISSUER: &str = "https://issuer.test/realm";
pub const DISCOVERY: &str = "https://issuer.test/realm/.well-known/openid-configuration";
pub const JWKS: &str = "https://keys.test/jwks";

/// A world with an issuer in it.
#[derive(Clone)]
pub struct World(Rc<Inner>);

pub struct Inner {
    pub now_ms: Cell<u64>,
    pub documents: RefCell<BTreeMap<String, FetchedDocument>>,
    /// What nobody waits for.
    pub tasks: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    pub asked: RefCell<Vec<String>>,
    /// The issuer does not answer at all.
    pub hangs: Cell<bool>,
    /// What takes a second or longer does not end.
    pub is_still: Cell<bool>,
}

impl Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl environment::Environment for World {
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

    async fn get(&self, url: &str) -> Result<FetchedDocument, &'static str> {
        self.asked.borrow_mut().push(url.to_owned());
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        self.documents.borrow().get(url).cloned().ok_or("refused")
    }
}

impl environment::OpensStore for Memory {
    type Store = Memory;

    async fn open(&self) -> Memory {
        self.clone()
    }
}

pub fn key(id: u8) -> SigningKey {
    SigningKey::from_bytes(&[id; 32])
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

impl World {
    /// An issuer with these keys.
    pub fn new(keys: &[u8]) -> Self {
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

    pub fn says(&self, url: &str, status: u16, body: &str) {
        let got = FetchedDocument { status, location: None, body: body.into() };
        self.documents.borrow_mut().insert(url.to_owned(), got);
    }

    pub fn redirects(&self, url: &str, location: &str) {
        let got = FetchedDocument { status: 302, location: Some(location.to_owned()), body: Vec::new() };
        self.documents.borrow_mut().insert(url.to_owned(), got);
    }

    /// Does what was left for later.
    pub fn settles(&self) {
        for task in self.tasks.take() {
            block_on(task);
        }
    }

    pub fn publishes(&self, keys: &[u8]) {
        let jwk = |id: &u8| {
            let x = encode(key(*id).verifying_key().as_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": format!("k{id}"), "x": x})
        };
        let keys: Vec<Value> = keys.iter().map(jwk).collect();
        self.says(JWKS, 200, &json!({ "keys": keys }).to_string());
    }

    pub fn passes(&self, seconds: u64) {
        self.now_ms.set(self.now_ms.get() + seconds * 1000);
    }

    /// How often the keys were asked for since somebody last wanted to know.
    pub fn fetches(&self) -> usize {
        self.asked.take().iter().filter(|url| *url == JWKS).count()
    }

    /// A token of alice's, good for two days.
    pub fn token(&self, id: u8) -> String {
        let exp = self.now_ms.get() / 1000 + 172_800;
        signed(id, &json!({"iss": ISSUER, "aud": "bank", "sub": "alice", "exp": exp, "scope": "a b"}))
    }
}

pub fn signed(id: u8, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": format!("k{id}")}).to_string();
    let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = key(id).sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", encode(&signature))
}

pub fn settings() -> Settings {
    given(&RawSettings::default())
}

pub fn given(given: &RawSettings) -> Settings {
    let (issuer, audience, user_claim) = (ISSUER.to_owned(), "bank".to_owned(), "sub".to_owned());
    Settings::new(RawSettings { issuer, audience, user_claim, ..given.clone() }).unwrap()
}

/// What is answered to these headers: the status, header fields, and the body of a problem.
pub struct Answered {
    pub status: u16,
    pub fields: BTreeMap<&'static str, String>,
    pub body: Value,
}

impl Answered {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

pub fn answered(world: &World, store: &Memory, settings: &Settings, authorization: &[&str]) -> Answered {
    let request = http_request(authorization);
    let answer = block_on(identify(&request, settings, store, world))
        .unwrap_or_else(|problem| problem.into_answer("r"));
    let (status, fields, mut body) = answer.into_parts("r");
    let fields = fields.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
    let body = std::iter::from_fn(|| body.next_piece()).flatten().collect::<Vec<u8>>();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answered { status: status.as_u16(), fields, body }
}

pub fn http_request(authorization: &[&str]) -> Request {
    let mut request = http::Request::get("/");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    Request::new(request.body(String::new()).unwrap())
}

pub fn status(world: &World, store: &Memory, token: &str) -> u16 {
    answered(world, store, &settings(), &[&format!("Bearer {token}")]).status
}
