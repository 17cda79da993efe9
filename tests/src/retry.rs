//! The one rule for clients that the contract publishes ("How to retry").
//!
//! An operation ends with a complete 2xx, or with a 4xx other than 408 and 429. Until then the very same request is
//! sent again under the very same key, at most as often as `Retry-After` allows.

use crate::answer::Answer;
use serde_json::Value;
use std::time::Duration;

/// The pause between two tries, if the answer names none.
const PAUSE: Duration = Duration::from_millis(20);

/// How long to wait before the request is sent again; `None` if the operation has ended.
pub fn wait(tried: &Result<Answer, String>) -> Option<Duration> {
    let Ok(answer) = tried else { return Some(PAUSE) };
    match answer.status {
        200..300 if serde_json::from_slice::<Value>(&answer.body).is_ok() => None,
        408 | 429 => Some(retry_after(answer)),
        400..500 => None,
        _ => Some(retry_after(answer)),
    }
}

/// The value of `Retry-After`, in seconds.
fn retry_after(answer: &Answer) -> Duration {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Asked;
    use http::{HeaderMap, HeaderValue, Method};

    fn answered(status: u16, body: &'static str, after: Option<&'static str>) -> Result<Answer, String> {
        let asked = Asked { method: Method::POST, path: "/v1/deposit".into(), request_id: None };
        let mut headers = HeaderMap::new();
        headers.extend(after.map(|after| (http::header::RETRY_AFTER, HeaderValue::from_static(after))));
        Ok(Answer { asked, status, headers, body: body.into(), took: Duration::ZERO })
    }

    #[test]
    fn only_a_whole_2xx_or_a_final_4xx_ends_an_operation() {
        for (status, body) in [(200, "{}"), (400, ""), (401, "{}"), (403, "<html>"), (422, "{}")] {
            assert_eq!(wait(&answered(status, body, Some("2"))), None, "{status} {body}");
        }
        for (status, body) in [
            (200, r#"{"user":"#),
            (200, "<html>"),
            (200, ""),
            (302, ""),
            (408, "{}"),
            (429, ""),
            (500, ""),
            (500, "{}"),
            (502, "<html>"),
            (503, r#"{"outcome":"none"}"#),
            (504, ""),
        ] {
            assert!(wait(&answered(status, body, None)).is_some(), "{status} {body}");
        }
        assert!(wait(&Err("reset".into())).is_some());
    }

    #[test]
    fn a_request_is_sent_again_no_sooner_than_it_was_told() {
        for status in [408, 429, 500, 503] {
            assert_eq!(wait(&answered(status, "", Some("3"))), Some(Duration::from_secs(3)));
        }
        assert_eq!(wait(&answered(502, "", None)), Some(PAUSE));
        assert_eq!(wait(&answered(503, "", Some("Thu, 26 Nov 2026 18:00:00 GMT"))), Some(PAUSE));
    }
}
