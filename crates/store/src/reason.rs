//! Why a store failed, in a few fixed words, read from the host's error text.
//!
//! Each host words its errors differently: Spin's `spin:redis` and key-value store (the crate `redis` 0.32, by
//! `Display` and by `Debug`, which are the same), and `bank` (`redis` 1.8, SQLite). The reason is always one of a
//! list, which includes Redis' own error codes. It is never a part of the text, which could hold a password, an
//! address or a value.
//!
//! [`Reason::is_refusal`] says which reasons mean that nothing was done, and [`Reason::leads_elsewhere`] which ones
//! that another server must be asked, such as `READONLY`.

/// Why a store failed. Equal texts are the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(&'static str);

/// Redis' error codes, and the names that the crate `redis` has for some of them.
const CODES: &[(&str, &[&str])] = &[
    ("ASK", &["Ask"]),
    ("BUSY", &[]),
    ("CLUSTERDOWN", &["ClusterDown"]),
    ("CROSSSLOT", &["CrossSlot"]),
    ("DENIED", &[]),
    ("ERR", &["ResponseError"]),
    ("EXECABORT", &["ExecAbort", "ExecAbortError"]),
    ("LOADING", &["BusyLoading", "BusyLoadingError"]),
    ("MASTERDOWN", &["MasterDown"]),
    ("MISCONF", &[]),
    ("MOVED", &["Moved"]),
    ("NOAUTH", &[]),
    ("NOPERM", &["NoPerm"]),
    ("NOREPLICAS", &[]),
    ("NOSCRIPT", &["NoScript", "NoScriptError"]),
    ("OOM", &[]),
    ("READONLY", &["ReadOnly"]),
    ("TRYAGAIN", &["TryAgain"]),
    ("WRONGPASS", &["AuthenticationFailed"]),
    ("WRONGTYPE", &[]),
];

