//! Fuzz targets: an issuer may say anything, and the store may hold anything as its keys. Nothing panics, no
//! forbidden address is called, and nobody gets in without a key. Each target is a test of its corpus (`__fuzz__`),
//! and what `make fuzz` starts from.

use futures::executor::block_on;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::Store as _;
use store::memory::Memory;

use super::world::*;
use super::*;

corpus::targets! {
    discoveries: discovered,
    redirects: redirected,
    stored_keys: stored,
}

/// Scheme, and host in lower case without user and port, of an address.
fn place(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default().to_lowercase();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    (scheme.to_ascii_lowercase(), host.trim_end_matches('.').to_owned())
}

/// A discovery document leads to keys by TLS, and never into the application.
fn discovered(bytes: &[u8]) {
    let Ok(document) = str::from_utf8(bytes) else { return };
    let world = World::new(&[1]);
    world.says(DISCOVERY, 200, document);
    status(&world, &Memory::new(), &world.token(1));
    for url in world.asked.take().iter().filter(|url| *url != DISCOVERY) {
        let (scheme, host) = place(url);
        assert_eq!(scheme, "https", "{url}");
        assert!(host != "spin.internal" && !host.ends_with(".spin.internal"), "{url}");
    }
}

/// A redirect leads nowhere but to the same origin.
fn redirected(bytes: &[u8]) {
    let Ok(location) = str::from_utf8(bytes) else { return };
    let world = World::new(&[1]);
    world.redirects(JWKS, location);
    status(&world, &Memory::new(), &world.token(1));
    for url in world.asked.take().iter().filter(|url| *url != DISCOVERY) {
        assert_eq!(place(url), ("https".to_owned(), "keys.test".to_owned()), "{url}");
    }
}

/// What is stored, as far as it decides who is let in. What it holds besides is skipped, as the component skips it.
#[derive(Deserialize)]
struct StoredKeys {
    v: u64,
    issuer: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Key {
    x: String,
}

/// Keys that are stored let nobody in but who signed with one of them.
fn stored(bytes: &[u8]) {
    let (world, store) = (World::new(&[]), Memory::new());
    world.documents.take();
    let KeySource::Issuer(source) = settings().key_source else { panic!("no issuer") };
    block_on(store.set(&::store::keys::issuer(&source.name()), bytes)).unwrap();
    keys::forget();
    if status(&world, &store, &world.token(1)) == 200 {
        let held: StoredKeys = serde_json::from_slice(bytes).unwrap();
        let x = encode(key(1).verifying_key().as_bytes());
        let is_x = |key: &RawValue| serde_json::from_str::<Key>(key.get()).is_ok_and(|key| key.x == x);
        assert!(held.keys.keys.iter().any(|key| is_x(key)), "{}", String::from_utf8_lossy(bytes));
        assert_eq!((held.issuer.as_str(), held.v), (ISSUER, 1));
    }
    keys::forget();
}
