//! Bearer tokens: which JSON Web Token is good, whose it is, and for how long (docs/security.md).
//!
//! [`verify`] is the whole of it: a token, the issuer's [`KeySet`], the [`Rules`] and the time go in; a
//! [`VerifiedToken`] user or one reason to refuse comes out. Nothing here does I/O or knows the time.
//!
//! What is promised, and where it comes from:
//! - A token is a compact JWS (RFC 7515) of at most [`MAX_BYTES`]. No JSON object in it has a member twice.
//! - Its algorithm is one of [`Algorithm`]. The key decides whether that algorithm may be used with it (RFC 8725,
//!   section 3.1); a token never brings a key along (`jwk`, `jku`, `x5u` and their like are ignored).
//! - An extension that the token calls critical is refused, since none is known (RFC 7515, section 4.1.11).
//! - Claims are looked at only once the signature is good: `iss`, `aud` and `exp` are required, `nbf` is obeyed.
//!
//! Signatures are verified by RustCrypto's crates, each algorithm by itself, without the code that signs, generates
//! keys or reads PEM. `jsonwebtoken` with its pure-Rust backend stands on the same crates, brings that code along, and
//! leaves to its caller what must be decided here anyway: which key fits which algorithm, `crit`, repeated members.
//! `ring` and `aws-lc-rs` want a C compiler for `wasm32-wasip2`. Audits: the dalek libraries in 2019 (Quarkslab); `rsa`
//! in 2019 (for Delta Chat), which has changed much since; `p256`'s arithmetic never. Timing that depends on a secret
//! (RUSTSEC-2023-0071) does not matter here: the only secret is that of HS256, and `hmac` compares in constant time.
//! This crate's tests check each algorithm against Project Wycheproof's vectors.
//!
//! - [`algorithm`]: the algorithms. [`jws`]: a token taken apart. [`jwk`]: keys. [`signature`]: the calls of
//!   RustCrypto. [`claims`]: what the issuer says. [`json`]: objects whose names are unique.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

pub mod algorithm;
pub mod claims;
mod error;
mod json;
pub mod jwk;
pub mod jws;
mod signature;

pub use algorithm::Algorithm;
pub use claims::{Rules, VerifiedToken};
pub use error::TokenError;
pub use jwk::KeySet;
pub use jws::MAX_BYTES;

/// The user of this token, by the issuer's keys and the bank's rules, at `now` (seconds since 1970).
///
/// # Errors
///
/// [`TokenError`]; if there are several reasons, roughly the first in the order in which they are listed there.
pub fn verify(token: &str, keys: &KeySet, rules: &Rules, now: u64) -> Result<VerifiedToken, TokenError> {
    let jws = jws::Jws::parse(token)?;
    keys.verify(&jws)?;
    claims::verify(&jws.claims()?, rules, now)
}

#[cfg(test)]
mod tests;