/// The codes after which nothing of a script was carried out, and nothing will be.
const REFUSAL_CODES: &[&str] = &[
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// The codes of a server that is not, or not yet, the master that the address stands for.
const NOT_MASTER_CODES: &[&str] = &["LOADING", "MASTERDOWN", "READONLY"];

/// SQLite's errors that only writes get.
const SQLITE_WRITE_ERRORS: &[&str] = &["disk full", "locked", "read-only"];

/// Other reasons, each with phrases to find in the text, in lower case. The first that matches counts.
const PHRASES: &[(&str, &[&str])] = &[
    ("TLS: the certificate has expired", &["certificate expired", "certificate has expired"]),
    ("TLS: the certificate is not valid yet", &["not valid yet", "not yet valid", "notvalidyet"]),
    (
        "TLS: the certificate is for another name",
        &["not valid for name", "notvalidforname", "hostname mismatch", "name mismatch"],
    ),
    (
        "TLS: nobody who is trusted signed the certificate",
        &["unknownissuer", "unknown ca", "self-signed", "self signed", "issuer certificate"],
    ),
    ("TLS: the certificate is that of an authority", &["causedasendentity"]),
    ("TLS: the server asks for a certificate", &["certificaterequired", "certificate required"]),
    ("TLS: the server does not speak it", &["invalidcontenttype", "wrong version number", "packet length"]),
    ("TLS", &["certificate", "handshake", "tls", "ssl"]),
    ("refused", &["connection refused"]),
    ("timed out", &["timed out", "timeout", "in time"]),
    (
        "name not found",
        &["lookup address", "no address found", "name or service", "name resolution", "not known", "resolve"],
    ),
    ("unreachable", &["unreachable", "no route"]),
    ("not allowed", &["access denied", "accessdenied", "prohibited", "not allowed", "blocked"]),
    ("disk full", &["disk is full", "diskfull", "no space"]),
    ("locked", &["database is locked", "table is locked", "databasebusy", "databaselocked"]),
    ("read-only", &["readonly", "read-only"]),
    ("no file", &["unable to open", "cannotopen", "no such file"]),
    ("damaged", &["malformed", "not a database", "corrupt"]),
    ("I/O error", &["i/o error", "systemiofailure"]),
    ("not Redis", &["parse", "unexpected value"]),
    (
        "broken",
        &["reset", "broken pipe", "end of file", "eof", "closed", "terminated", "given up", "not connected"],
    ),
];

impl Reason {
    /// It did not answer by the deadline.
    pub const TIMED_OUT: Self = Self("timed out");
    /// The address is not valid, or not allowed by the manifest.
    pub const BAD_ADDRESS: Self = Self("the address is none, or not allowed");
    /// The host allows no more connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self("too many connections");
    /// No node tells which node has which slots.
    pub const NO_MAP: Self = Self("no node of the cluster answers");
    /// Fewer replicas than required have a write in time.
    pub const TOO_FEW_REPLICAS: Self = Self("too few replicas");
    /// The answer is not one to what was asked.
    pub const WRONG_ANSWER: Self = Self("not the answer to what was asked");
    /// The host has no such store, or not for this component.
    pub const NO_STORE: Self = Self("no such store");

    /// The reason in an error's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.as_bytes();
        if is_in(b"max number of clients", text) {
            return Self::TOO_MANY_CONNECTIONS;
        }
        // A command of the script that the user may not call.
        if is_in(b"executing the script can't", text) {
            return Self("NOPERM");
        }
        if let Some(code) = code(text) {
            return Self(code);
        }
        let lower = text.to_ascii_lowercase();
        let fits = |(_, all): &&(&str, &[&str])| all.iter().any(|phrase| is_in(phrase.as_bytes(), &lower));
        PHRASES.iter().find(fits).map_or(Self("unknown"), |(reason, _)| Self(reason))
    }

    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether nothing was carried out, and nothing will be. Any other reason leaves it open.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        REFUSAL_CODES.contains(&self.0)
    }

    /// Whether another server must be asked: this one is not, or not yet, the master that the address stands for. The
    /// connection is dropped, and the next call connects again.
    #[must_use]
    pub fn leads_elsewhere(self) -> bool {
        NOT_MASTER_CODES.contains(&self.0)
    }

    /// Whether the server answers reads and refuses writes because it is a replica.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        self.0 == "READONLY"
    }

    /// Whether this is the store's own answer, and not a failure to reach it: a store may refuse writes and still
    /// answer reads.
    #[must_use]
    pub fn is_an_answer(self) -> bool {
        CODES.iter().any(|(code, _)| *code == self.0)
            || SQLITE_WRITE_ERRORS.contains(&self.0)
            || self == Self::TOO_FEW_REPLICAS
    }
}

/// The first error code in the text, by either of its names.
fn code(text: &[u8]) -> Option<&'static str> {
    let mut words = text.split(|letter| !letter.is_ascii_alphanumeric());
    words.find_map(|word| {
        let is = |name: &&str| name.as_bytes() == word;
        CODES.iter().find(|(code, names)| is(code) || names.iter().any(is)).map(|(code, _)| *code)
    })
}

