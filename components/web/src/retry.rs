//! How to retry, in three languages: the examples of `docs/retry`, which `docs/retry.md` and `/docs` show too.

/// The language, and a few lines of it. `tests/browser/retry.test.js` runs them.
const EXAMPLES: [(&str, &str); 3] = [
    ("curl and jq", include_str!("../../../docs/retry/curl.sh")),
    ("JavaScript", include_str!("../../../docs/retry/javascript.mjs")),
    ("Python", include_str!("../../../docs/retry/python.py")),
];

/// The examples as HTML. A reader who has no mouse scrolls them too.
pub fn examples() -> String {
    let example = |(language, code): &(&str, &str)| {
        let code = code.replace('&', "&amp;").replace('<', "&lt;");
        format!("<h3>{language}</h3>\n<pre tabindex=\"0\" aria-label=\"{language}\">{code}</pre>\n")
    };
    EXAMPLES.iter().map(example).collect()
}
