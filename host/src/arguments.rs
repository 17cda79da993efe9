//! The arguments of each command: Spin's flags and environment variables, if `bank` has the feature that they are
//! for.

use crate::backup::cli::StoreArguments;
use crate::limits::ClientLimits;
use crate::placement::Placement;
use crate::variables::Assignment;
use anyhow::Context as _;
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

/// The arguments of `bank up`.
#[derive(Args)]
pub struct UpArguments {
    /// The manifest, or the folder that it is in
    #[arg(short, long, value_name = "PATH", default_value = "spin.toml", visible_alias = "file")]
    pub from: PathBuf,

    /// Where to listen; port 0 is any free port
    #[arg(long, value_name = "ADDRESS", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,

    /// Serve https with this certificate chain, in PEM; read again when the file changes
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Which stores there are behind the labels; without it, SQLite beside the manifest
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,

    /// Set a variable of the application; may be repeated, and the last value counts
    #[arg(long, value_name = "KEY=VALUE | KEY=@FILE | @FILE.json | @FILE.toml")]
    pub variable: Vec<Assignment>,

    /// Where the default store is kept [default: .spin beside the manifest]; empty: nowhere
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,

    /// Run `bank build` first
    #[arg(long, env = "SPIN_ALWAYS_BUILD", value_parser = clap::builder::BoolishValueParser::new())]
    pub build: bool,

    /// Do not show what components print
    #[arg(short, long)]
    pub quiet: bool,

    /// Do not use the cache of compiled components [BANK_CACHE_DIR says where it is]
    #[arg(long, env = "DISABLE_WASMTIME_CACHE", value_parser = clap::builder::BoolishValueParser::new())]
    pub disable_cache: bool,

    /// How long new connections are still accepted after SIGTERM. Readiness checks fail from the signal on
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,

    /// For tests only: make the stores misbehave as in this file; see tests/faults/
    #[arg(long, value_name = "FILE")]
    pub fault: Option<PathBuf>,

    /// For tests and figures: how requests are placed on the instances of a component
    #[arg(long, value_enum, default_value = "bank")]
    pub placement: Placement,

    /// What a client may take
    #[command(flatten)]
    pub limits: ClientLimits,
}

/// The arguments of `bank build`.
#[derive(Args)]
pub struct BuildArguments {
    /// The manifest, or the folder that it is in
    #[arg(short, long, value_name = "PATH", default_value = "spin.toml", visible_alias = "file")]
    pub from: PathBuf,

    /// Build only this component; may be repeated
    #[arg(short, long, value_name = "ID")]
    pub component_id: Vec<String>,
}

/// The arguments of `bank verify`.
#[derive(Args)]
pub struct VerifyArguments {
    /// The user whose wallet is checked
    #[arg(short, long, required_unless_present = "all", conflicts_with = "all")]
    pub user: Option<String>,

    /// Everybody's wallet, and all counters
    #[arg(long)]
    pub all: bool,

    /// With --all: refuse a store that has fewer wallets
    #[arg(long, value_name = "WALLETS", default_value = "1", conflicts_with = "user")]
    pub at_least: u64,

    /// Which store
    #[command(flatten)]
    pub store: StoreArguments,
}

/// The arguments of `bank health`.
#[derive(Args)]
pub struct HealthArguments {
    /// Where that bank listens
    #[arg(long, value_name = "ADDRESS", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,

    /// The path to request; /readyz checks the store too
    #[arg(long, value_name = "PATH", default_value = "/healthz")]
    pub path: String,
}

/// As in Spin, an IPv4 address of a name wins over an IPv6 one.
fn address(text: &str) -> anyhow::Result<SocketAddr> {
    let addresses: Vec<SocketAddr> =
        text.to_socket_addrs().with_context(|| format!("`{text}` is no address and port"))?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().with_context(|| format!("`{text}` has no address"))
}
