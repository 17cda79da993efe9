//! The pages' HTML. Static text and the catalogue's: nothing of a request is shown, so nothing needs
//! escaping.

use api::{Answer, Code};
use spin_sdk::http::{HeaderName, HeaderValue};

/// The start page.
pub const START: &str = include_str!("start.html");
/// No script, no frame, no request elsewhere; styles are the page's own, by their hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-yIp2+pqfd8YTAoGSGu30CrXVoCN3MXkGYVtQN9MvZHM='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page with its security headers.
pub fn answer(html: String) -> Answer {
    Answer::html(html)
        .with(HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY))
        .with(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"))
}

/// What a problem means, and whether to retry.
pub fn problem(code: Code) -> String {
    let (name, status, title) = (code.as_str(), code.status().as_u16(), code.title());
    let (meaning, retry) = (code.meaning().trim(), code.retry());
    include_str!("problem.html")
        .replace("{name}", name)
        .replace("{status}", &status.to_string())
        .replace("{title}", title)
        .replace("{meaning}", meaning)
        .replace("{retry}", retry)
}
