//! Who may use the demo: its own page, and nobody else.
//!
//! The demo listens on loopback alone. That is not enough, because other web pages run in the same browser: a request
//! must name this very address as its host (which stops DNS rebinding), and a request that breaks something must come
//! from a page of this address.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method};

/// The header in which browsers say where a request comes from.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused; `None` if it may pass. `port` is the demo's own.
pub fn refusal(method: &Method, headers: &HeaderMap, port: u16) -> Option<&'static str> {
    let Some(host) = only(headers, &HOST) else { return Some("the request needs exactly one Host header") };
    if ![format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|own| own == host) {
        return Some("the Host header names another address");
    }
    let is_foreign = |origin: &str| origin != format!("http://{host}");
    match only(headers, &ORIGIN) {
        Some(origin) if is_foreign(origin) => return Some("the request comes from a page of another origin"),
        None if headers.contains_key(ORIGIN) => return Some("the request needs exactly one Origin header"),
        None if method != Method::GET => return Some("the request needs an Origin header"),
        _ => (),
    }
    let from_elsewhere = |site: &str| !["same-origin", "none"].contains(&site);
    let is_page = method == Method::GET;
    let elsewhere = headers.contains_key(SITE) && only(headers, &SITE).is_none_or(from_elsewhere);
    (elsewhere && !is_page).then_some("the request comes from another site")
}

/// The value of a header that was sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    fn refused(method: &Method, lines: &[(&'static str, &'static str)]) -> bool {
        let lines = lines.iter().copied();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        refusal(method, &headers, 3900).is_some()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:3900");
    const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:3900");

    #[test]
    fn the_demos_own_page_may_look_and_break() {
        assert!(!refused(&Method::GET, &[HOST]));
        assert!(!refused(&Method::GET, &[HOST, ("sec-fetch-site", "none")]));
        assert!(!refused(&Method::POST, &[HOST, ORIGIN]));
        assert!(!refused(&Method::POST, &[HOST, ORIGIN, ("sec-fetch-site", "same-origin")]));
        let by_name = [("host", "localhost:3900"), ("origin", "http://localhost:3900")];
        assert!(!refused(&Method::POST, &by_name));
    }

    #[test]
    fn no_other_page_may_look_or_break() {
        for lines in [
            &[][..],
            &[HOST],
            &[HOST, ("origin", "null")],
            &[HOST, ("origin", "https://evil.example")],
            &[HOST, ("origin", "http://127.0.0.1:3901")],
            &[HOST, ("origin", "https://127.0.0.1:3900")],
            &[HOST, ("origin", "http://localhost:3900")],
            &[HOST, ORIGIN, ("origin", "https://evil.example")],
            &[HOST, ORIGIN, ("sec-fetch-site", "cross-site")],
            &[HOST, ORIGIN, ("sec-fetch-site", "same-site")],
            &[("host", "evil.example:3900"), ("origin", "http://evil.example:3900")],
            &[("host", "127.0.0.1"), ("origin", "http://127.0.0.1")],
            &[HOST, ("host", "evil.example"), ORIGIN],
        ] {
            assert!(refused(&Method::POST, lines), "{lines:?}");
        }
        assert!(refused(&Method::GET, &[("host", "evil.example:3900")]));
        assert!(refused(&Method::GET, &[HOST, ("origin", "https://evil.example")]));
    }
}
