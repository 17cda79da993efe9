//! Whether `bank` is ready. While it stops it is not, whatever the application would answer: load balancers should
//! send requests elsewhere before it accepts none.
//!
//! Two paths say so: Spin's own path for health, and the one that the manifest names. All other paths are answered
//! as before.

use crate::router::WELL_KNOWN;
use crate::unavailable;
use bytes::Bytes;
use http::Response;
use std::sync::atomic::{AtomicBool, Ordering};

/// A problem (RFC 9457) without details.
const STOPPING: &str =
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"This bank is stopping."}"#;

/// Whether it is ready.
pub struct Readiness {
    path: Option<String>,
    has_ended: AtomicBool,
}

impl Readiness {
    /// Ready, as far as `bank` itself knows. At `path` the application answers whether it is ready.
    pub fn new(path: Option<String>) -> Self {
        Self { path, has_ended: AtomicBool::new(false) }
    }

    /// From now on it is not.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// The answer to a readiness check at `path`, if it has to be "no".
    pub fn refusal(&self, path: &str) -> Option<Response<Bytes>> {
        let is_spins_own = || path.strip_prefix(WELL_KNOWN) == Some("health");
        let is_asked = || is_spins_own() || self.path.as_deref() == Some(path);
        (self.has_ended.load(Ordering::Relaxed) && is_asked()).then(|| unavailable::response(STOPPING))
    }
}
