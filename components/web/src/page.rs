//! The pages' HTML. Static text and the catalogue's: nothing of a request is shown, so nothing needs
//! escaping.

use api::{Answer, Code, Problem};
use spin_sdk::http::{HeaderName, HeaderValue};

/// No script, no frame, no request elsewhere; the one stylesheet is the bank's own.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The start page: what is there.
pub fn start() -> Answer {
    framed("Money Bank", include_str!("start.html"))
}

/// What a problem means, and whether to retry.
pub fn problem(code: Code) -> Answer {
    let main = include_str!("problem.html")
        .replace("{name}", code.as_str())
        .replace("{status}", code.status().as_str())
        .replace("{title}", code.title())
        .replace("{meaning}", code.meaning().trim())
        .replace("{retry}", code.retry())
        .replace("{example}", &Problem::example(code));
    framed(&format!("{} · Money Bank", code.title()), &main)
}

/// The stylesheet of all pages.
pub fn style() -> Answer {
    Answer::css(include_str!("style.css"))
}

/// A page with its security headers.
fn framed(title: &str, main: &str) -> Answer {
    let html = include_str!("frame.html").replace("{title}", title).replace("{main}", main.trim_end());
    Answer::html(html)
        .with(HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY))
        .with(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"))
}
