//! The log line of a request, written when it is answered. It never says what the request was about.
//!
//! So it has no body, no token and no idempotency key. A user appears as the first 16 hex digits of the SHA-256 of
//! their name; at `log_level = debug` the name itself is there. The route is the template that Spin matched, the
//! trace id that of `traceparent` (W3C Trace Context, section 3.2).

use std::rc::Rc;
use std::time::Instant;

use eventlog::{Level, Value};
use ledger::{Hash, User};

use crate::headers::{Headers, text};
use crate::request::LoggedUser;
use crate::{Answer, Request};

/// What is known about a request before it is answered.
pub struct RequestLine {
    began: Instant,
    method: &'static str,
    route: Option<String>,
    request_id: Rc<str>,
    trace_id: Option<String>,
    user: LoggedUser,
}

impl RequestLine {
    pub(crate) fn begin(request: &Request) -> Self {
        let headers = request.headers();
        Self {
            began: Instant::now(),
            method: eventlog::method(request.method()),
            route: route(headers),
            request_id: request.shared_id(),
            trace_id: trace_id(headers),
            user: request.logged_user(),
        }
    }

    /// The id of the request.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Writes the line.
    pub(crate) fn end(self, answer: &Answer) {
        let status = answer.status().as_u16();
        let level = match status {
            503 => Level::Warn,
            500.. => Level::Error,
            _ => Level::Info,
        };
        if !eventlog::is_shown(level) {
            return;
        }
        let told = answer.log_members();
        let duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let members = [
            ("method", Some(self.method.into())),
            ("route", self.route.map(Value::from)),
            ("status", Some(u64::from(status).into())),
            ("duration_ms", Some(Value::Thousandths(duration_us))),
            ("request_id", Some((&*self.request_id).into())),
            ("trace_id", self.trace_id.map(Value::from)),
            ("user", self.user.take().map(Value::from)),
            ("code", told.code.map(Value::from)),
            ("outcome", told.outcome.map(Value::from)),
            ("replayed", told.replayed.then_some(Value::Flag(true))),
            ("age_seconds", told.age_seconds.map(Value::from)),
        ];
        let members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        eventlog::event(level, "request", members);
    }
}

/// The name of a user in the log.
pub(crate) fn user(user: &User) -> String {
    if eventlog::is_shown(Level::Debug) {
        return user.to_string();
    }
    let mut digits = Hash::of(user.as_str()).to_string();
    digits.truncate(16);
    digits
}

/// The template that Spin matched. Spin's header comes after any that the client sent.
fn route(headers: &Headers) -> Option<String> {
    headers.all("spin-matched-route").next_back().and_then(text).map(str::to_owned)
}

/// `version-traceid-parentid-flags`, where the trace id is 32 lower-case hex digits and not all zeros.
fn trace_id(headers: &Headers) -> Option<String> {
    let mut parts = headers.first("traceparent")?.split('-');
    let (_version, id, _parent, _flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let valid = id.len() == 32 && id.bytes().all(hex) && id.bytes().any(|byte| byte != b'0');
    valid.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        Headers::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
    }

    #[test]
    fn the_route_is_the_one_that_spin_added_behind_the_clients() {
        let sent =
            headers(&[("spin-matched-route", "/forged"), ("spin-matched-route", "/v1/counters/:name")]);
        assert_eq!(route(&sent).as_deref(), Some("/v1/counters/:name"));
        assert_eq!(route(&headers(&[])), None);
    }

    #[test]
    fn a_trace_id_is_taken_from_a_sane_traceparent_only() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let sane = headers(&[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]);
        assert_eq!(trace_id(&sane).as_deref(), Some(id));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_id(&headers(&[("traceparent", bad)])), None, "{bad:?}");
        }
    }

    #[test]
    fn a_user_is_told_apart_and_not_named() {
        let shown = user(&"alice".parse().unwrap());
        assert_eq!(shown, "2bd806c97f0e00af");
        let told = "`printf %s alice | sha256sum | cut -c1-16` prints `2bd806c97f0e00af`";
        assert!(
            include_str!("../../../docs/observability.md").contains(told),
            "docs/observability.md does not say how to find a user"
        );
        assert_ne!(shown, user(&"bob".parse().unwrap()));
    }
}
