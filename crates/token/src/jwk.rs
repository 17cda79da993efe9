//! The keys of an issuer: a JSON Web Key Set (RFC 7517), or one secret.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::json;
use crate::jws::Jws;
use crate::signature::Material;

/// The shortest secret.
const SECRET_BYTES: usize = 32;

/// The keys that tokens may be signed with.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that the issuer uses it with, if it names one.
    algorithm: Option<Algorithm>,
    material: Material,
}

impl KeySet {
    /// The usable keys of a JWK Set; `None` if it is not a JWK Set. Keys of other kinds, for other uses, or too weak
    /// are dropped, and so are symmetric ones: a published secret is not a secret.
    #[must_use]
    pub fn of_issuer(document: &[u8]) -> Option<Self> {
        let mut members = json::object(document)?;
        let Some(Value::Array(keys)) = members.remove("keys") else { return None };
        Some(Self(keys.iter().filter_map(Value::as_object).filter_map(Key::of_issuer).collect()))
    }

    /// The single key of tokens that are signed with a shared secret; `None` if it is shorter than 32 bytes (RFC
    /// 7518, section 3.2).
    #[must_use]
    pub fn of_secret(secret: &[u8]) -> Option<Self> {
        let material = Material::Secret(secret.into());
        let key = Key { id: None, algorithm: Some(Algorithm::Hs256), material };
        (secret.len() >= SECRET_BYTES).then(|| Self(vec![key]))
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies a token's signature with the key of its `kid`.
    pub(crate) fn verify(&self, jws: &Jws<'_>) -> Result<(), TokenError> {
        let named: Vec<&Key> = self.0.iter().filter(|key| key.is_named_by(jws)).collect();
        if named.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        // An issuer may give keys of different kinds the same `kid` (RFC 7517, section 4.5).
        let mut fitting = named.into_iter().filter(|key| key.fits(jws.algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => key.material.verify(jws),
            (None, _) => Err(TokenError::Algorithm),
            (Some(_), Some(_)) => Err(TokenError::UnknownKey),
        }
    }
}

impl Key {
    fn of_issuer(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let bytes = |name: &str| Base64UrlUnpadded::decode_vec(text(name)?).ok();
        if !is_for_verifying(members) {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::rsa(&bytes("n")?, &bytes("e")?)?,
            ("EC", Some("P-256")) => Material::p256(&bytes("x")?, &bytes("y")?)?,
            ("OKP", Some("Ed25519")) => Material::ed25519(&bytes("x")?)?,
            _ => return None,
        };
        let algorithm = match members.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
        };
        Some(Self { id: text("kid").map(str::to_owned), algorithm, material })
    }

    /// Whether a token's `kid`, or the lack of one, selects this key. A secret has no `kid`, and needs none.
    fn is_named_by(&self, jws: &Jws<'_>) -> bool {
        match (&jws.key_id, &self.material) {
            (None, _) | (_, Material::Secret(_)) => true,
            (named, _) => *named == self.id,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }
}

/// Whether the issuer intends this key for signatures (RFC 7517, sections 4.2 and 4.3).
fn is_for_verifying(members: &Map<String, Value>) -> bool {
    let for_signatures = members.get("use").is_none_or(|use_| use_ == "sig");
    let operations = members.get("key_ops").map(|operations| operations.as_array());
    for_signatures
        && operations
            .is_none_or(|listed| listed.is_some_and(|listed| listed.iter().any(|one| one == "verify")))
}
