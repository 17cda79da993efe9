//! Bearer tokens as an issuer makes them: keys of every kind that the bank accepts, and tokens signed with them.
//!
//! A test uses a bank with `auth=jwt` and a secret like any other: a client with a [`Mint`] adds to each request a
//! token of the user that the request names.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use rsa::signature::SignatureEncoding as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuer whose tokens a bank with a secret accepts.
pub const ISSUER: &str = "https://issuer.prove.example";
pub const AUDIENCE: &str = "money-bank";
pub const SECRET: &str = "the-secret-of-prove-is-long-enough";
/// The user of a token for requests without a user.
const ANYBODY: &str = "anybody";
/// Tokens of one user are the same for this long, so that a bank can remember them.
const SAME_SECONDS: u64 = 600;

/// New in each process, since making one takes a second. As large as those of most issuers.
static RSA: LazyLock<rsa::PrivateKey> =
    LazyLock::new(|| rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap());

/// A key of an issuer.
#[derive(Clone)]
pub struct Key {
    /// Its name.
    pub kid: String,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rs256,
    Ps256,
    Es256(Box<p256::ecdsa::SigningKey>),
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Hs256(Vec<u8>),
}

impl Key {
    /// A key for this algorithm, made from `seed`; all RSA keys are the same.
    pub fn of(algorithm: &str, seed: u8) -> Self {
        let material = match algorithm {
            "RS256" => Material::Rs256,
            "PS256" => Material::Ps256,
            "ES256" => Material::Es256(Box::new(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())),
            "EdDSA" => Material::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))),
            other => panic!("no issuer here signs with {other}"),
        };
        Self { kid: format!("{algorithm}-{seed}"), material }
    }

    /// The key of HS256.
    pub fn secret(secret: &str) -> Self {
        Self { kid: "secret".to_owned(), material: Material::Hs256(secret.into()) }
    }

    pub fn algorithm(&self) -> &'static str {
        match self.material {
            Material::Rs256 => "RS256",
            Material::Ps256 => "PS256",
            Material::Es256(_) => "ES256",
            Material::EdDsa(_) => "EdDSA",
            Material::Hs256(_) => "HS256",
        }
    }

    /// A token that makes these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.with_header(&json!({"alg": self.algorithm(), "kid": self.kid, "typ": "at+jwt"}), claims)
    }

    /// A token with this very header.
    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.sign(input.as_bytes());
        format!("{input}.{}", encode(signature))
    }

    fn sign(&self, input: &[u8]) -> Vec<u8> {
        match &self.material {
            Material::Rs256 => {
                let key = rsa::pkcs1v15::SigningKey::<Sha256>::new(RSA.clone());
                rsa::signature::Signer::sign(&key, input).to_vec()
            }
            Material::Ps256 => rsa::pss::SigningKey::<Sha256>::new(RSA.clone()).sign(input).to_vec(),
            Material::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Material::EdDsa(key) => key.sign(input).to_bytes().to_vec(),
            Material::Hs256(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.chain_update(input).finalize().into_bytes().to_vec()
            }
        }
    }

    /// Its published form (RFC 7517).
    pub fn published(&self) -> Value {
        let kid = &self.kid;
        match &self.material {
            Material::Rs256 | Material::Ps256 => {
                let n = encode(RSA.n().as_ref().to_be_bytes_trimmed_vartime());
                json!({"kty": "RSA", "kid": kid, "alg": self.algorithm(), "use": "sig", "n": n, "e": "AQAB"})
            }
            Material::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (encode(point.x().unwrap()), encode(point.y().unwrap()));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
            }
            Material::EdDsa(key) => {
                let x = encode(key.verifying_key().as_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
            Material::Hs256(secret) => json!({"kty": "oct", "kid": kid, "k": encode(secret)}),
        }
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An honest issuer's claims about a user for the next hour.
pub fn claims(issuer: &str, user: &str) -> Value {
    let exp = now() / SAME_SECONDS * SAME_SECONDS + SAME_SECONDS + 3600;
    json!({"iss": issuer, "aud": AUDIENCE, "sub": user, "exp": exp, "scope": "wallet:read wallet:write"})
}

/// Makes tokens for the users of requests.
#[derive(Clone)]
pub struct Mint {
    issuer: String,
    key: Arc<Key>,
}

impl Mint {
    pub fn new(issuer: &str, secret: &str) -> Self {
        Self { issuer: issuer.to_owned(), key: Arc::new(Key::secret(secret)) }
    }

    /// With `BANK_JWT_SECRET`, the `jwt_secret` of the bank at `BANK_URL`; [`AUDIENCE`] is its `jwt_audience`, and
    /// `BANK_JWT_ISSUER` its `jwt_issuer`, or [`ISSUER`].
    pub fn from_env() -> Option<Self> {
        let secret = std::env::var("BANK_JWT_SECRET").ok()?;
        let issuer = std::env::var("BANK_JWT_ISSUER").unwrap_or_else(|_| ISSUER.to_owned());
        Some(Self::new(&issuer, &secret))
    }

    /// The value of the header `authorization` for this user, or for anybody if there is none.
    pub fn authorization(&self, user: Option<&str>) -> String {
        let is_one = |user: &&str| !user.is_empty() && !user.contains(|c: char| !c.is_ascii_graphic());
        let user = user.filter(is_one).unwrap_or(ANYBODY);
        format!("Bearer {}", self.key.token(&claims(&self.issuer, user)))
    }
}
