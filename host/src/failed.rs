//! The log line of a request that its component did not answer. It is the line that the component would have
//! written, so requests can be counted by their lines.

use crate::component::ReadyComponent;
use crate::logs::ComponentLog;
use crate::spin_headers;
use eventlog::{Level, Value};
use http::{HeaderValue, Request, StatusCode};
use std::time::{Instant, SystemTime};

const EVENT: &str = "request";

/// What is known about a request before a component gets it.
pub struct RequestLine {
    began: Instant,
    method: &'static str,
    route: Option<HeaderValue>,
}

impl RequestLine {
    pub fn of<B>(request: &Request<B>) -> Self {
        let method = eventlog::method(request.method().as_str());
        let route = spin_headers::matched_route(request.headers()).cloned();
        Self { began: Instant::now(), method, route }
    }

    /// Logs that `component` has not answered, and that the client gets `status`.
    pub fn log_failure(self, component: &ReadyComponent, status: StatusCode) {
        if !component.shown {
            return;
        }
        let duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let members = [
            ("method", Some(self.method.into())),
            ("route", self.route.as_ref().and_then(|route| Some(route.to_str().ok()?.into()))),
            ("status", Some(u64::from(status.as_u16()).into())),
            ("duration_ms", Some(Value::Thousandths(duration_us))),
        ];
        let mut members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let line = eventlog::line(SystemTime::now(), Level::Error, &component.id, EVENT, &mut members);
        ComponentLog::new(component.id.clone(), component.telemetry.clone()).write(line.as_bytes());
    }
}
