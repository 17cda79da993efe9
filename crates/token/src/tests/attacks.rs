//! The known attacks on JSON Web Tokens (RFC 8725, section 2, and those found since), each as a token.

use serde_json::{Value, json};

use super::issuer::{
    NOW, SECRET, claims, encode, hmac, keys, kid, published, rules, sign, signed, signing_input, token,
};
use crate::{KeySet, MAX_BYTES, TokenError, VerifiedToken, verify};

fn judged(token: &str) -> Result<VerifiedToken, TokenError> {
    verify(token, &keys(), &rules(), NOW)
}

/// A good token's parts: header, claims, signature.
fn parts(algorithm: &str) -> [String; 3] {
    let token = token(algorithm, &claims());
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn an_honest_token_of_each_algorithm_is_good() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"] {
        let verified = judged(&token(algorithm, &claims())).unwrap();
        assert_eq!((verified.user.as_str(), verified.expires), ("alice", NOW + 630), "{algorithm}");
        assert_eq!(verified.scopes, ["wallet:read", "wallet:write"], "{algorithm}");
    }
    let secret = KeySet::of_secret(SECRET).unwrap();
    assert_eq!(verify(&token("HS256", &claims()), &secret, &rules(), NOW).unwrap().user, "alice");
}

#[test]
fn an_unsigned_token_is_refused_however_none_is_spelled() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let input = signing_input(&json!({"alg": alg}), &claims());
        for signature in ["", "AA"] {
            assert_eq!(judged(&format!("{input}.{signature}")), Err(TokenError::Algorithm), "{alg}");
        }
        assert_eq!(judged(&input), Err(TokenError::Malformed), "{alg}");
    }
}

#[test]
fn a_public_key_is_never_used_as_a_secret() {
    let document = published().to_string();
    let modulus = published()["keys"][0]["n"].as_str().unwrap().to_owned();
    for (what, secret) in
        [("the document", document.as_bytes()), ("the modulus", modulus.as_bytes()), ("nothing", b"")]
    {
        for id in ["rsa", "p256", "ed25519"] {
            let input = signing_input(&json!({"alg": "HS256", "kid": id}), &claims());
            let forged = format!("{input}.{}", encode(&hmac(secret, input.as_bytes())));
            assert_eq!(judged(&forged), Err(TokenError::Algorithm), "{what}, {id}");
        }
    }
}

#[test]
fn a_key_is_used_with_its_own_algorithms_alone() {
    for (alg, named) in
        [("RS256", "p256"), ("ES256", "rsa"), ("EdDSA", "p256"), ("PS256", "ed25519"), ("ES256", "ed25519")]
    {
        let forged = signed(&json!({"alg": alg, "kid": named}), &claims());
        assert_eq!(judged(&forged), Err(TokenError::Algorithm), "{alg} with {named}");
    }
    let mut only_rs256 = published();
    only_rs256["keys"][0]["alg"] = "RS256".into();
    let keys = KeySet::of_issuer(only_rs256.to_string().as_bytes()).unwrap();
    assert!(verify(&token("RS256", &claims()), &keys, &rules(), NOW).is_ok());
    assert_eq!(verify(&token("PS256", &claims()), &keys, &rules(), NOW), Err(TokenError::Algorithm));
}

#[test]
fn with_a_secret_nothing_but_hs256_is_accepted() {
    let secret = KeySet::of_secret(SECRET).unwrap();
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        assert_eq!(
            verify(&token(algorithm, &claims()), &secret, &rules(), NOW),
            Err(TokenError::Algorithm),
            "{algorithm}"
        );
    }
    for algorithm in ["HS384", "HS512", "hs256"] {
        let input = signing_input(&json!({"alg": algorithm}), &claims());
        let forged = format!("{input}.{}", encode(&hmac(SECRET, input.as_bytes())));
        assert_eq!(verify(&forged, &secret, &rules(), NOW), Err(TokenError::Algorithm), "{algorithm}");
    }
}

#[test]
fn a_secret_of_fewer_bytes_than_its_hash_is_no_key() {
    assert!(KeySet::of_secret(&SECRET[1..]).is_none() && KeySet::of_secret(b"").is_none());
}

#[test]
fn a_secret_that_the_issuer_publishes_is_no_key() {
    let published = json!({"keys": [{"kty": "oct", "kid": "secret", "k": encode(SECRET)}]});
    let keys = KeySet::of_issuer(published.to_string().as_bytes()).unwrap();
    assert!(keys.is_empty());
    assert_eq!(verify(&token("HS256", &claims()), &keys, &rules(), NOW), Err(TokenError::UnknownKey));
}

