//! Named counters: what a name is, how much a post may add.

use api::limits::{COUNTER_INCREMENT, MAX_COUNTER_NAME_LENGTH};
use api::view::CounterView;
use api::{Answer, Problem, Request};

/// The name in the path.
pub fn name(request: &Request) -> Result<String, Problem> {
    let name = request.path().strip_prefix("/v1/counters/").ok_or_else(Problem::not_found)?;
    if name.contains('/') {
        return Err(Problem::not_found());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=MAX_COUNTER_NAME_LENGTH).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    Err(Problem::malformed("A counter's name is 1 to 64 characters of A-Z, a-z, 0-9 and ._-."))
}

/// The parameter `by`; 1 if it is not given.
pub fn by(request: &Request) -> Result<i64, Problem> {
    let Some(text) = request.query("by")? else { return Ok(1) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && !text.starts_with('0');
    plain
        .then(|| text.parse().ok().filter(|by| COUNTER_INCREMENT.contains(by)))
        .flatten()
        .ok_or_else(|| Problem::malformed("The query parameter by is an integer from 1 to 1000000000."))
}

/// The counter's value.
pub fn answer(name: &str, value: i64) -> Answer {
    Answer::json(&CounterView { name, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(uri: &str) -> Option<Request> {
        http::Request::post(uri).body(String::new()).ok().map(Request::new)
    }

    fn name_in(path: &str) -> Option<String> {
        name(&request(path)?).ok()
    }

    fn by_in(query: &str) -> Option<i64> {
        by(&request(&format!("/v1/counters/c?{query}"))?).ok()
    }

    #[test]
    fn a_name_is_1_to_64_plain_characters() {
        let longest = "n".repeat(64);
        for name in ["a", "visits", "A.b_c-9", &longest] {
            assert_eq!(name_in(&format!("/v1/counters/{name}")).as_deref(), Some(name));
        }
        for name in ["", "a:b", "a%20b", "a@b", "a/b", "a/", "%61", &"n".repeat(65)] {
            assert_eq!(name_in(&format!("/v1/counters/{name}")), None, "{name}");
        }
    }

    #[test]
    fn a_post_adds_1_to_1000000000() {
        for (query, adds) in [("", 1), ("by=1", 1), ("by=1000000000", 1_000_000_000), ("other=2", 1)] {
            assert_eq!(by_in(query), Some(adds), "{query}");
        }
        for query in
            ["by=", "by=0", "by=-1", "by=+1", "by=01", "by=1.0", "by=1e3", "by=1000000001", "by=1&by=1"]
        {
            assert_eq!(by_in(query), None, "{query}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_added_that_is_not_spelled_as_it_is_counted(text in "[-0-9.e ]{0,20}") {
            if let Some(by) = by_in(&format!("by={text}")) {
                prop_assert!((1..=1_000_000_000).contains(&by) && by.to_string() == text);
            }
        }

        #[test]
        fn a_name_holds_nothing_that_could_name_another_key(path in "[!-~]{0,80}") {
            if let Some(name) = name_in(&format!("/v1/counters/{path}")) {
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c)));
                prop_assert!(path.starts_with(&name));
            }
        }
    }
}
