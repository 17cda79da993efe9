//! Signatures, verified by RustCrypto's crates (why these: see the head of the crate). Nothing is signed here.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::VerifyingKey as P256Key;
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey as RsaKey, traits::PublicKeyParts};
use sha2::Sha256;

use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::jws::Jws;

/// RSA keys from 2048 bits (RFC 7518, section 3.3) to 4096: the time to verify grows with the square.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// What a key is made of.
pub(crate) enum Material {
    Rsa(Box<RsaKey>),
    P256(Box<P256Key>),
    Ed25519(Box<Ed25519Key>),
    Secret(Box<[u8]>),
}

/// Shows the kind of key, and nothing of the key itself.
impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "RSA",
            Self::P256(_) => "P-256",
            Self::Ed25519(_) => "Ed25519",
            Self::Secret(_) => "secret",
        })
    }
}

impl Material {
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = RsaKey::new(number(modulus), number(exponent)).ok()?;
        let is_of_size = RSA_BITS.contains(&key.n().as_ref().bit_width_vartime());
        is_of_size.then(|| Self::Rsa(Box::new(key)))
    }

    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        let point = [&[4], x, y].concat();
        let is_whole = x.len() == 32 && y.len() == 32;
        is_whole.then(|| P256Key::from_sec1_bytes(&point).ok()).flatten().map(Box::new).map(Self::P256)
    }

    pub(crate) fn ed25519(x: &[u8]) -> Option<Self> {
        let key = Ed25519Key::from_bytes(x.try_into().ok()?).ok()?;
        (!key.is_weak()).then(|| Self::Ed25519(Box::new(key)))
    }

    /// Whether this kind of key can be used with `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa(_), Algorithm::Rs256 | Algorithm::Ps256)
                | (Self::P256(_), Algorithm::Es256)
                | (Self::Ed25519(_), Algorithm::Ed25519)
                | (Self::Secret(_), Algorithm::Hs256)
        )
    }

    /// Verifies the signature of a token whose algorithm fits.
    pub(crate) fn verify(&self, jws: &Jws<'_>) -> Result<(), TokenError> {
        let is_good = match (self, jws.algorithm) {
            (Self::Rsa(key), Algorithm::Rs256) => rs256(key, jws),
            (Self::Rsa(key), Algorithm::Ps256) => ps256(key, jws),
            (Self::P256(key), Algorithm::Es256) => es256(key, jws),
            (Self::Ed25519(key), Algorithm::Ed25519) => ed25519(key, jws),
            (Self::Secret(secret), Algorithm::Hs256) => hs256(secret, jws),
            _ => None,
        };
        is_good.ok_or(TokenError::Signature)
    }
}

fn rs256(key: &RsaKey, jws: &Jws<'_>) -> Option<()> {
    let signature = rsa::pkcs1v15::Signature::try_from(jws.signature.as_slice()).ok()?;
    // RFC 8017, section 8.2.2: a signature is as long as the modulus.
    let is_whole = jws.signature.len() == key.size();
    let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key.clone());
    (is_whole && key.verify(jws.signed, &signature).is_ok()).then_some(())
}

fn ps256(key: &RsaKey, jws: &Jws<'_>) -> Option<()> {
    let signature = rsa::pss::Signature::try_from(jws.signature.as_slice()).ok()?;
    let is_whole = jws.signature.len() == key.size();
    let key = rsa::pss::VerifyingKey::<Sha256>::new(key.clone());
    (is_whole && key.verify(jws.signed, &signature).is_ok()).then_some(())
}

fn es256(key: &P256Key, jws: &Jws<'_>) -> Option<()> {
    let signature = p256::ecdsa::Signature::from_slice(&jws.signature).ok()?;
    key.verify(jws.signed, &signature).ok()
}

fn ed25519(key: &Ed25519Key, jws: &Jws<'_>) -> Option<()> {
    let signature = ed25519_dalek::Signature::from_slice(&jws.signature).ok()?;
    key.verify_strict(jws.signed, &signature).ok()
}

fn hs256(secret: &[u8], jws: &Jws<'_>) -> Option<()> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(jws.signed);
    mac.verify_slice(&jws.signature).ok()
}
