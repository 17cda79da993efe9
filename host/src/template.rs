//! `{{ name }}` in a string of the manifest, which stands for the value of an application variable.
//!
//! There is nothing else in this language: no filters, no escapes. Braces that are opened must be closed.

use anyhow::{anyhow, bail};

/// A string with placeholders for variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                bail!("`{{{{` in {text:?} is not closed by `}}}}`");
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The variables that it names, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether it names no variable.
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The text with each variable replaced by its `value`.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> anyhow::Result<String> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Text(text) => text,
                Part::Variable(name) => {
                    value(name).ok_or_else(|| anyhow!("no variable is named `{name}`"))?
                }
            });
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Option<String> {
        let template = Template::parse(text).ok()?;
        let value = |name: &str| match name {
            "host" => Some("example.com"),
            "empty" => Some(""),
            "braces" => Some("{{ host }}"),
            _ => None,
        };
        template.fill(value).ok()
    }

    #[test]
    fn templates_are_filled() {
        for (text, expected) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("{{ host }}", Some("example.com")),
            ("{{host}}", Some("example.com")),
            ("https://{{ host }}:{{empty}}443", Some("https://example.com:443")),
            ("{{ host }}{{ host }}", Some("example.comexample.com")),
            ("{ host }", Some("{ host }")),
            ("a }} b", Some("a }} b")),
            ("{{ braces }}", Some("{{ host }}")),
            ("{{ nobody }}", None),
            ("{{}}", None),
            ("{{ host", None),
            ("{{ host }} {{ host", None),
        ] {
            assert_eq!(filled(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_template_knows_what_it_names() {
        let template = Template::parse("{{ a }}-{{ b }}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!template.is_literal());
        assert!(Template::parse("a").unwrap().is_literal());
    }
}
