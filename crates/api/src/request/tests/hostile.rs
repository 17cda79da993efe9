//! Hostile requests: nothing panics, and nothing is accepted that a second, independent reading refuses.

use proptest::prelude::*;

use super::*;

/// What a quoted string stands for, by RFC 9651's rules for a String: `None` where it is none.
fn unquoted(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        if let Some(after) = rest.strip_prefix('"') {
            return after.is_empty().then_some(plain);
        }
        rest = rest
            .strip_prefix('\\')
            .filter(|after| after.starts_with(['"', '\\']))
            .or_else(|| (!rest.starts_with('\\')).then_some(rest))?;
        let character = rest.chars().next()?;
        plain.push(character);
        rest = &rest[character.len_utf8()..];
    }
}

fn read_key(sent: &str) -> Option<String> {
    request(&[("idempotency-key", sent)]).idempotency_key().ok().flatten().map(|key| key.as_str().to_owned())
}

proptest! {
    #[test]
    fn a_key_is_the_same_raw_and_quoted(key in "[!-~]{1,255}") {
        let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
        prop_assert_eq!(read_key(&quoted), Some(key.clone()));
        if !key.starts_with('"') {
            prop_assert_eq!(read_key(&key), Some(key));
        }
    }

    #[test]
    fn a_quoted_key_is_read_by_the_rules_of_its_rfc(inner in "[ab\"\\\\ ]{0,8}") {
        let sent = format!("\"{inner}");
        let visible = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        // A header's value has no space at its end.
        prop_assume!(!sent.ends_with(' '));
        prop_assert_eq!(read_key(&sent), unquoted(&sent).filter(visible));
    }

    #[test]
    fn a_user_is_taken_whole_or_not_at_all(name in "([ -~]{0,12}|[0-9A-Za-z._~@+|:/=-]{0,140})") {
        let fits = (1..=128).contains(&name.len())
            && name.chars().all(|c| "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~@+|:/=-".contains(c));
        let read = user(&request(&[("x-user-id", &name)]));
        prop_assert_eq!(read.ok().map(|user| user.as_str().to_owned()), fits.then_some(name));
    }

    #[test]
    fn a_request_id_is_echoed_only_when_it_is_sane(id in "[ -~]{0,140}") {
        let sane = (1..=128).contains(&id.len())
            && id.chars().all(|c| "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".contains(c));
        let request = request(&[("x-request-id", &id)]);
        prop_assert_eq!(request.id() == id, sane);
        prop_assert!(sane || request.id().len() == 32);
    }

    #[test]
    fn a_content_type_is_json_by_its_first_word_alone(kind in "(application|text|APPLICATION)/(json|jsonx|JSON|ld\\+json)", rest in "(|;| ; charset=utf-8|;;;| x|,text/html)") {
        let sent = with_body(&[("content-type", &format!("{kind}{rest}"))], "{}");
        let json = kind.to_lowercase() == "application/json" && !rest.starts_with([',']) && rest != " x";
        prop_assert_eq!(block_on(sent.json_body()).is_ok(), json);
    }

    /// The model splits at `&` and `=` and decodes each part by itself.
    #[test]
    fn a_query_parameter_is_found_once_and_whole(query in "[ab=&+%24]{0,20}") {
        let uri = format!("/?{query}");
        let Ok(uri) = uri.parse::<http::Uri>() else { return Ok(()) };
        let request = Request::new(http::Request::get(uri).body(Full::<Bytes>::default()).unwrap());
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let found: Vec<String> = pairs.filter(|(name, _)| decoded(name) == "a").map(|(_, value)| decoded(value)).collect();
        match request.query("a") {
            Ok(value) => prop_assert_eq!(value.as_slice(), found.as_slice()),
            Err(problem) => {
                prop_assert_eq!(problem.code(), Code::MalformedRequest);
                prop_assert!(found.len() > 1);
            }
        }
    }

    #[test]
    fn no_query_panics(query in "[!-~]{0,60}") {
        if let Ok(uri) = format!("/?{query}").parse::<http::Uri>() {
            let request = Request::new(http::Request::get(uri).body(Full::<Bytes>::default()).unwrap());
            for name in ["at", "limit", "cursor", "by", "bitcoins", ""] {
                let _ = request.query(name);
            }
        }
    }

    #[test]
    fn no_key_is_taken_that_is_not_visible_ascii(sent in "[ -~]{0,300}") {
        if let Ok(Some(key)) = request(&[("idempotency-key", &sent)]).idempotency_key() {
            prop_assert!((1..=255).contains(&key.as_str().len()));
            prop_assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn no_header_panics(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(value) = http::HeaderValue::from_bytes(&value) {
            let mut builder = http::Request::post("/");
            for name in ["user_id", "idempotency-key", "x-request-id", "content-type"] {
                builder = builder.header(name, value.clone());
            }
            let request = Request::new(builder.body(Full::new(Bytes::new())).unwrap());
            let _ = (user(&request), request.idempotency_key(), request.id().len());
            let _ = block_on(request.json_body());
        }
    }
}

/// `+` and `%XX` by hand, byte by byte.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        let pair =
            text.get(index + 1..index + 3).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let pair = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[index], pair) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                index += 2;
            }
            (b'+', _) => plain.push(b' '),
            (byte, _) => plain.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}
