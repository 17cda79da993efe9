//! Problems (RFC 9457): the contract's table of errors, and a parsed problem.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Every code with the only status it may come with: "`code` never changes its meaning".
pub const TABLE: &[(u16, &str)] = &[
    (400, "malformed-request"),
    (400, "invalid-amount"),
    (400, "invalid-idempotency-key"),
    (401, "missing-identity"),
    (401, "invalid-identity"),
    (403, "insufficient-scope"),
    (404, "not-found"),
    (404, "unknown-currency"),
    (404, "no-such-entry"),
    (405, "method-not-allowed"),
    (408, "request-timeout"),
    (413, "payload-too-large"),
    (415, "unsupported-media-type"),
    (422, "insufficient-funds"),
    (422, "limit-exceeded"),
    (422, "idempotency-key-reuse"),
    (503, "storage-unavailable"),
    (503, "rates-unavailable"),
    (500, "internal-error"),
];

#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: String,
    pub request_id: String,
    /// The members that depend on the code: `balance`, `amount`, `outcome`.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

impl Problem {
    /// A further member that must be a string.
    #[track_caller]
    pub fn member(&self, name: &str) -> &str {
        let value = self.more.get(name).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no string `{name}` in {self:?}"))
    }
}
