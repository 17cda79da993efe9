//! Which values a setting may have. `bank` checks the same rules at its start (`host/src/rules.rs`), so it never
//! serves with a value that its components would refuse.
//!
//! Of an address only scheme and host are checked. A whole URL parser adds 100 KB to a `.wasm`, and the host that
//! connects has one anyway.

/// What a setting may be.
pub trait Rule {
    /// Whether `value`, without white space around it, is allowed.
    fn allows(&self, value: &str) -> bool;

    /// What is allowed, in words.
    fn words(&self) -> String;
}

/// One of these words.
#[derive(Debug, Clone, Copy)]
pub struct OneOf<'a>(pub &'a [&'a str]);

/// A whole number in plain digits.
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    /// The least.
    pub from: u64,
    /// The most.
    pub to: u64,
}

/// An address with one of these schemes, and a host, or several with commas between.
#[derive(Debug, Clone, Copy)]
pub struct Url<'a>(pub &'a [&'a str]);

/// An address with one of these schemes, a host, and no user, since anybody may see it.
#[derive(Debug, Clone, Copy)]
pub struct PublicUrl<'a>(pub &'a [&'a str]);

/// An address with one of these schemes, and no user, path or query.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a>(pub &'a [&'a str]);

/// The name of a header field (RFC 9110, section 5.1) that is not [`CONNECTION_HEADERS`].
#[derive(Debug, Clone, Copy)]
pub struct HeaderName;

/// Visible ASCII characters.
#[derive(Debug, Clone, Copy)]
pub struct HeaderValue;

/// Visible ASCII characters, at least so many.
#[derive(Debug, Clone, Copy)]
pub struct Secret(pub usize);

/// Header fields that belong to the connection or say where a message goes and ends (RFC 9110, sections 7.2, 7.6.1
/// and 8.6): a setting cannot name one.
pub const CONNECTION_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Rule for OneOf<'_> {
    fn allows(&self, value: &str) -> bool {
        self.0.contains(&value)
    }

    fn words(&self) -> String {
        list(self.0, "", ", ")
    }
}

impl Rule for Integer {
    fn allows(&self, value: &str) -> bool {
        integer(value).is_some_and(|number| (self.from..=self.to).contains(&number))
    }

    fn words(&self) -> String {
        format!("an integer from {} to {}", self.from, self.to)
    }
}

impl Rule for Url<'_> {
    fn allows(&self, value: &str) -> bool {
        parts(value, self.0).is_some_and(|(_, hosts, _)| hosts.split(',').all(is_host))
    }

    fn words(&self) -> String {
        format!("an address {}", each(self.0))
    }
}

impl Rule for PublicUrl<'_> {
    fn allows(&self, value: &str) -> bool {
        parts(value, self.0).is_some_and(|(user, host, _)| user.is_none() && is_host(host))
    }

    fn words(&self) -> String {
        format!("an address {} without a user", each(self.0))
    }
}

impl Rule for Origin<'_> {
    fn allows(&self, value: &str) -> bool {
        let is_bare = |(user, host, after): (Option<&str>, &str, &str)| {
            user.is_none() && is_host(host) && matches!(after, "" | "/")
        };
        parts(value, self.0).is_some_and(is_bare)
    }

    fn words(&self) -> String {
        format!("an origin {} without a path", each(self.0))
    }
}

impl Rule for HeaderName {
    fn allows(&self, value: &str) -> bool {
        let is_of_the_connection = CONNECTION_HEADERS.iter().any(|name| name.eq_ignore_ascii_case(value));
        value.bytes().all(is_token) && !is_of_the_connection
    }

    fn words(&self) -> String {
        "the name of a header field that is not the connection's own".to_owned()
    }
}

impl Rule for HeaderValue {
    fn allows(&self, value: &str) -> bool {
        value.bytes().all(|byte| byte.is_ascii_graphic())
    }

    fn words(&self) -> String {
        "visible ASCII characters".to_owned()
    }
}

impl Rule for Secret {
    fn allows(&self, value: &str) -> bool {
        value.len() >= self.0 && HeaderValue.allows(value)
    }

    fn words(&self) -> String {
        format!("visible ASCII characters, at least {} of them", self.0)
    }
}

fn each(schemes: &[&str]) -> String {
    list(schemes, "://…", " or ")
}

/// Each word followed by `after`, with `between` in between. It does not use `join`, which nothing else in a `.wasm`
/// needs: 1 KB.
fn list(words: &[&str], after: &str, between: &str) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push_str(word);
        text.push_str(after);
    }
    text
}

/// Digits only, without a sign.
fn integer(value: &str) -> Option<u64> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) { value.parse().ok() } else { None }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The parts of an address with one of these schemes: the user, the host, and the rest.
fn parts<'a>(value: &'a str, schemes: &[&str]) -> Option<(Option<&'a str>, &'a str, &'a str)> {
    let is_visible = value.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    let rest = schemes.iter().find_map(|scheme| {
        let (head, rest) = value.split_at_checked(scheme.len())?;
        rest.strip_prefix("://").filter(|_| is_visible && head.eq_ignore_ascii_case(scheme))
    })?;
    let end = rest.bytes().position(|byte| b"/?#".contains(&byte)).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end)?;
    let at = authority.bytes().rposition(|byte| byte == b'@');
    let user = at.and_then(|at| authority.get(..at));
    let host = at.map_or(Some(authority), |at| authority.get(at..)?.strip_prefix('@'))?;
    Some((user, host, after))
}

/// A name, an IPv4 address or an IPv6 address in brackets; a port may follow.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((host, port)) => (host, port),
            None => return false,
        },
        None => text
            .split_at_checked(text.bytes().position(|byte| byte == b':').unwrap_or(text.len()))
            .unwrap_or(("", "")),
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => !port.starts_with('0') && integer(port).is_some_and(|port| port <= 65_535),
        None => port.is_empty(),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    is_port && !host.is_empty() && host.bytes().all(allowed)
}
