//! Project Wycheproof's vectors: edge cases that implementations of each algorithm have got wrong.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use wycheproof::TestResult;

use crate::signature::Material;
use crate::{Algorithm, KeySet, jws::Jws};

/// A vector: what it is, what was signed, the signature, and whether it is good.
struct Vector<'a> {
    what: String,
    message: &'a [u8],
    signature: &'a [u8],
    result: TestResult,
}

/// How many vectors were judged as they should be; a key that is left out verifies nothing.
fn hold(material: Option<&Material>, algorithm: Algorithm, vectors: &[Vector<'_>]) -> usize {
    for vector in vectors {
        let jws = Jws::of_parts(algorithm, vector.message, vector.signature);
        let is_good = material.is_some_and(|material| material.verify(&jws).is_ok());
        match vector.result {
            TestResult::Valid => assert!(is_good, "{} is good", vector.what),
            TestResult::Invalid => assert!(!is_good, "{} is not good", vector.what),
            // Acceptable, not demanded: legacy forms. None of them is accepted here, or it is harmless.
            TestResult::Acceptable => {}
        }
    }
    vectors.len()
}

macro_rules! vectors {
    ($group:ident) => {
        $group
            .tests
            .iter()
            .map(|test| Vector {
                what: format!("{} ({})", test.tc_id, test.comment),
                message: &test.msg,
                signature: &test.sig,
                result: test.result,
            })
            .collect::<Vec<_>>()
    };
}

#[test]
fn rsassa_pkcs1_v1_5() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut judged = 0;
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        for group in &TestSet::load(name).unwrap().test_groups {
            let material = Material::rsa(&group.key.n, &group.key.e);
            judged += hold(material.as_ref(), Algorithm::Rs256, &vectors!(group));
        }
    }
    assert!(judged > 500, "{judged}");
}

#[test]
fn rsassa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut judged = 0;
    for name in [
        TestName::RsaPss2048Sha256Mgf1SaltLen32,
        TestName::RsaPss3072Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha256Mgf1SaltLen32,
    ] {
        for group in &TestSet::load(name).unwrap().test_groups {
            let material = Material::rsa(&group.key.n, &group.key.e);
            judged += hold(material.as_ref(), Algorithm::Ps256, &vectors!(group));
        }
    }
    assert!(judged > 200, "{judged}");
}

#[test]
fn rsassa_pss_with_a_salt_of_another_length_is_refused() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for group in &TestSet::load(TestName::RsaPss2048Sha256Mgf1SaltLen0).unwrap().test_groups {
        let material = Material::rsa(&group.key.n, &group.key.e);
        let mut vectors = vectors!(group);
        vectors.retain(|vector| matches!(vector.result, TestResult::Valid));
        assert!(!vectors.is_empty());
        vectors.iter_mut().for_each(|vector| vector.result = TestResult::Invalid);
        hold(material.as_ref(), Algorithm::Ps256, &vectors);
    }
}

#[test]
fn ecdsa_on_p256() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut judged = 0;
    for group in &TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let material = Material::p256(x, y);
        judged += hold(material.as_ref(), Algorithm::Es256, &vectors!(group));
    }
    assert!(judged > 200, "{judged}");
}

#[test]
fn eddsa_on_ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut judged = 0;
    for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let material = Material::ed25519(&group.key.pk);
        judged += hold(material.as_ref(), Algorithm::Ed25519, &vectors!(group));
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn hmac_with_sha256() {
    use wycheproof::mac::{TestName, TestSet};
    let mut judged = 0;
    for group in &TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        // A JWS carries a whole tag (RFC 7518, section 3.2); a tag that was cut, however good, is refused.
        let is_whole = group.tag_size == 256;
        for test in &group.tests {
            let result = if is_whole { test.result } else { TestResult::Invalid };
            let what = format!("{} ({})", test.tc_id, test.comment);
            let vector = Vector { what, message: &test.msg, signature: &test.tag, result };
            let secret = Material::Secret(test.key.to_vec().into());
            judged += hold(Some(&secret), Algorithm::Hs256, &[vector]);
        }
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn the_keys_of_the_vectors_are_read_from_their_jwk_form_too() {
    use wycheproof::eddsa::{TestName, TestSet};
    let encode = |bytes: &[u8]| Value::from(Base64UrlUnpadded::encode_string(bytes));
    for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let published =
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": encode(&group.key.pk)}]});
        assert!(!KeySet::of_issuer(published.to_string().as_bytes()).unwrap().is_empty());
    }
}
