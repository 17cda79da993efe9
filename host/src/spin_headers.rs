//! The headers that Spin adds to a component's request: `spin-full-url`, `spin-path-info`, `spin-path-match-NAME`
//! and so on, in Spin's order.
//!
//! As in Spin they are added to the headers of the client and do not replace them: a client's own `spin-full-url`
//! comes first. A component must not trust them more than any other header.

use crate::router;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;
use std::net::SocketAddr;

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The headers that are the same for every request on a route.
pub struct RouteHeaders([(HeaderName, HeaderValue); 4]);

impl RouteHeaders {
    /// For a route as written in the manifest.
    pub fn new(route: &str) -> Self {
        let prefix = route.strip_suffix("/...").unwrap_or(route);
        Self([
            (MATCHED_ROUTE, value(&router::normalized(route))),
            (BASE_PATH, HeaderValue::from_static("/")),
            (RAW_COMPONENT_ROUTE, value(route)),
            (COMPONENT_ROUTE, value(prefix)),
        ])
    }
}

/// The header that is the same for every request on a connection.
pub fn client_addr(address: SocketAddr) -> HeaderValue {
    value(&address.to_string())
}

/// Adds all of them. `path` is the request's path and query, `path_info` what the route's `/...` matched, `named`
/// what each of its `:name` matched.
pub fn add<'a>(
    headers: &mut HeaderMap,
    scheme: &Scheme,
    path: &str,
    path_info: &str,
    named: impl Iterator<Item = (&'a str, &'a str)>,
    route: &RouteHeaders,
    client: &HeaderValue,
) {
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or(b"localhost");
    let url = [scheme.as_str().as_bytes(), b"://", host, path.as_bytes()].concat();
    let url = HeaderValue::from_maybe_shared(bytes::Bytes::from(url));
    headers.append(PATH_INFO, value(path_info));
    if let Ok(url) = url {
        headers.append(FULL_URL, url);
    }
    for (name, value) in &route.0 {
        headers.append(name.clone(), value.clone());
    }
    headers.append(CLIENT_ADDR, client.clone());
    for (name, capture) in named {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-"));
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), capture.parse()) {
            headers.append(name, value);
        }
    }
}

/// The matched route: the last field of this name, since the ones before it are a client's.
pub fn matched_route(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get_all(MATCHED_ROUTE).iter().next_back()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Route;
    use crate::router::Router;

    fn added(route: &str, path: &str, sent: &[(&'static str, &'static str)]) -> Vec<String> {
        let target = Route { path: route.into(), component: "c".into() };
        let router = Router::new([(target, RouteHeaders::new(route))]).unwrap();
        let found = router.find(path).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let client = client_addr("127.0.0.1:8777".parse().unwrap());
        let info = found.trailing_wildcard();
        add(
            &mut headers,
            &Scheme::HTTP,
            &format!("{path}?a=1"),
            &info,
            found.named(),
            &found.target.to,
            &client,
        );
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        headers.iter().map(line).collect()
    }

    #[test]
    fn a_wildcard_route_has_the_headers_of_spin() {
        let headers = added("/foo/:user_id/...", "/foo/42/bar", &[("host", "example.com")]);
        assert_eq!(
            headers,
            [
                "host: example.com",
                "spin-path-info: /bar",
                "spin-full-url: http://example.com/foo/42/bar?a=1",
                "spin-matched-route: /foo/:user_id/...",
                "spin-base-path: /",
                "spin-raw-component-route: /foo/:user_id/...",
                "spin-component-route: /foo/:user_id",
                "spin-client-addr: 127.0.0.1:8777",
                "spin-path-match-user-id: 42",
            ]
        );
    }

    #[test]
    fn an_exact_route_has_no_path_info() {
        let headers = added("/a/", "/a", &[]);
        assert!(headers.contains(&"spin-path-info: ".to_owned()), "{headers:?}");
        assert!(headers.contains(&"spin-full-url: http://localhost/a?a=1".to_owned()), "{headers:?}");
        assert!(headers.contains(&"spin-matched-route: /a".to_owned()), "{headers:?}");
        assert!(headers.contains(&"spin-raw-component-route: /a/".to_owned()), "{headers:?}");
    }

    #[test]
    fn what_the_client_sent_comes_first() {
        let headers = added("/a", "/a", &[("spin-client-addr", "forged")]);
        let of_client: Vec<_> = headers.iter().filter(|line| line.starts_with("spin-client-addr")).collect();
        assert_eq!(of_client, ["spin-client-addr: forged", "spin-client-addr: 127.0.0.1:8777"]);
    }
}