#[test]
fn psychic_and_other_empty_signatures_are_refused() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let [header, claims, good] = parts(algorithm);
        let length = good.len();
        let mut forged =
            vec![vec![], vec![0; 64], vec![0; 256], vec![255; 64], vec![1], vec![0; 63], vec![0; 65]];
        forged.push(vec![0xA5; length]);
        for signature in forged {
            let forged = format!("{header}.{claims}.{}", encode(&signature));
            assert_eq!(judged(&forged), Err(TokenError::Signature), "{algorithm}, {} bytes", signature.len());
        }
    }
}

#[test]
fn a_token_that_was_changed_or_cut_anywhere_is_refused() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let whole = token(algorithm, &claims());
        for end in 0..whole.len() {
            assert!(judged(&whole[..end]).is_err(), "{algorithm}: {end} of {} characters", whole.len());
        }
        let [header, _, signature] = parts(algorithm);
        let mut richer = claims();
        richer["sub"] = "mallory".into();
        let changed = format!("{header}.{}.{signature}", encode(richer.to_string().as_bytes()));
        assert_eq!(judged(&changed), Err(TokenError::Signature), "{algorithm}");
        for longer in [
            format!("{whole}A"),
            format!("{whole}."),
            format!("{whole}="),
            format!(" {whole}"),
            format!("{whole}\n"),
        ] {
            assert!(judged(&longer).is_err(), "{algorithm}: {longer:?}");
        }
    }
}

#[test]
fn one_token_is_spelled_in_one_way() {
    let [header, claims, signature] = parts("ES256");
    let padded = format!("{header}.{claims}.{signature}==");
    let standard = format!("{header}.{claims}.{}", signature.replace('-', "+").replace('_', "/"));
    assert_eq!(judged(&padded), Err(TokenError::Malformed));
    assert!(
        standard == format!("{header}.{claims}.{signature}")
            || judged(&standard) == Err(TokenError::Malformed)
    );
    // 64 bytes are 86 characters, of which the last one carries four bits that must be zero.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    let other = &alphabet[at + 1..at + 2];
    assert_eq!(judged(&format!("{header}.{claims}.{rest}{other}")), Err(TokenError::Malformed));
}

#[test]
fn a_key_that_the_token_brings_along_is_never_used() {
    let mallory = json!({"kty": "oct", "k": encode(b"mallory")});
    for (name, value) in [
        ("jwk", mallory.clone()),
        ("jku", "https://mallory.test/keys".into()),
        ("x5u", "https://mallory.test/chain".into()),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({"alg": "HS256", "kid": "mallory"});
        header[name] = value.clone();
        let input = signing_input(&header, &claims());
        let forged = format!("{input}.{}", encode(&hmac(b"mallory", input.as_bytes())));
        assert_eq!(judged(&forged), Err(TokenError::UnknownKey), "{name}");
        // Beside a good `kid` it makes no difference.
        let honest = signed(&json!({"alg": "ES256", "kid": "p256", name: value}), &claims());
        assert!(judged(&honest).is_ok(), "{name}");
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    let long = "k".repeat(4000);
    for id in [
        "../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "http://mallory.test/k",
        "rsa\u{0}",
        "RSA",
        "",
        &long,
    ] {
        let header = json!({"alg": "RS256", "kid": id});
        assert_eq!(judged(&signed(&header, &claims())), Err(TokenError::UnknownKey), "{id}");
    }
    for id in [json!(1), json!(null), json!(["rsa"]), json!({"a": "rsa"})] {
        let header = json!({"alg": "RS256", "kid": id});
        assert_eq!(judged(&signed(&header, &claims())), Err(TokenError::Malformed), "{id}");
    }
}

#[test]
fn without_a_kid_only_one_key_may_fit() {
    assert!(judged(&signed(&json!({"alg": "ES256"}), &claims())).is_ok());
    let mut two = published();
    let mut other = two["keys"][1].clone();
    other["kid"] = "p256-new".into();
    two["keys"].as_array_mut().unwrap().push(other);
    let two = KeySet::of_issuer(two.to_string().as_bytes()).unwrap();
    assert_eq!(
        verify(&signed(&json!({"alg": "ES256"}), &claims()), &two, &rules(), NOW),
        Err(TokenError::UnknownKey)
    );
    assert!(verify(&token("ES256", &claims()), &two, &rules(), NOW).is_ok());
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    for critical in [json!(["b64"]), json!(["exp"]), json!([]), json!("b64"), json!(null)] {
        let header = json!({"alg": "ES256", "kid": "p256", "crit": critical, "b64": false});
        assert_eq!(judged(&signed(&header, &claims())), Err(TokenError::Critical), "{critical}");
    }
}

#[test]
fn what_is_no_access_token_is_refused() {
    for (name, value, expected) in [
        ("typ", "JWT", Ok(())),
        ("typ", "jwt", Ok(())),
        ("typ", "at+jwt", Ok(())),
        ("typ", "application/at+jwt", Ok(())),
        ("typ", "logout+jwt", Err(TokenError::Type)),
        ("typ", "dpop+jwt", Err(TokenError::Type)),
        ("typ", "secevent+jwt", Err(TokenError::Type)),
        ("typ", "JOSE", Err(TokenError::Type)),
        ("cty", "JWT", Err(TokenError::Type)),
    ] {
        let header = json!({"alg": "ES256", "kid": "p256", name: value});
        assert_eq!(judged(&signed(&header, &claims())).map(drop), expected, "{name}: {value}");
    }
}

#[test]
fn a_token_within_a_token_and_other_forms_are_refused() {
    let inner = token("ES256", &claims());
    let header = json!({"alg": "ES256", "kid": "p256"});
    let outer = format!("{}.{}", encode(header.to_string().as_bytes()), encode(inner.as_bytes()));
    let nested = format!("{outer}.{}", encode(&sign("ES256", outer.as_bytes())));
    assert_eq!(judged(&nested), Err(TokenError::Malformed));
    let [head, payload, signature] = parts("ES256");
    for form in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{head}..{signature}"),
        format!("{head}.{payload}.{signature}.{payload}"),
        format!("{head}.{payload}.{signature}.{payload}.{signature}"),
        json!({"protected": head, "payload": payload, "signature": signature}).to_string(),
    ] {
        assert!(judged(&form).is_err(), "{form}");
    }
}

