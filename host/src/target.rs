//! A request's target with scheme and host, as RFC 9112, section 3, defines it.
//!
//! The host is in the target or in the field `Host`. If both name one, the target's wins and replaces the field. A
//! request of HTTP/1.1 must have the field. One of HTTP/1.0 need not: then the host is the address that it came to.
//! A request with two such fields, with an invalid host, or with a name that Spin reserves for calls between
//! components is not a valid request.

use crate::internal_hosts::DOMAIN;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Uri, Version};

/// The target with scheme and host, of a request that came to `here`; `None` if the request is not valid. `headers`
/// then has the host too.
pub fn absolute(
    target: &Uri,
    version: Version,
    headers: &mut HeaderMap,
    (scheme, here): (Scheme, Option<&Authority>),
) -> Option<Uri> {
    let named = field(headers)?;
    if named.is_none() && version > Version::HTTP_10 {
        return None;
    }
    let authority = match target.authority() {
        Some(authority) => authority.clone(),
        None => named.clone().or_else(|| here.cloned())?,
    };
    if authority.as_str().contains('@') || authority.host().to_ascii_lowercase().ends_with(DOMAIN) {
        return None;
    }
    if named.as_ref() != Some(&authority) {
        headers.insert(HOST, HeaderValue::from_str(authority.as_str()).ok()?);
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = Some(target.path_and_query()?.clone());
    Uri::from_parts(parts).ok()
}

/// The host in the field: `Some(None)` if there is no field, `None` if it is wrong.
fn field(headers: &HeaderMap) -> Option<Option<Authority>> {
    let mut fields = headers.get_all(HOST).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Some(None),
        (Some(host), None) => host.to_str().ok()?.parse().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(target: &str, version: Version, hosts: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        let here = Authority::from_static("127.0.0.1:3000");
        let uri = absolute(&target.parse().unwrap(), version, &mut headers, (Scheme::HTTP, Some(&here)))?;
        Some((uri.to_string(), headers.get(HOST)?.to_str().unwrap().to_owned()))
    }

    #[test]
    fn the_host_is_the_targets_then_the_fields_then_the_address_here() {
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        for (target, version, hosts, expected) in [
            ("/a?b", new, &["x:80"][..], Some(("http://x:80/a?b", "x:80"))),
            ("/a", old, &["x"], Some(("http://x/a", "x"))),
            ("/a", old, &[], Some(("http://127.0.0.1:3000/a", "127.0.0.1:3000"))),
            ("/a", new, &[], None),
            ("http://x/a", new, &["x"], Some(("http://x/a", "x"))),
            ("http://x/a", new, &["y"], Some(("http://x/a", "x"))),
            ("http://x/a", old, &[], Some(("http://x/a", "x"))),
            ("http://x/a", new, &[], None),
            ("http://x/a", new, &["a b"], None),
            ("/a", new, &["x", "y"], None),
            ("/a", new, &["x", "x"], None),
            ("/a", new, &["me@x"], None),
            ("http://me@x/a", new, &["x"], None),
            ("/a", new, &["b.spin.internal"], None),
            ("/a", new, &["B.Spin.Internal"], None),
            ("http://b.spin.internal/a", new, &["x"], None),
        ] {
            let expected = expected.map(|(uri, host)| (uri.to_owned(), host.to_owned()));
            assert_eq!(served(target, version, hosts), expected, "{target} {version:?} {hosts:?}");
        }
    }
}
