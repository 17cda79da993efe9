//! An answer that has passed the common rules ([`crate::rules`]), and what a test reads from it.

use crate::problem::Problem;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The request, as far as it matters for the answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub request_id: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub asked: Asked,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub took: Duration,
}

impl Answer {
    /// The only value of a header; panics if it was sent twice.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice: {self}");
        Some(first.to_str().expect("a header in ASCII"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|problem| panic!("not the JSON that is promised ({problem}): {self}"))
    }

    /// Insists on the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Insists on a problem with this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Problem {
        let problem: Problem = self.json();
        assert_eq!((self.status, problem.code.as_str()), (status, code), "{self}");
        problem
    }

    /// Whether the answer says that it is a replay.
    #[track_caller]
    pub fn replayed(&self) -> bool {
        match self.header("idempotent-replayed") {
            None => false,
            Some("true") => true,
            Some(other) => panic!("idempotent-replayed: {other}: {self}"),
        }
    }

    /// The body without the part that may differ between an answer and its replay: a problem's `request_id`.
    pub fn body_to_replay(&self) -> String {
        match self.header("x-request-id") {
            Some(id) if self.status >= 400 => self.text().replace(id, "(request_id)"),
            _ => self.text().to_owned(),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Asked { method, path, .. } = &self.asked;
        write!(f, "\n  {method} {path}\n  -> {}", self.status)?;
        for (name, value) in &self.headers {
            write!(f, "\n     {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "\n     {}", body.chars().take(600).collect::<String>())
    }
}