#[test]
fn repeated_members_are_refused_in_the_header_and_in_the_claims() {
    let raw = |header: &str, claims: &str| {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        format!("{input}.{}", encode(&sign("ES256", input.as_bytes())))
    };
    let (header, good) = (r#"{"alg":"ES256","kid":"p256"}"#, claims().to_string());
    assert!(judged(&raw(header, &good)).is_ok());
    assert_eq!(
        judged(&raw(r#"{"alg":"ES256","alg":"none","kid":"p256"}"#, &good)),
        Err(TokenError::Malformed)
    );
    let twice = good.replacen('{', r#"{"sub":"mallory","#, 1);
    assert_eq!(judged(&raw(header, &twice)), Err(TokenError::Malformed));
    let hidden = good.replacen('{', r#"{"s\u0075b":"mallory","#, 1);
    assert_eq!(judged(&raw(header, &hidden)), Err(TokenError::Malformed));
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let mut padded = claims();
    padded["padding"] = "x".repeat(MAX_BYTES).into();
    assert_eq!(judged(&token("ES256", &padded)), Err(TokenError::TooLong));
}

#[test]
fn keys_that_are_weak_broken_or_meant_for_something_else_are_left_out_and_the_others_serve() {
    let point = &published()["keys"][1];
    let small = encode(&[0xC1; 128]);
    let zeros = encode(&[0; 32]);
    let mut keys = vec![
        json!({"kty": "RSA", "kid": "short", "n": small, "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "even", "n": encode(&[0xFE; 256]), "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "one", "n": published()["keys"][0]["n"], "e": "AQ"}),
        json!({"kty": "RSA", "kid": "huge", "n": encode(&[0xFF; 2048]), "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "off the curve", "x": zeros, "y": zeros}),
        json!({"kty": "EC", "crv": "P-384", "kid": "other curve", "x": point["x"], "y": point["y"]}),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "small order", "x": encode(&[0; 32])}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "exchange", "x": zeros}),
        json!({"kty": "RSA", "kid": "encryption", "use": "enc", "n": published()["keys"][0]["n"], "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "signing", "key_ops": ["sign"], "n": published()["keys"][0]["n"], "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "other algorithm", "alg": "RS512", "n": published()["keys"][0]["n"], "e": "AQAB"}),
        json!({"kty": 1}),
        Value::Null,
    ];
    keys.extend(published()["keys"].as_array().unwrap().iter().cloned());
    let set = KeySet::of_issuer(json!({"keys": keys}).to_string().as_bytes()).unwrap();
    for key in &keys[..11] {
        for alg in ["RS256", "ES256", "EdDSA"] {
            let header = json!({"alg": alg, "kid": key["kid"]});
            let refused = verify(&signed(&header, &claims()), &set, &rules(), NOW).unwrap_err();
            assert_eq!(refused, TokenError::UnknownKey, "{}", key["kid"]);
        }
    }
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let header = json!({"alg": algorithm, "kid": kid(algorithm)});
        assert!(verify(&signed(&header, &claims()), &set, &rules(), NOW).is_ok(), "{algorithm}");
    }
}

#[test]
fn what_is_no_key_set_is_none() {
    for document in
        ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", r#"{"keys":[],"keys":[]}"#]
    {
        assert!(KeySet::of_issuer(document.as_bytes()).is_none(), "{document}");
    }
}
