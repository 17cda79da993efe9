//! The values of the application's variables. `--variable` wins over the providers of the runtime config file (the
//! first one first), these over `SPIN_VARIABLE_NAME` in the environment, and that over the default in the manifest,
//! as in Spin.
//!
//! `bank` does not start if a variable has no value, or if a value is set for a variable that does not exist. No
//! value is ever printed, secret or not. Values do not change while `bank` runs.

use crate::manifest::Variable;
use crate::runtime_config::Provider;
use crate::template::Template;
use anyhow::{Context as _, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;

const PREFIX: &str = "SPIN_VARIABLE_";

/// A value of `--variable`.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// `name=value`
    Value(String, String),
    /// `name=@file`: the file's text is the value.
    ValueFrom(String, PathBuf),
    /// `@file.json` or `@file.toml`: names and values.
    AllFrom(PathBuf),
}

impl FromStr for Assignment {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Some(file) = text.strip_prefix('@') {
            let path = PathBuf::from(file);
            let known = path.extension().is_some_and(|kind| kind == "json" || kind == "toml");
            ensure!(known, "a file of variables must end in .json or .toml");
            return Ok(Self::AllFrom(path));
        }
        match text.split_once('=') {
            Some((name, value)) => Ok(match value.strip_prefix('@') {
                Some(file) => Self::ValueFrom(name.to_owned(), PathBuf::from(file)),
                None => Self::Value(name.to_owned(), value.to_owned()),
            }),
            None => bail!("a variable is given as name=value, name=@file, @file.json or @file.toml"),
        }
    }
}

impl Assignment {
    fn values(&self) -> anyhow::Result<HashMap<String, String>> {
        match self {
            Self::Value(name, value) => Ok(HashMap::from([(name.clone(), value.clone())])),
            Self::ValueFrom(name, path) => Ok(HashMap::from([(name.clone(), read(path)?)])),
            Self::AllFrom(path) => {
                let text = read(path)?;
                let values = if path.extension().is_some_and(|kind| kind == "json") {
                    serde_json::from_str(&text).map_err(|error| place(error.line(), error.column()))
                } else {
                    toml::from_str(&text).map_err(|error| error.span().unwrap_or(0..0).start.to_string())
                };
                // The parsers' own messages quote the file, which may hold secrets.
                values.map_err(|place| {
                    anyhow::anyhow!("{} is not a table of names and strings (at {place})", path.display())
                })
            }
        }
    }
}

