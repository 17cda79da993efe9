//! The HTML of the pages. All text is static or from the catalogue. Nothing of a request is shown, so nothing needs
//! escaping.

use api::{Answer, Code, Problem};

use crate::retry;

/// Only the bank's own stylesheet and pictures: no script at all, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// What a problem means, and whether to retry; on the page of `storage-unavailable` also how.
pub fn problem(code: Code) -> Answer {
    let examples = if code == Code::StorageUnavailable { retry::examples() } else { String::new() };
    let main = include_str!("problem.html")
        .replace("{name}", code.as_str())
        .replace("{status}", code.status().as_str())
        .replace("{title}", code.title())
        .replace("{meaning}", code.meaning().trim())
        .replace("{retry}", code.retry())
        .replace("{example}", &Problem::example(code))
        .replace("{examples}", &examples);
    frame(&format!("{} · Money Bank", code.title()), &main)
}

/// A page in its frame.
fn frame(title: &str, main: &str) -> Answer {
    let html = include_str!("frame.html").replace("{title}", title).replace("{main}", main.trim_end());
    Answer::html(html).with("content-security-policy", POLICY).with("referrer-policy", "no-referrer")
}
