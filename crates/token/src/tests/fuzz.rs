//! Fuzz targets: a token, or an issuer's keys, may have any bytes. Nothing panics, and nobody gets in without a
//! key. Each target is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use super::issuer::{NOW, SECRET, claims, encode, hmac, keys, rules, token};
use crate::jws::Jws;
use crate::{Algorithm, KeySet, verify};

corpus::targets! {
    tokens: sent,
    key_sets: key_set,
}

fn sent(bytes: &[u8]) {
    let Ok(token) = str::from_utf8(bytes) else { return };
    let Ok(jws) = Jws::parse(token) else { return };
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert_eq!((jws.signed, encode(&jws.signature).as_str()), (signed.as_bytes(), signature), "one spelling");
    for keys in [keys(), KeySet::of_secret(SECRET).unwrap()] {
        let Ok(verified) = verify(token, &keys, &rules(), NOW) else { continue };
        assert!(!verified.user.is_empty() && verified.expires > NOW);
        let is_hmac = jws.algorithm == Algorithm::Hs256;
        assert!(!is_hmac || jws.signature == hmac(SECRET, jws.signed), "signed with the secret");
    }
}

/// What an issuer publishes never makes a token good that was signed with a secret of ours, nor one of another issuer.
fn key_set(bytes: &[u8]) {
    let Some(keys) = KeySet::of_issuer(bytes) else { return };
    assert!(serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["keys"].is_array());
    for algorithm in ["HS256", "EdDSA", "ES256"] {
        let token = token(algorithm, &claims());
        let Ok(verified) = verify(&token, &keys, &rules(), NOW) else { continue };
        assert_eq!((algorithm == "HS256", verified.user.as_str(), keys.is_empty()), (false, "alice", false));
    }
}
