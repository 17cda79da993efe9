//! The log: one JSON object a line on stderr for each event. An answered request is an event too.
//!
//! Every line begins with `time` (RFC 3339, UTC), `level`, `component` and `event`. Values are JSON strings and
//! numbers, so no caller can forge a line with a line feed or a control character (CWE-117). The setting
//! `log_level` (`error`, `warn`, `info`, `debug`) drops less important lines.
//!
//! The log never has what clients send: no body, no token, no idempotency key.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Write as _;
use std::time::SystemTime;

mod time;

pub use time::rfc3339;

/// How important an event is, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A fault of ours.
    Error,
    /// Something is away, and clients notice.
    Warn,
    /// What happens.
    Info,
    /// Only useful to find a fault; names users.
    Debug,
}

impl Level {
    /// The level's name in the setting and in a line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug].into_iter().find(|level| level.as_str() == name)
    }
}

/// The value of a member. It has only the kinds that are used: a general JSON value is 50 KB in every `.wasm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A number.
    Whole(u64),
    /// An integer of thousandths, shown as a decimal.
    Thousandths(u64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl Value<'_> {
    fn write(&self, line: &mut String) {
        match self {
            Self::Text(text) => line.push_str(&quote(text)),
            Self::Whole(number) => line.push_str(&number.to_string()),
            Self::Flag(flag) => line.push_str(if *flag { "true" } else { "false" }),
            Self::Thousandths(number) => {
                let (whole, rest) = (number.div_euclid(1000), number.rem_euclid(1000));
                line.push_str(&format!("{whole}.{rest:03}"));
            }
        }
    }
}

/// The methods that are logged by name, and the word for any other (OpenTelemetry's semantic conventions). A client
/// can invent any number of methods, and metrics count requests by their method.
pub const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", OTHER_METHOD];
const OTHER_METHOD: &str = "_OTHER";

/// A request's method for the log: one of [`METHODS`].
#[must_use]
pub fn method(name: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == name).unwrap_or(OTHER_METHOD)
}

/// A JSON string, which has no control character in it (RFC 8259, section 7).
fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

thread_local! {
    static COMPONENT: Cell<&'static str> = const { Cell::new("") };
    static MIN_LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
}

/// Begins the log of an instance: sets the component's name and, once, the least level.
pub async fn begin(component: &'static str, least: impl AsyncFnOnce() -> Level) {
    if MIN_LEVEL.get().is_none() {
        COMPONENT.set(component);
        MIN_LEVEL.set(Some(least().await));
    }
}

/// Whether an event of this level gets into the log.
#[must_use]
pub fn is_shown(level: Level) -> bool {
    level <= MIN_LEVEL.get().unwrap_or(Level::Info)
}

/// Writes an event with these members, in this order.
pub fn event<'a>(level: Level, name: &'a str, members: impl IntoIterator<Item = (&'a str, Value<'a>)>) {
    if is_shown(level) {
        let text = line(SystemTime::now(), level, COMPONENT.get(), name, &mut members.into_iter());
        // One write for the whole line. If stderr is gone, there is nowhere to report it.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// The line of an event, with its line feed: for a runner that logs on behalf of a component.
///
/// It is not generic, so that a component contains it once.
#[must_use]
pub fn line<'a>(
    time: SystemTime,
    level: Level,
    component: &'a str,
    name: &'a str,
    members: &mut dyn Iterator<Item = (&'a str, Value<'a>)>,
) -> String {
    let head = [
        ("time", rfc3339(time).into()),
        ("level", level.as_str().into()),
        ("component", component.into()),
        ("event", name.into()),
    ];
    let mut text = String::with_capacity(256);
    for (name, value) in head.into_iter().chain(members) {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&quote(name));
        text.push(':');
        value.write(&mut text);
    }
    text.push('}');
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_line_is_one_json_object_that_says_when_how_bad_who_and_what() {
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(1_793_000_000_123)).unwrap();
        let text = line(
            time,
            Level::Warn,
            "rates",
            "rates-stale",
            &mut [
                ("age_seconds", 61.into()),
                ("duration_ms", Value::Thousandths(500_007)),
                ("replayed", Value::Flag(true)),
            ]
            .into_iter(),
        );
        assert_eq!(
            text,
            concat!(
                r#"{"time":"2026-10-26T07:33:20.123Z","level":"warn","component":"rates","event":"rates-stale","#,
                r#""age_seconds":61,"duration_ms":500.007,"replayed":true}"#,
                "\n"
            )
        );
    }

    #[test]
    fn nobody_forges_a_line() {
        let mut members = [("method", "GET\n{\"a\":\"\u{1b}[2J".into())].into_iter();
        let text = line(UNIX_EPOCH, Level::Info, "web", "request", &mut members);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_method_that_a_client_invents_is_not_told() {
        assert_eq!(["GET", "PATCH", "get", "ALICE"].map(method), ["GET", "PATCH", "_OTHER", "_OTHER"]);
    }

    #[test]
    fn a_level_is_known_by_its_name_and_nothing_else() {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug] {
            assert_eq!(Level::named(level.as_str()), Some(level));
        }
        for name in ["", "INFO", "trace", "info "] {
            assert_eq!(Level::named(name), None, "{name:?}");
        }
    }

    #[test]
    fn what_matters_less_than_info_is_left_out_unless_it_is_asked_for() {
        assert!(is_shown(Level::Error) && is_shown(Level::Info));
        assert!(!is_shown(Level::Debug));
    }
}
