//! Which values a variable may have: `[application.tool.bank.variables]` in the manifest, which Spin leaves to
//! tools.
//!
//! White space around a value does not count. If a value is not allowed, `bank` does not start, and says what is
//! allowed. A variable without a rule may have any value. A secret is never shown.

use anyhow::ensure;
use redis::IntoConnectionInfo as _;
use serde::Deserialize;
use settings::{HeaderName, HeaderValue, Integer, Origin, PublicUrl, Rule as _};
use std::collections::BTreeMap;
use std::fmt;
use store::redis::cluster::Node;
use url::Url;

/// A rule, as the manifest has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the rules of a setting")]
pub struct RuleTable {
    one_of: Option<Vec<String>>,
    integer: Option<Bounds>,
    url: Option<Vec<String>>,
    public_url: Option<Vec<String>>,
    origin: Option<Vec<String>>,
    origins: Option<Vec<String>>,
    header_name: Option<bool>,
    header_value: Option<bool>,
    secret: Option<SecretLength>,
    #[serde(default)]
    or_empty: bool,
    needed_with: Option<BTreeMap<String, String>>,
    not_with: Option<String>,
}

/// Both ends are allowed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "bounds")]
pub struct Bounds {
    from: u64,
    to: u64,
}

/// How long a secret is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the length of a secret")]
pub struct SecretLength {
    at_least: usize,
}

/// What values a variable may have.
#[derive(Debug)]
pub struct VariableRule {
    kind: RuleKind,
    or_empty: bool,
    /// It must not be empty if these variables have these values.
    needed_with: BTreeMap<String, String>,
    /// It must be empty if this variable is empty.
    not_with: Option<String>,
}

#[derive(Debug)]
enum RuleKind {
    OneOf(Vec<String>),
    Integer(Bounds),
    /// An address with one of these schemes; that of a Redis Cluster may name several nodes.
    Url(Vec<String>),
    /// An address without a user, since anybody may see it.
    PublicUrl(Vec<String>),
    /// An address with nothing after host and port.
    Origin(Vec<String>),
    /// Any number of origins, separated by white space.
    Origins(Vec<String>),
    /// The name of a header field that is not one of the connection.
    HeaderName,
    /// Visible ASCII characters.
    HeaderValue,
    /// At least so many visible ASCII characters.
    Secret(SecretLength),
}

impl TryFrom<RuleTable> for VariableRule {
    type Error = &'static str;

    fn try_from(written: RuleTable) -> Result<Self, Self::Error> {
        let kinds = [
            written.one_of.map(RuleKind::OneOf),
            written.integer.map(RuleKind::Integer),
            written.url.map(RuleKind::Url),
            written.public_url.map(RuleKind::PublicUrl),
            written.origin.map(RuleKind::Origin),
            written.origins.map(RuleKind::Origins),
            written.header_name.filter(|is| *is).map(|_| RuleKind::HeaderName),
            written.header_value.filter(|is| *is).map(|_| RuleKind::HeaderValue),
            written.secret.map(RuleKind::Secret),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(Self {
                kind,
                or_empty: written.or_empty,
                needed_with: written.needed_with.unwrap_or_default(),
                not_with: written.not_with,
            }),
            _ => Err("a rule is one of `one_of`, `integer`, `url`, `public_url`, `origin`, `origins`, \
                      `header_name`, `header_value`, `secret`, and may add `or_empty = true`, `needed_with = { NAME = VALUE }`, \
                      `not_with = NAME`"),
        }
    }
}

impl VariableRule {
    /// Whether it allows `value`: by the same rule as the components (`crates/settings`). An address must also be one
    /// that a client can parse.
    pub fn allows(&self, value: &str) -> bool {
        let value = value.trim_ascii();
        if value.is_empty() {
            return self.or_empty || matches!(self.kind, RuleKind::Origins(_));
        }
        match &self.kind {
            RuleKind::OneOf(values) => settings::OneOf(&words(values)).allows(value),
            RuleKind::Integer(Bounds { from, to }) => Integer { from: *from, to: *to }.allows(value),
            RuleKind::Url(schemes) => {
                settings::Url(&words(schemes)).allows(value)
                    && each_node(value).iter().all(|address| can_be_read(address))
            }
            RuleKind::PublicUrl(schemes) => PublicUrl(&words(schemes)).allows(value) && can_be_read(value),
            RuleKind::Origin(schemes) => is_origin(value, schemes),
            RuleKind::Origins(schemes) => {
                value.split_ascii_whitespace().all(|origin| is_origin(origin, schemes))
            }
            RuleKind::HeaderName => HeaderName.allows(value),
            RuleKind::HeaderValue => HeaderValue.allows(value),
            RuleKind::Secret(SecretLength { at_least }) => settings::Secret(*at_least).allows(value),
        }
    }

    /// The other variables that the rule depends on.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.needed_with.keys().chain(&self.not_with).map(String::as_str)
    }

    /// Why `value` conflicts with the values of the `others`, if it does.
    pub fn conflict<'v>(&self, value: &str, others: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let other = |name: &str| others(name).unwrap_or_default().trim_ascii();
        if value.trim_ascii().is_empty() {
            let needed = self.needed_with.iter().find(|(name, needing)| other(name) == needing.as_str());
            return needed
                .map(|(name, needing)| format!("is empty, and is needed with `{name}` = `{needing}`"));
        }
        let not_with = self.not_with.as_deref().filter(|name| !other(name).is_empty());
        not_with.map(|name| format!("cannot stand beside `{name}`: give one of them"))
    }
}

