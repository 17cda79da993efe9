//! Fuzz targets: the network may send anything. Nothing panics, and what is accepted is what was sent. Each target
//! is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use http_body_util::Full;
use serde_json::value::RawValue;

use crate::cors::Origins;
use crate::limits::MAX_BODY_BYTES;
use crate::{Request, money};

corpus::targets! {
    requests: request,
    amounts: amount,
    origins: origin,
}

/// A request as text: method and target in the first line, then a field in each line, an empty line, the body.
fn parse(bytes: &[u8]) -> Option<(http::request::Parts, Bytes)> {
    let end = bytes.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (&bytes[..end], &bytes[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, target) = str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let mut builder = http::Request::builder().method(method).uri(target);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        builder = builder.header(&line[..colon], &line[colon + 1..]);
    }
    Some((builder.body(()).ok()?.into_parts().0, Bytes::copy_from_slice(body)))
}

fn request(bytes: &[u8]) {
    let Some((head, body)) = parse(bytes) else { return };
    let sent =
        |name: &str| head.headers.get_all(name).into_iter().map(|value| value.as_bytes().to_vec()).collect();
    let read = Request::new(http::Request::from_parts(head.clone(), Full::new(body.clone())));
    assert!((1..=128).contains(&read.id().len()) && read.id().is_ascii());
    assert!(read.path().starts_with('/') || read.path() == "*", "{}", read.path());
    if let Ok(Some(key)) = read.idempotency_key() {
        let values: Vec<Vec<u8>> = sent("idempotency-key");
        let [value] = &values[..] else { panic!("one key out of {} headers", values.len()) };
        let is_raw = value == key.as_str().as_bytes();
        assert!(is_raw || (value.starts_with(b"\"") && value.ends_with(b"\"")), "{value:?}");
    }
    if let Ok(Some(user)) = read.user_in_headers() {
        for name in ["user_id", "user-id", "x-user-id"] {
            let values: Vec<Vec<u8>> = sent(name);
            assert!(values.iter().all(|value| value == user.as_str().as_bytes()), "{values:?}");
        }
    }
    if let Ok(token) = read.bearer() {
        let values: Vec<Vec<u8>> = sent("authorization");
        assert!(!token.is_empty() && token.trim_matches(' ') == token);
        assert!(values.len() == 1 && values[0].to_ascii_lowercase().starts_with(b"bearer "), "{values:?}");
    }
    let _ = (read.route_method(), read.get(), read.post(), read.query("amount"), read.has("\"tag\""));
    if let Ok(taken) = block_on(read.json_body()) {
        assert!(taken.len() <= MAX_BODY_BYTES && body.starts_with(&taken));
    }
}

/// The body of a deposit. An independent reading finds the same single member, and the same amount by its exact
/// characters.
fn amount(bytes: &[u8]) {
    let Ok(read) = money::body_amount(bytes) else { return };
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).unwrap();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["amount"]);
    let token = members["amount"].get();
    let text = serde_json::from_str::<String>(token).unwrap_or_else(|_| token.to_owned());
    assert_eq!(text.parse(), Ok(read), "{token}");
}

/// The setting `cors_origins`: every word is an origin or is reported, and an origin is granted as it is written.
fn origin(bytes: &[u8]) {
    let Ok(setting) = str::from_utf8(bytes) else { return };
    let (_, bad) = Origins::parse(setting);
    let words: Vec<&str> = setting.split_ascii_whitespace().collect();
    assert!(bad.iter().all(|word| words.contains(word)));
    for word in words {
        let (origins, bad) = Origins::parse(word);
        let page = http::Request::builder().header("origin", word).body(Full::<Bytes>::default());
        let Ok(page) = page else { continue };
        let is_granted = matches!(origins.grant(&Request::new(page)), crate::cors::Grant::To(_));
        assert!(bad.is_empty() || !is_granted, "{word}");
        assert!(!is_granted || word == word.to_ascii_lowercase(), "no browser writes {word}");
    }
}