fn place(line: usize, column: usize) -> String {
    format!("line {line}, column {column}")
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The value of each application variable.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Finds a value for each variable; `environment` returns the value of an environment variable.
    pub fn resolve(
        variables: &[Variable],
        given: &[Assignment],
        providers: &[Provider],
        environment: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let mut from_flags = HashMap::new();
        for given in given {
            from_flags.extend(given.values()?);
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for variable in variables {
            let name = format!("{PREFIX}{}", variable.name.to_ascii_uppercase());
            let value = from_flags
                .remove(&variable.name)
                .or_else(|| providers.iter().find_map(|provider| provider.get(&variable.name, &environment)))
                .or_else(|| environment(&name))
                .or_else(|| variable.default.clone());
            match value {
                Some(value) => drop(values.insert(variable.name.clone(), value)),
                None => {
                    missing.push(format!("`{}` (--variable {}=… or {name})", variable.name, variable.name))
                }
            }
        }
        ensure!(missing.is_empty(), "required variables have no value: {}", missing.join(", "));
        let unknown: Vec<_> = from_flags.into_keys().collect();
        ensure!(
            unknown.is_empty(),
            "--variable sets what the manifest does not declare under [variables]: {}",
            unknown.join(", ")
        );
        Ok(Self(values))
    }

    /// Variables in `environment` that belong to no declared variable, and so change nothing.
    pub fn undeclared(variables: &[Variable], environment: impl Iterator<Item = String>) -> Vec<String> {
        let is_declared =
            |name: &str| variables.iter().any(|variable| variable.name.eq_ignore_ascii_case(name));
        environment.filter(|name| name.strip_prefix(PREFIX).is_some_and(|name| !is_declared(name))).collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses values that the rules of the `declared` variables do not allow, all at once.
    pub fn check(&self, declared: &[Variable]) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for variable in declared {
            let (Some(rule), Some(value)) = (&variable.rule, self.get(&variable.name)) else { continue };
            if !rule.allows(value) {
                // An address may hold a password.
                let is_shown = !variable.secret && !value.contains('@');
                let is = if is_shown {
                    format!("is `{}`", value.trim_ascii())
                } else {
                    "has a bad value".to_owned()
                };
                wrong.push(format!("the setting `{}` {is}: {rule}", variable.name));
            } else if let Some(conflict) = rule.conflict(value, |other| self.get(other)) {
                wrong.push(format!("the setting `{}` {conflict}", variable.name));
            }
        }
        if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n       ")) }
    }

    /// The text of a template.
    pub fn fill(&self, template: &Template) -> anyhow::Result<String> {
        template.fill(|name| self.get(name))
    }
}

/// Refuses a `.env` file that sets variables: Spin would read it, `bank` does not.
pub fn refuse_dotenv(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(".env");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let sets = |line: &str| line.trim_start().trim_start_matches("export ").starts_with(PREFIX);
    ensure!(
        !text.lines().any(sets),
        "{} sets {PREFIX}… but `bank` does not read it: export it into the environment, \
         or use --variable",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_config::RuntimeConfig;
    use crate::source::Source;

    fn variable(name: &str, default: Option<&str>) -> Variable {
        Variable { name: name.into(), default: default.map(Into::into), secret: true, rule: None }
    }

    fn value(values: &Values, name: &str) -> String {
        values.fill(&Template::parse(&format!("{{{{ {name} }}}}")).unwrap()).unwrap()
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_defaults() {
        let variables = ["a", "b", "c"].map(|name| variable(name, Some("default")));
        let given = ["a=first", "a=flag"].map(|text| text.parse().unwrap());
        let environment = |name: &str| match name {
            "SPIN_VARIABLE_A" | "SPIN_VARIABLE_B" => Some("environment".to_owned()),
            _ => None,
        };
        let values = Values::resolve(&variables, &given, &[], environment).unwrap();
        assert_eq!(value(&values, "a"), "flag");
        assert_eq!(value(&values, "b"), "environment");
        assert_eq!(value(&values, "c"), "default");
    }

    #[test]
    fn providers_stand_between_flags_and_the_environment_in_their_order() {
        let provider = |text: &str| {
            let source = Source::new(Path::new("c.toml"), text.to_owned());
            RuntimeConfig::read(&source, Path::new("c.toml"), Path::new(""), None).unwrap().providers
        };
        let providers = provider(
            "[[config_provider]]\ntype = \"env\"\nprefix = \"MINE\"\n\
             [[config_provider]]\ntype = \"static\"\nvalues = { a = \"static\", b = \"static\", c = \"static\" }",
        );
        let variables = ["a", "b", "c", "d"].map(|name| variable(name, Some("default")));
        let given = ["a=flag".parse().unwrap()];
        let environment = |name: &str| match name {
            "MINE_A" | "MINE_B" => Some("mine".to_owned()),
            "SPIN_VARIABLE_C" | "SPIN_VARIABLE_D" => Some("environment".to_owned()),
            _ => None,
        };
        let values = Values::resolve(&variables, &given, &providers, environment).unwrap();
        let all = ["a", "b", "c", "d"].map(|name| value(&values, name));
        assert_eq!(all, ["flag", "mine", "static", "environment"]);

        // As spin-operator writes it: the prefix is joined with an underscore and matches nothing, and the
        // environment still counts.
        let operators = provider("[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'");
        let values = Values::resolve(&variables, &[], &operators, environment).unwrap();
        assert_eq!(value(&values, "c"), "environment");
    }

    #[test]
    fn values_may_come_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let given = [
            format!("a=@{}", file("a.txt", "from a=file\n")),
            format!("@{}", file("b.toml", "b = \"toml\"")),
            format!("@{}", file("c.json", "{\"c\": \"json\"}")),
        ];
        let given: Vec<Assignment> = given.iter().map(|text| text.parse().unwrap()).collect();
        let variables = ["a", "b", "c"].map(|name| variable(name, None));
        let values = Values::resolve(&variables, &given, &[], |_| None).unwrap();
        assert_eq!(value(&values, "a"), "from a=file\n");
        assert_eq!(value(&values, "b"), "toml");
        assert_eq!(value(&values, "c"), "json");
    }

    #[test]
    fn a_broken_file_is_named_and_its_secrets_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["v.toml", "v.json"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "\"key\" hunter2").unwrap();
            let given = [Assignment::AllFrom(path)];
            let error = format!("{:?}", Values::resolve(&[], &given, &[], |_| None).unwrap_err());
            assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_the_environment_sets_for_nobody_is_named() {
        let set =
            ["SPIN_VARIABLE_AUTH", "SPIN_VARIABLE_API_KEY", "PATH", "SPIN_VARIABLES"].map(str::to_owned);
        let undeclared = Values::undeclared(&[variable("api_key", None)], set.into_iter());
        assert_eq!(undeclared, ["SPIN_VARIABLE_AUTH"]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let variables = [variable("api_key", None), variable("other", None)];
        let error = Values::resolve(&variables, &[], &[], |_| None).unwrap_err().to_string();
        assert!(error.contains("`api_key`") && error.contains("SPIN_VARIABLE_OTHER"), "{error}");
        let given = ["typo=1".parse().unwrap()];
        let error = Values::resolve(&[], &given, &[], |_| None).unwrap_err().to_string();
        assert!(error.contains("typo"), "{error}");
        for bad in ["novalue", "@file.yaml", "@file"] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dotenv_file_is_refused_only_if_it_sets_variables() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refuse_dotenv(folder.path()).is_ok());
        std::fs::write(folder.path().join(".env"), "OTHER=1\n").unwrap();
        assert!(refuse_dotenv(folder.path()).is_ok());
        std::fs::write(folder.path().join(".env"), "\nexport SPIN_VARIABLE_A=1\n").unwrap();
        assert!(refuse_dotenv(folder.path()).is_err());
    }
}