/// Smaller than the search of the standard library, which would be in every component.
pub(crate) fn is_in(phrase: &[u8], text: &[u8]) -> bool {
    text.windows(phrase.len()).any(|part| part == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_failing_has_its_reason_in_the_words_of_each_host() {
        for (text, reason) in [
            // `bank`, redis 1.8
            ("\"WRONGPASS\": invalid username-password pair or user is disabled.", "WRONGPASS"),
            ("Redis: Password authentication failed - AuthenticationFailed", "WRONGPASS"),
            ("NoPerm: User bank has no permissions to run the 'eval' command", "NOPERM"),
            ("ReadOnly: You can't write against a read only replica.", "READONLY"),
            ("BusyLoading: Redis is loading the dataset in memory", "LOADING"),
            ("\"OOM\": command not allowed when used memory > 'maxmemory'.", "OOM"),
            ("ERR The user executing the script can't run this command or subcommand", "NOPERM"),
            ("CrossSlot: Keys in request don't hash to the same slot", "CROSSSLOT"),
            ("\"NOVELTY\": of a later Redis", "unknown"),
            ("Connection refused (os error 111)", "refused"),
            ("failed to lookup address information: Name or service not known", "name not found"),
            ("invalid peer certificate: UnknownIssuer", "TLS: nobody who is trusted signed the certificate"),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
                "TLS: the certificate is for another name",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 1 (UNIX)",
                "TLS: the certificate has expired",
            ),
            (
                "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
                "TLS: the certificate is that of an authority",
            ),
            ("received corrupt message of type InvalidContentType", "TLS: the server does not speak it"),
            ("the server did not answer in time - Io", "timed out"),
            ("SQLite: database is locked", "locked"),
            // Spin, redis 0.32 with OpenSSL
            ("An error was signalled by the server - ReadOnly: You can't write", "READONLY"),
            ("An error was signalled by the server - BusyLoadingError: Redis is loading", "LOADING"),
            ("NOPERM: this user has no permissions to run the 'eval' command", "NOPERM"),
            ("Password authentication failed- AuthenticationFailed", "WRONGPASS"),
            ("No address found for host- InvalidClientConfig", "name not found"),
            ("broken pipe", "broken"),
            (
                "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed: (hostname mismatch)",
                "TLS: the certificate is for another name",
            ),
            ("SqliteFailure(Error { code: DatabaseBusy, extended_code: 5 }, None)", "locked"),
            // Redis itself, in a step of a script
            ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
            ("MISCONF Redis is configured to save RDB snapshots", "MISCONF"),
            ("ERR max number of clients reached", "too many connections"),
            ("something else", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(Reason::of(text).as_str(), reason, "{text}");
        }
    }

    #[test]
    fn only_an_answer_of_redis_itself_says_that_nothing_was_done() {
        for refusal in [
            "LOADING: Redis is loading the dataset in memory",
            "ReadOnly: You can't write against a read only replica.",
            "\"OOM\": command not allowed when used memory > 'maxmemory'.",
            "NOAUTH: Authentication required.",
            "CrossSlot: Keys in request don't hash to the same slot",
        ] {
            assert!(Reason::of(refusal).is_refusal(), "{refusal}");
        }
        for open in [
            "broken pipe",
            "Connection reset by peer (os error 104)",
            "ResponseError: Error running script",
            "",
        ] {
            assert!(!Reason::of(open).is_refusal(), "{open}");
        }
    }

    #[test]
    fn a_connection_to_a_server_that_is_no_master_is_worth_nothing() {
        for elsewhere in
            ["READONLY You can't write", "LOADING Redis is loading", "MASTERDOWN Link with MASTER is down"]
        {
            assert!(Reason::of(elsewhere).leads_elsewhere(), "{elsewhere}");
        }
        for here in ["OOM command not allowed", "NOPERM this user", "broken pipe"] {
            assert!(!Reason::of(here).leads_elsewhere(), "{here}");
        }
    }

    #[test]
    fn every_reason_that_a_log_may_show_is_explained_to_whoever_runs_redis() {
        let explained = include_str!("../../../docs/redis.md");
        let of_redis = CODES.iter().map(|(code, _)| *code);
        let others = [
            Reason::TIMED_OUT,
            Reason::BAD_ADDRESS,
            Reason::TOO_MANY_CONNECTIONS,
            Reason::TOO_FEW_REPLICAS,
            Reason::WRONG_ANSWER,
            Reason::NO_MAP,
        ];
        let phrases = PHRASES.iter().map(|(reason, _)| *reason).filter(|reason| !reason.starts_with("TLS: "));
        let all =
            of_redis.chain(phrases).chain(others.map(Reason::as_str)).chain(["no such store", "unknown"]);
        let missing: Vec<_> = all.filter(|reason| !explained.contains(&format!("`{reason}`"))).collect();
        assert!(missing.is_empty(), "docs/redis.md does not explain {missing:?}");
    }

    #[test]
    fn a_reason_holds_nothing_of_what_was_asked() {
        for text in [
            "ERR unknown command 'SECRET', with args beginning with: 'SECRET'",
            "could not connect to redis://:SECRET@db",
            "connection refused: redis://:SECRET@db",
            "the value SECRET is odd",
        ] {
            assert!(!Reason::of(text).as_str().contains("SECRET"), "{text}");
        }
    }
}
