//! The arguments of `bank export`, `bank import` and `bank verify`.

use super::store::Location;
use crate::manifest::Manifest;
use crate::runtime_config::{DEFAULT_LABEL, RuntimeConfig, StoreConfig};
use crate::variables::{Assignment, Values};
use anyhow::Context as _;
use clap::Args;
use redis::{ConnectionInfo, IntoConnectionInfo as _};
use std::path::{Path, PathBuf};
use store::redis::cluster::Node;

/// The arguments of `bank export`.
#[derive(Args)]
pub struct ExportArguments {
    /// Where to: a file, which must not be there yet; a folder (`backups/`), or `s3://BUCKET/PREFIX/`, for a name with
    /// the time in it; `-` for stdout
    #[arg(long, value_name = "PLACE")]
    pub to: String,

    /// In a folder: remove the oldest exports, so that this many are left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// In a folder: export even if there are fewer wallets, entries or counters than in the newest export there
    #[arg(long)]
    pub accept_loss: bool,

    /// Which store
    #[command(flatten)]
    pub store: StoreArguments,
}

/// The arguments of `bank import`.
#[derive(Args)]
pub struct ImportArguments {
    /// A file, or `s3://BUCKET/KEY.jsonl`; or a folder, or `s3://BUCKET/PREFIX/`, for the newest export in it
    #[arg(value_name = "EXPORT")]
    pub export: String,

    /// Check the file and store nothing
    #[arg(long)]
    pub check: bool,

    /// Refuse an export that has fewer wallets
    #[arg(long, value_name = "WALLETS", default_value = "1")]
    pub at_least: u64,

    /// Which store
    #[command(flatten)]
    pub store: StoreArguments,
}

/// Which store: the one that `bank up` would use with the same arguments.
#[derive(Args)]
pub struct StoreArguments {
    /// The manifest, or the folder that it is in
    #[arg(short, long, value_name = "PATH", default_value = "spin.toml", visible_alias = "file")]
    pub from: PathBuf,

    /// Which stores there are behind the labels; without it, SQLite beside the manifest
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,

    /// Where the default store is kept [default: .spin beside the manifest]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,

    /// Set a variable of the application: with `store=redis` the store is that of `redis_url`
    #[arg(long, value_name = "KEY=VALUE | KEY=@FILE | @FILE.json | @FILE.toml")]
    pub variable: Vec<Assignment>,
}

impl StoreArguments {
    /// Where its money is.
    pub(super) fn location(&self) -> anyhow::Result<Location> {
        let (config, values) = self.settings()?;
        location(config, &values)
    }

    /// The same as one store, for callers that follow a cluster themselves.
    pub fn store(&self) -> anyhow::Result<StoreConfig> {
        let (config, values) = self.settings()?;
        if !is_direct(&values) {
            return default_store(config);
        }
        let first = nodes(&values)?.into_iter().next().context("`redis_url` names no host")?;
        Ok(StoreConfig::Redis(Box::new(first)))
    }

    fn settings(&self) -> anyhow::Result<(RuntimeConfig, Values)> {
        let manifest = Manifest::load(&self.from)?;
        let file = self.runtime_config_file.as_deref();
        let state_dir = self.state_dir.as_deref().map(Path::new);
        let config = RuntimeConfig::load(file, &manifest.folder, state_dir)?;
        let environment = |name: &str| std::env::var(name).ok();
        let values = Values::resolve(&manifest.variables, &self.variable, &config.providers, environment)?;
        Ok((config, values))
    }
}

/// The location of an application's money, by its configuration and variables.
pub(super) fn location(config: RuntimeConfig, values: &Values) -> anyhow::Result<Location> {
    if is_direct(values) {
        return nodes(values).map(Location::Nodes);
    }
    default_store(config).map(Location::Config)
}

fn is_direct(values: &Values) -> bool {
    values.get("store").is_some_and(|store| store.trim() == "redis")
}

fn nodes(values: &Values) -> anyhow::Result<Vec<ConnectionInfo>> {
    let url = values.get("redis_url").unwrap_or_default().trim();
    // The parser's own message could quote the password.
    let info =
        |node: Node| node.address(url).into_connection_info().ok().context("`redis_url` is no address");
    Node::named(url).into_iter().map(info).collect()
}

fn default_store(config: RuntimeConfig) -> anyhow::Result<StoreConfig> {
    let mut stores = config.stores.into_iter();
    let default = stores.find(|(label, _)| label == DEFAULT_LABEL).map(|(_, store)| store);
    default.context("the runtime config defines no store `default`")
}
