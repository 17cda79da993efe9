//! Tables: an entry, a URL, and whether Spin would let it through.

use super::*;

fn allows(entry: &str, url: &str) -> bool {
    let hosts = AllowedHosts::parse([entry.to_owned()]).unwrap();
    hosts.allow(&Url::parse(url).unwrap())
}

#[test]
fn entries_allow_what_they_say() {
    for (entry, url, expected) in [
        ("https://example.com", "https://example.com/", true),
        ("https://example.com", "https://example.com/any/path?q", true),
        ("https://example.com", "https://example.com:443/", true),
        ("https://example.com", "https://example.com:444/", false),
        ("https://example.com", "http://example.com/", false),
        ("https://example.com", "http://example.com:443/", false),
        ("https://example.com", "https://a.example.com/", false),
        ("https://example.com", "https://example.com.evil.org/", false),
        ("https://example.com", "https://example.com@evil.org/", false),
        ("https://example.com/", "https://example.com/", true),
        ("https://EXAMPLE.com", "https://example.COM/", true),
        ("http://example.com:8080", "http://example.com:8080/", true),
        ("http://example.com:8080/", "http://example.com:8080/", true),
        ("http://example.com:8080", "http://example.com/", false),
        ("http://example.com:*", "http://example.com:1/", true),
        ("http://example.com:80..82", "http://example.com:81/", true),
        ("http://example.com:80..82", "http://example.com:82/", false),
        ("http://example.com:80..82", "http://example.com/", true),
        ("*://example.com:443", "https://example.com/", true),
        ("*://example.com:443", "http://example.com/", false),
        ("*://*:*", "http://example.com:1234/", true),
        ("https://*", "https://anything.org/", true),
        ("https://*", "https://anything.org:8443/", false),
        ("https://*.example.com", "https://a.example.com/", true),
        ("https://*.example.com", "https://a.b.example.com/", true),
        ("https://*.example.com", "https://example.com/", false),
        ("https://*.example.com", "https://aexample.com/", false),
        ("http://127.0.0.1:3001", "http://127.0.0.1:3001/", true),
        ("http://127.0.0.1:3001", "http://localhost:3001/", false),
        ("http://localhost:3001", "http://127.0.0.1:3001/", false),
        ("http://[::1]:3001", "http://[::1]:3001/", true),
        ("http://[::1]", "http://[::1]/", true),
        ("http://10.0.0.0/8", "http://10.1.2.3/", true),
        ("http://10.0.0.0/8", "http://11.1.2.3/", false),
        ("http://10.0.0.0/8:8080", "http://10.1.2.3:8080/", true),
        ("http://10.0.0.0/8", "http://example.com/", false),
        ("http://10.0.0.1/32", "http://10.0.0.1/", true),
        ("http://10.0.0.1/32", "http://10.0.0.2/", false),
        ("http://0.0.0.0/0", "http://203.0.113.9/", true),
        ("http://0.0.0.0/0", "http://[::1]/", false),
        ("http://fd00::/8", "http://[fd12::1]/", true),
        ("http://fd00::/8", "http://[fe80::1]/", false),
        ("redis://localhost", "redis://localhost:6379", true),
        ("http://identity.spin.internal", "http://identity.spin.internal/a", true),
        ("http://identity.spin.internal", "https://identity.spin.internal/", false),
        ("http://identity.spin.internal", "http://wallet.spin.internal/", false),
        ("http://*.spin.internal", "http://wallet.spin.internal/", true),
        ("http://example.com", "http://identity.spin.internal/", false),
    ] {
        assert_eq!(allows(entry, url), expected, "{entry} and {url}");
    }
}

#[test]
fn entries_that_mean_nothing_are_errors() {
    for (entry, why) in [
        ("example.com", "scheme://host"),
        ("*", "scheme://host"),
        ("insecure:allow-all", "scheme://host"),
        ("https://example.com/path", "path"),
        ("https://example.com:443/path", "path"),
        ("https://example.com:https", "no port"),
        ("https://example.com:99999", "no port"),
        ("*://example.com", "needs a port"),
        ("ftp://example.com", "needs a port"),
        ("ht tp://example.com", "letters"),
        ("{http,https}://example.com", "letters"),
        ("https://a.*.com", "`*` may only"),
        ("https://*.*.com", "`*` may only"),
        ("https://*.10.0.0.1", "must be a name"),
        ("https://", "valid host"),
        ("http://self", "own address"),
    ] {
        let error = format!("{:#}", AllowedHost::parse(entry).expect_err(entry));
        assert!(error.contains(why) && error.contains(entry), "{entry}: {error}");
    }
}

#[test]
fn nothing_listed_and_nothing_filled_in_allow_nothing() {
    for entries in [vec![], vec![""], vec!["https://"], vec!["http://", ""]] {
        let hosts = AllowedHosts::parse(entries.into_iter().map(str::to_owned)).unwrap();
        assert!(!hosts.allow(&Url::parse("https://example.com").unwrap()));
    }
}
