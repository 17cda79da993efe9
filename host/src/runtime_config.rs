//! The runtime config file: which store is behind which label, where state is kept, and which providers of
//! variables there are beside flags and environment.
//!
//! Without a file there is one store, `default`, in SQLite at `.spin/sqlite_key_value.db` beside the manifest, as
//! in Spin. A relative `path` in a file starts at the file's own folder, also as in Spin. `bank` supports Spin's
//! store types `spin` (SQLite) and `redis`, and its variable providers `env` and `static`. Anything else in a file
//! is an error.

use crate::names;
use crate::source::{Source, Table};
use anyhow::Context as _;
use redis::IntoConnectionInfo as _;
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::Spanned;

mod provider;

pub use provider::Provider;

/// The label that exists without being configured.
pub const DEFAULT_LABEL: &str = "default";

/// The runtime configuration: that of a file, or the default.
pub struct RuntimeConfig {
    /// The stores by label, in the order of the file.
    pub stores: Vec<(String, StoreConfig)>,
    /// The providers of variables, in the order in which they are asked.
    pub providers: Vec<Provider>,
}

/// The store behind a label. `Display` shows it without passwords.
pub enum StoreConfig {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// SQLite in memory, gone when `bank` ends.
    Memory,
    /// A Redis server.
    Redis(Box<redis::ConnectionInfo>),
}

impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{:?}", path.display().to_string()),
            Self::Memory => f.write_str("a temporary in-memory store"),
            Self::Redis(info) => write!(f, "Redis at {}", info.addr()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    key_value_store: Table<StoreEntry>,
    /// spin-operator's name for it, and formerly Spin's.
    #[serde(default, alias = "config_provider")]
    variables_provider: Vec<Spanned<toml::Table>>,
    state_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreEntry {
    #[serde(rename = "type")]
    kind: Spanned<String>,
    path: Option<Spanned<PathBuf>>,
    url: Option<Spanned<String>>,
}

impl RuntimeConfig {
    /// Reads the file, if there is one. `state_dir` is the value of `--state-dir`.
    pub fn load(file: Option<&Path>, app_folder: &Path, state_dir: Option<&Path>) -> anyhow::Result<Self> {
        match file {
            None => Self::without_file(app_folder, state_dir),
            Some(path) => Self::read(&Source::read(path)?, path, app_folder, state_dir),
        }
    }

    fn without_file(app_folder: &Path, state_dir: Option<&Path>) -> anyhow::Result<Self> {
        let store = default_store(app_folder, state_dir)?;
        Ok(Self { stores: vec![(DEFAULT_LABEL.to_owned(), store)], providers: Vec::new() })
    }

    /// Reads a file that is at `path`.
    pub fn read(
        source: &Source,
        path: &Path,
        app_folder: &Path,
        state_dir: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let file: ConfigFile = source.parse()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut stores = Vec::new();
        for (label, store) in file.key_value_store.0 {
            names::store_label(label.get_ref()).map_err(|error| source.error(label.span(), error))?;
            let config = store.read(source, label.get_ref(), folder)?;
            stores.push((label.into_inner(), config));
        }
        if !stores.iter().any(|(label, _)| label == DEFAULT_LABEL) {
            let store = default_store(app_folder, state_dir.or(file.state_dir.as_deref()))?;
            stores.push((DEFAULT_LABEL.to_owned(), store));
        }
        let providers = file.variables_provider.into_iter();
        let providers = providers.map(|table| Provider::read(table, source)).collect::<Result<_, _>>()?;
        Ok(Self { stores, providers })
    }
}

/// An empty state directory means that nothing is kept.
fn default_store(app_folder: &Path, state_dir: Option<&Path>) -> anyhow::Result<StoreConfig> {
    let folder = match state_dir {
        None => app_folder.join(".spin"),
        Some(path) if path.as_os_str().is_empty() => return Ok(StoreConfig::Memory),
        Some(path) => std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))?,
    };
    Ok(StoreConfig::Sqlite(folder.join("sqlite_key_value.db")))
}

impl StoreEntry {
    fn read(self, source: &Source, label: &str, folder: &Path) -> anyhow::Result<StoreConfig> {
        match self.kind.get_ref().as_str() {
            "spin" => {
                self.refuse(source, self.url.as_ref().map(Spanned::span), "url", "redis")?;
                match self.path {
                    Some(path) => Ok(StoreConfig::Sqlite(folder.join(path.get_ref()))),
                    None => Ok(StoreConfig::Memory),
                }
            }
            "redis" => {
                self.refuse(source, self.path.as_ref().map(Spanned::span), "path", "spin")?;
                let Some(url) = self.url else {
                    let message = format!("the store `{label}` of type `redis` needs a `url`");
                    return Err(source.error(self.kind.span(), message));
                };
                // The parser's own message could quote the password.
                let info = url.get_ref().as_str().into_connection_info().map_err(|_| {
                    let message = "`url` must be redis[s]://[user:password@]host[:port][/database]";
                    source.error(url.span(), message)
                })?;
                Ok(StoreConfig::Redis(Box::new(info)))
            }
            other => {
                let message =
                    format!("stores of type `{other}` are not done by `bank`: it has `spin` and `redis`");
                Err(source.error(self.kind.span(), message))
            }
        }
    }

    fn refuse(
        &self,
        source: &Source,
        key: Option<std::ops::Range<usize>>,
        name: &str,
        kind: &str,
    ) -> anyhow::Result<()> {
        match key {
            None => Ok(()),
            Some(span) => Err(source.error(span, format!("only stores of type `{kind}` have a `{name}`"))),
        }
    }
}
