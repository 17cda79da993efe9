//! An issuer of tokens: keys of each kind, and tokens signed with them.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use rsa::BoxedUint;
use rsa::signature::SignatureEncoding as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{KeySet, Rules};

/// When the tokens of these tests are made.
pub const NOW: u64 = 1_800_000_000;
pub const SECRET: &[u8] = b"a secret of two and thirty bytes";

/// The factors of an RSA key that is nobody's: to find new ones takes seconds.
const RSA_PRIMES: [&str; 2] = [
    "fb5ce8964ba61608554a790b01d21e508cd44efbca9aa04fd72573bf1fc736c586080a0c7d30eab0558f94\
     ef152eb99bf5f124b0e68b745dd4eac902a6cc842cbe89221bceccd34ce2305d45313967f9a66331567b28\
     7adcf46143d1a3f7c1d80bc6e55ad3bfd060cd122e0dfa241bb2e495e85145ea18b27fd7dcb51747a8ab",
    "da18f3d15202c81d5f3c06577cf36d40daafed596c4abc304ab33a97259909c8a02c60f069396a0250cb54\
     8b3ed23bb49844407d5cc91f333ca127add70c2121d9d5102541313612da3e358de5766ca401326c546bdb\
     fdc6aad44fcb10910040b14dd6446b9b2eb004b6660500fc5fecc68476edf127bdcd1db7f04445aef833",
];

static RSA: LazyLock<rsa::PrivateKey> = LazyLock::new(|| {
    let [p, q] = RSA_PRIMES.map(|prime| BoxedUint::from_str_radix_vartime(prime, 16).unwrap());
    rsa::PrivateKey::from_p_q(p, q, BoxedUint::from(65537_u64)).unwrap()
});

pub fn rules() -> Rules {
    Rules { issuer: "https://issuer.test".into(), audience: "bank".into(), user_claim: "sub".into() }
}

/// A token's claims as an honest issuer writes them.
pub fn claims() -> Value {
    json!({"iss": "https://issuer.test", "aud": "bank", "sub": "alice", "exp": NOW + 600, "iat": NOW, "scope": "wallet:read wallet:write"})
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Header and claims, ready to be signed.
pub fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

/// A token of this algorithm, signed with the issuer's key of the kind.
pub fn token(algorithm: &str, claims: &Value) -> String {
    signed(&json!({"alg": algorithm, "kid": kid(algorithm)}), claims)
}

/// A token with this very header, signed as its `alg` says.
pub fn signed(header: &Value, claims: &Value) -> String {
    let input = signing_input(header, claims);
    let signature = sign(header["alg"].as_str().unwrap(), input.as_bytes());
    format!("{input}.{}", encode(&signature))
}

pub fn kid(algorithm: &str) -> &'static str {
    match algorithm {
        "RS256" | "PS256" => "rsa",
        "ES256" => "p256",
        "EdDSA" | "Ed25519" => "ed25519",
        _ => "secret",
    }
}

pub fn sign(algorithm: &str, input: &[u8]) -> Vec<u8> {
    match algorithm {
        "RS256" => {
            rsa::signature::Signer::sign(&rsa::pkcs1v15::SigningKey::<Sha256>::new(RSA.clone()), input)
                .to_vec()
        }
        "PS256" => rsa::pss::SigningKey::<Sha256>::new(RSA.clone()).sign(input).to_vec(),
        "ES256" => {
            let signature: p256::ecdsa::Signature = p256_key().sign(input);
            signature.to_bytes().to_vec()
        }
        "EdDSA" | "Ed25519" => ed25519_key().sign(input).to_vec(),
        "HS256" => hmac(SECRET, input),
        other => panic!("nobody signs with {other}"),
    }
}

pub fn hmac(secret: &[u8], input: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(input).finalize().into_bytes().to_vec()
}

fn p256_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

fn ed25519_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[9; 32])
}

/// The issuer's keys as it publishes them.
pub fn published() -> Value {
    let point = p256_key().verifying_key().to_sec1_point(false);
    json!({"keys": [
        {"kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(&rsa_modulus()), "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "p256", "alg": "ES256", "x": encode(point.x().unwrap()), "y": encode(point.y().unwrap())},
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed25519", "key_ops": ["verify"], "x": encode(ed25519_key().verifying_key().as_bytes())},
    ]})
}

pub fn rsa_modulus() -> Vec<u8> {
    RSA.n().as_ref().to_be_bytes_trimmed_vartime().to_vec()
}

pub fn keys() -> KeySet {
    KeySet::of_issuer(published().to_string().as_bytes()).unwrap()
}
