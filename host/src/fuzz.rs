//! Fuzz targets: manifests, runtime config files, settings and request lines may hold anything. Nothing panics, and
//! what is refused is refused with a message. Each target is a test of its corpus (`__fuzz__`), and what `make
//! fuzz` starts from.

use std::path::Path;

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Uri, Version};
use settings::{Integer, Origin, PublicUrl, Secret};

use crate::allowed_hosts::AllowedHosts;
use crate::manifest::{Manifest, Route};
use crate::router::Router;
use crate::rules::{RuleTable, VariableRule};
use crate::runtime_config::RuntimeConfig;
use crate::source::Source;
use crate::spin_headers::{self, RouteHeaders};
use crate::target::absolute;
use crate::template::Template;

corpus::targets! {
    manifests: manifest,
    runtime_configs: runtime_config,
    allowed_hosts: allowed_host,
    settings_as_components_judge_them: setting,
    requests: request,
}

fn source(bytes: &[u8]) -> Option<Source> {
    Some(Source::new(Path::new("file.toml"), str::from_utf8(bytes).ok()?.to_owned()))
}

/// An error names the file and a line of it.
fn names_a_line(error: &anyhow::Error) {
    let text = format!("{error:#}");
    let line = text.strip_prefix("file.toml:").and_then(|rest| rest.split(':').next());
    assert!(line.is_some_and(|line| line.parse::<usize>().is_ok()), "{text}");
}

fn manifest(bytes: &[u8]) {
    let Some(source) = source(bytes) else { return };
    match Manifest::read(&source, Path::new("/app")) {
        Ok(manifest) => {
            assert!(!manifest.routes.is_empty());
            for route in &manifest.routes {
                assert!(manifest.components.iter().any(|component| component.id == route.component));
            }
        }
        Err(error) => names_a_line(&error),
    }
}

fn runtime_config(bytes: &[u8]) {
    let Some(source) = source(bytes) else { return };
    match RuntimeConfig::read(&source, Path::new("/config/file.toml"), Path::new("/app"), None) {
        Ok(config) => assert!(config.stores.iter().any(|(label, _)| label == "default")),
        Err(error) => names_a_line(&error),
    }
}

/// A line is an entry of `allowed_outbound_hosts` and also a URL; if the URL is valid, the entry must allow it.
fn allowed_host(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(template) = Template::parse(text) {
        let filled = template.fill(|_| Some("")).unwrap();
        assert!(!template.is_literal() || filled == text);
    }
    let entries: Vec<String> = text.lines().map(str::to_owned).collect();
    let Ok(hosts) = AllowedHosts::parse(entries.clone()) else { return };
    let elsewhere = url::Url::parse("https://elsewhere.test:4711/").unwrap();
    let has_star = text.contains('*');
    assert!(
        has_star || text.to_lowercase().contains("elsewhere.test") || !hosts.allow(&elsewhere),
        "{text:?}"
    );
    for entry in entries {
        if let Ok(url) = url::Url::parse(&entry)
            && url.has_host()
            && url.username().is_empty()
            && let Ok(alone) = AllowedHosts::parse([entry.clone()])
        {
            assert!(!alone.allow(&url) || hosts.allow(&url), "{entry:?} beside others");
        }
    }
}

/// `bank` starts only with settings that its components accept.
fn setting(bytes: &[u8]) {
    let Ok(value) = str::from_utf8(bytes) else { return };
    let ours = |rule: &str| {
        let written: RuleTable = toml::from_str(rule).unwrap();
        VariableRule::try_from(written).unwrap().allows(value)
    };
    let theirs =
        |rule: &dyn settings::Rule| !value.trim_ascii().is_empty() && rule.allows(value.trim_ascii());
    for (rule, other) in [
        ("integer = { from = 1, to = 60 }", &Integer { from: 1, to: 60 } as &dyn settings::Rule),
        ("url = [\"redis\", \"rediss\"]", &settings::Url(&["redis", "rediss"])),
        ("public_url = [\"http\", \"https\"]", &PublicUrl(&["http", "https"])),
        ("origin = [\"http\", \"https\"]", &Origin(&["http", "https"])),
        ("header_name = true", &settings::HeaderName),
        ("header_value = true", &settings::HeaderValue),
        ("secret = { at_least = 32 }", &Secret(32)),
    ] {
        assert!(
            !ours(rule) || theirs(other),
            "bank starts with {value:?}, and its components refuse it: {rule}"
        );
    }
}

/// A request as text: the last digit of its version and its target in the first line, then a field in each line.
fn written(bytes: &[u8]) -> Option<(Version, Uri, HeaderMap)> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (version, target) = lines.next()?.split_first()?;
    let version = if *version == b'0' { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(&value[1..]).ok()?);
    }
    Some((version, Uri::try_from(target).ok()?, headers))
}

/// A valid request is for one host, which is no component's. The client's own headers come before those that Spin
/// adds.
fn request(bytes: &[u8]) {
    let Some((version, target, sent)) = written(bytes) else { return };
    let (here, mut headers) = (Authority::from_static("127.0.0.1:3000"), sent.clone());
    let Some(uri) = absolute(&target, version, &mut headers, (Scheme::HTTP, Some(&here))) else { return };
    let authority = uri.authority().unwrap();
    let host = authority.host().to_ascii_lowercase();
    assert!(!authority.as_str().contains('@') && !host.ends_with(".spin.internal"), "{uri}");
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    assert!(
        hosts.len() == 1 && hosts[0].as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()),
        "{hosts:?}"
    );

    let routes = ["/exact", "/counters/:counter", "/..."].map(|path| {
        let route = Route { path: path.to_owned(), component: "c".to_owned() };
        let added = RouteHeaders::new(path);
        (route, added)
    });
    let router = Router::new(routes).unwrap();
    let Some(found) = router.find(uri.path()) else { return };
    let client = spin_headers::client_addr(([127, 0, 0, 1], 1).into());
    let (path, info) = (uri.path_and_query().unwrap().as_str(), found.trailing_wildcard());
    spin_headers::add(&mut headers, &Scheme::HTTP, path, &info, found.named(), &found.target.to, &client);
    for name in sent.keys().filter(|name| *name != HOST) {
        let first = headers.get_all(name).iter().take(sent.get_all(name).iter().count());
        assert!(first.eq(sent.get_all(name)), "{name}");
    }
}
