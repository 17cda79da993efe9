//! `allowed_outbound_hosts`: where a component may connect to. An entry is `scheme://host[:port]`, as in Spin.
//!
//! - scheme: a name, or `*` for any.
//! - host: a name or an IP address; `*.example.com` for its subdomains, but not for itself; an address range such
//!   as `10.0.0.0/8`; or `*` for any.
//! - port: a number; a range `8000..8100`, whose end is excluded; or `*` for any. Without a port it is the scheme's
//!   default (80, 443, 6379, ...).
//!
//! An entry with a path is refused. `NAME.spin.internal` is another component of the application, and
//! `*.spin.internal` is every one of them. `self`, Spin's name for the application's own address, is refused,
//! because `bank` does not support it. An empty list allows nothing.

use anyhow::{Context as _, bail, ensure};
use std::net::IpAddr;
use std::ops::Range;
use url::{Host, Url};

/// One entry of `allowed_outbound_hosts`.
#[derive(Debug, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: HostRule,
    port: PortRule,
}

#[derive(Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    Below(String),
    Network(IpAddr, u8),
    Is(Host),
}

#[derive(Debug, PartialEq, Eq)]
enum PortRule {
    Any,
    In(Range<u16>),
    Is(u16),
}

/// All entries of a component.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Parses entries whose variables have been filled in. An entry that became empty, because its variable is empty,
    /// allows nothing and is no error.
    pub fn parse(entries: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let asked = |entry: &String| !matches!(entry.as_str(), "" | "http://" | "https://");
        let hosts = entries.into_iter().filter(asked);
        hosts.map(|entry| AllowedHost::parse(&entry)).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Whether a component may connect to the host of `url`.
    pub fn allow(&self, url: &Url) -> bool {
        self.0.iter().any(|host| host.allows(url))
    }
}

impl AllowedHost {
    /// Reads one entry.
    pub fn parse(entry: &str) -> anyhow::Result<Self> {
        let what = || format!("`{entry}` is no allowed host");
        let (scheme, rest) = entry
            .trim()
            .split_once("://")
            .context("it must be `scheme://host[:port]`; `*://*:*` allows everything")
            .with_context(what)?;
        let (host, port) = split_port(rest);
        let scheme = parse_scheme(scheme).with_context(what)?;
        Ok(Self {
            port: PortRule::parse(port, scheme.as_deref()).with_context(what)?,
            host: HostRule::parse(host).with_context(what)?,
            scheme,
        })
    }

    fn allows(&self, url: &Url) -> bool {
        self.scheme.as_deref().is_none_or(|scheme| scheme == url.scheme())
            && self.host.allows(url.host())
            && self.port.allows(url.port().or_else(|| well_known_port(url.scheme())))
    }
}

/// The port is behind the last colon, unless that colon belongs to an IPv6 address.
fn split_port(rest: &str) -> (&str, &str) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && !is_ipv6_range(rest) => {
            (host, port.strip_suffix('/').unwrap_or(port))
        }
        _ => (rest, ""),
    }
}

fn is_ipv6_range(text: &str) -> bool {
    text.split_once('/').map_or(text, |(address, _)| address).parse::<std::net::Ipv6Addr>().is_ok()
}

fn parse_scheme(scheme: &str) -> anyhow::Result<Option<String>> {
    if scheme == "*" {
        return Ok(None);
    }
    let letters = !scheme.is_empty() && scheme.chars().all(char::is_alphabetic);
    ensure!(letters, "its scheme must be letters, or `*`");
    Ok(Some(scheme.to_owned()))
}

impl HostRule {
    fn parse(host: &str) -> anyhow::Result<Self> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if let Some(network) = parse_network(host) {
            return Ok(network);
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        ensure!(!host.contains('/'), "it must not have a path");
        ensure!(!host.starts_with('{'), "lists of hosts are not done: write an entry for each");
        if matches!(host, "self" | "self.alt") {
            bail!(
                "`bank` does not do calls to the application's own address: name a component, NAME.spin.internal"
            );
        }
        let wildcard = host.strip_prefix("*.");
        ensure!(
            !wildcard.unwrap_or(host).contains('*'),
            "`*` may only stand for the whole host or in front of it, as `*.`"
        );
        match (Host::parse(wildcard.unwrap_or(host)).context("it has no valid host")?, wildcard) {
            (host, None) => Ok(Self::Is(host)),
            (Host::Domain(domain), Some(_)) => Ok(Self::Below(format!(".{domain}"))),
            _ => bail!("what is behind `*.` must be a name"),
        }
    }

    fn allows(&self, host: Option<Host<&str>>) -> bool {
        let address = match &host {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(*address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(*address)),
            _ => None,
        };
        match (self, host) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Is(rule), Some(host)) => host.to_owned() == *rule,
            (Self::Below(suffix), Some(Host::Domain(domain))) => domain.ends_with(suffix),
            (Self::Network(network, bits), Some(_)) => {
                address.is_some_and(|address| is_in(address, *network, *bits))
            }
            (Self::Below(_), Some(_)) => false,
        }
    }
}

fn parse_network(text: &str) -> Option<HostRule> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits = bits.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(HostRule::Network(address, bits))
}

/// Whether the first `bits` of two addresses of the same kind are the same.
fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32_u32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let unequal = address ^ network;
    unequal.checked_shr(width.saturating_sub(u32::from(bits))).unwrap_or(0) == 0
}

impl PortRule {
    fn parse(port: &str, scheme: Option<&str>) -> anyhow::Result<Self> {
        let number = |text: &str| text.parse().with_context(|| format!("`{text}` is no port"));
        if port.is_empty() {
            return scheme
                .and_then(well_known_port)
                .map(Self::Is)
                .context("it needs a port, since its scheme has none of its own");
        }
        if port == "*" {
            return Ok(Self::Any);
        }
        ensure!(!port.contains('/'), "it must not have a path");
        match port.split_once("..") {
            Some((start, end)) => Ok(Self::In(number(start)?..number(end)?)),
            None => Ok(Self::Is(number(port)?)),
        }
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::In(range), Some(port)) => range.contains(&port),
            (Self::Is(rule), Some(port)) => *rule == port,
            (_, None) => false,
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "mqtt" => Some(1883),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
