//! Named counters: what a name is, how much a post may add.

use api::limits::{COUNTER_BY, COUNTER_NAME_LENGTH};
use api::view::CounterView;
use api::{Answer, Problem, Request};

/// The name in the path.
pub fn name(request: &Request) -> Result<String, Problem> {
    let name = request.path().strip_prefix("/v1/counters/").ok_or_else(Problem::not_found)?;
    if name.contains('/') {
        return Err(Problem::not_found());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=COUNTER_NAME_LENGTH).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    Err(Problem::malformed("A counter's name is 1 to 64 characters of A-Z, a-z, 0-9 and ._-."))
}

/// The parameter `by`: 1 unless it says otherwise.
pub fn by(request: &Request) -> Result<i64, Problem> {
    let Some(text) = request.query("by")? else { return Ok(1) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && !text.starts_with('0');
    plain
        .then(|| text.parse().ok().filter(|by| COUNTER_BY.contains(by)))
        .flatten()
        .ok_or_else(|| Problem::malformed("The query parameter by is an integer from 1 to 1000000000."))
}

/// The counter's value.
pub fn answer(name: &str, value: i64) -> Answer {
    Answer::json(&CounterView { name, value })
}