/// Whether the client library can parse an address.
fn can_be_read(address: &str) -> bool {
    let is_redis = |url: Url| url.scheme().starts_with("redis");
    Url::parse(address).is_ok_and(|url| !is_redis(url) || address.into_connection_info().is_ok())
}

/// The address of each node in `value`, whose hosts are separated by commas.
fn each_node(value: &str) -> Vec<String> {
    Node::named(value).iter().map(|node| node.address(value)).collect()
}

fn is_origin(value: &str, schemes: &[String]) -> bool {
    Origin(&words(schemes)).allows(value) && can_be_read(value)
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// What is allowed.
impl fmt::Display for VariableRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |schemes: &[String], rest: &str| {
            schemes.iter().map(|scheme| format!("{scheme}://{rest}")).collect::<Vec<_>>().join(" or ")
        };
        match &self.kind {
            RuleKind::OneOf(values) => write!(f, "allowed are {}", values.join(", "))?,
            RuleKind::Integer(Bounds { from, to }) => write!(f, "allowed is an integer from {from} to {to}")?,
            RuleKind::Url(schemes) => write!(f, "allowed is an address {}", each(schemes, "…"))?,
            RuleKind::PublicUrl(schemes) => {
                write!(f, "allowed is an address {} without a user", each(schemes, "…"))?;
            }
            RuleKind::Origin(schemes) => write!(f, "allowed is {}", each(schemes, "host[:port]"))?,
            RuleKind::Origins(schemes) => {
                write!(f, "allowed are any number of {}, with spaces between", each(schemes, "host[:port]"))?;
            }
            RuleKind::HeaderName => {
                f.write_str("allowed is the name of a header field that is not the connection's own")?;
            }
            RuleKind::HeaderValue => f.write_str("allowed are visible ASCII characters")?,
            RuleKind::Secret(SecretLength { at_least }) => {
                write!(f, "allowed are visible ASCII characters, at least {at_least} of them")?;
            }
        }
        f.write_str(if self.or_empty { ", or nothing" } else { "" })
    }
}

/// The milliseconds in `text`.
pub fn milliseconds(text: &str) -> anyhow::Result<std::time::Duration> {
    let number = text.trim_ascii().parse::<u64>().unwrap_or(0);
    ensure!(number > 0, "`{}` is no number of milliseconds", text.trim_ascii());
    Ok(std::time::Duration::from_millis(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> VariableRule {
        toml::from_str::<RuleTable>(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_rule_allows_what_it_says_and_nothing_else() {
        for (text, allowed, refused) in [
            ("one_of = [\"kv\", \"redis\"]", &["kv", " redis\n"][..], &["mongo", "", "KV", "kv redis"][..]),
            (
                "integer = { from = 1, to = 60 }",
                &["1", "60", " 5\n"],
                &["0", "61", "-1", "+5", "1.5", "", "1e1"],
            ),
            (
                "url = [\"redis\", \"rediss\"]",
                &[
                    "redis://localhost:6379",
                    "rediss://u:p%40%23@h/3",
                    "redis://:p@h\n",
                    "redis://:a!$&'()*+,;=:b@h",
                    "rediss://u:p,q@a:7000,b,[::1]:7002/0?x=y",
                ],
                &[
                    "http://h",
                    "redis://",
                    "h:6379",
                    "redis://a,",
                    "redis://a:1,b:x",
                    "redis://,b",
                    "redis://a,redis://b",
                    "redis://:p#x@h",
                    "redis://h/x",
                    "",
                ],
            ),
            (
                "public_url = [\"https\"]",
                &["https://h", "https://h:8443/realms/a?b=c@d\n"],
                &["https://u@h", "https://u:p@h/a", "https://:p@h", "http://h", ""],
            ),
            (
                "origin = [\"http\", \"https\"]",
                &["https://api.example.com", "http://127.0.0.1:80/", " https://h\n"],
                &["https://h/path", "https://a,b", "https://u@h", "https://h?q", "ftp://h", "h", ""],
            ),
            (
                "origins = [\"https\"]",
                &["", "https://a", "https://a https://b:8443\n"],
                &["https://a,https://b", "https://a, https://b", "*", "https://a http://b"],
            ),
            (
                "header_name = true",
                &["x-cg-demo-api-key", "Authorization"],
                &["", "a b", "a:", "Host", "connection", "content-length", "transfer-encoding"],
            ),
            ("header_value = true", &["CG-a/b+c=", " k\n"], &["", "a b", "a\nb", "\u{e4}", "\0"]),
            ("header_name = true\nor_empty = true", &["", " \n", "a"], &["a b"]),
            ("secret = { at_least = 4 }", &["abcd", " abcde\n"], &["", "abc", "ab cd", " abc\n"]),
        ] {
            let rule = rule(text);
            for value in allowed {
                assert!(rule.allows(value), "{text}: {value:?}");
            }
            for value in refused {
                assert!(!rule.allows(value), "{text}: {value:?}");
            }
        }
    }

    #[test]
    fn a_rule_says_what_is_allowed() {
        for (text, expected) in [
            ("one_of = [\"kv\", \"redis\"]", "allowed are kv, redis"),
            ("integer = { from = 1, to = 60 }", "allowed is an integer from 1 to 60"),
            ("url = [\"redis\", \"rediss\"]", "allowed is an address redis://… or rediss://…"),
            ("public_url = [\"https\"]", "allowed is an address https://… without a user"),
            ("origin = [\"https\"]\nor_empty = true", "allowed is https://host[:port], or nothing"),
            (
                "secret = { at_least = 32 }\nor_empty = true",
                "allowed are visible ASCII characters, at least 32 of them, or nothing",
            ),
        ] {
            assert_eq!(rule(text).to_string(), expected);
        }
    }
}
