//! `[[variables_provider]]`: `bank` supports Spin's types `env` and `static`, but neither vaults nor `.env` files.
//! Those are refused: to ignore them would be to run with other values than were meant.

use crate::source::Source;
use anyhow::{anyhow, bail, ensure};
use std::collections::BTreeMap;
use std::fmt;
use toml::{Spanned, Table, Value};

/// A source of values for variables. `Display` names it, and never shows a value.
pub enum Provider {
    /// The environment variable `PREFIX_NAME`.
    Environment {
        /// It is joined to the name with an underscore, so there are two if it ends in one, as in Spin.
        prefix: String,
    },
    /// What the file itself says.
    Static(BTreeMap<String, String>),
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { prefix } => write!(f, "the environment at {prefix}_…"),
            Self::Static(values) => write!(f, "the file: {:?}", values.keys().collect::<Vec<_>>()),
        }
    }
}

impl Provider {
    /// Reads one table.
    pub fn read(table: Spanned<Table>, source: &Source) -> anyhow::Result<Self> {
        let span = table.span();
        Self::of(table.into_inner()).map_err(|error| source.error(span, error))
    }

    fn of(mut table: Table) -> anyhow::Result<Self> {
        let provider = match table.remove("type") {
            Some(Value::String(kind)) if kind == "env" => {
                ensure!(
                    !table.contains_key("dotenv_path"),
                    "`bank` reads no `.env` file: leave out `dotenv_path`"
                );
                match table.remove("prefix") {
                    None => Self::Environment { prefix: "SPIN_VARIABLE".to_owned() },
                    Some(Value::String(prefix)) => Self::Environment { prefix },
                    Some(_) => bail!("`prefix` must be a string"),
                }
            }
            Some(Value::String(kind)) if kind == "static" => match table.remove("values") {
                Some(Value::Table(values)) => Self::Static(strings(values)?),
                _ => bail!("a provider of type `static` needs a table of `values`"),
            },
            Some(Value::String(other)) => {
                bail!("providers of type `{other}` are not done by `bank`: it has `env` and `static`")
            }
            _ => bail!("a provider of variables needs a `type`: `env` or `static`"),
        };
        match table.keys().next() {
            None => Ok(provider),
            Some(unknown) => bail!("a provider of that type has no `{unknown}`"),
        }
    }

    /// The value of the variable `name`, if this provider has it.
    pub fn get(&self, name: &str, environment: impl Fn(&str) -> Option<String>) -> Option<String> {
        match self {
            Self::Environment { prefix } => environment(&format!("{prefix}_{}", name.to_ascii_uppercase())),
            Self::Static(values) => values.get(name).cloned(),
        }
    }
}

fn strings(values: Table) -> anyhow::Result<BTreeMap<String, String>> {
    let string = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        _ => Err(anyhow!("the value of `{name}` must be a string")),
    };
    values.into_iter().map(string).collect()
}
