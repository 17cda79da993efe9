//! The arguments of each command: Spin's flags and environment variables, if `bank` has the feature that they are
//! for.

use crate::backup::cli::Application;
use crate::limits::Limits;
use crate::placement::Placement;
use crate::variables::Assignment;
use anyhow::Context as _;
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

/// What `bank up` was told.
#[derive(Args)]
pub struct Up {
    /// The manifest, or the folder that it is in
    #[arg(short, long, value_name = "PATH", default_value = "spin.toml", visible_alias = "file")]
    pub from: PathBuf,

    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,

    /// Serve https with this certificate and those that vouch for it, in PEM; taken anew when the file changes
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Which stores there are behind the labels; without it, SQLite beside the manifest
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,

    /// Set a variable of the application; may be repeated, the last one counts
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

    /// Neither use nor keep compiled components [BANK_CACHE_DIR says where they are kept]
    #[arg(long, env = "DISABLE_WASMTIME_CACHE", value_parser = clap::builder::BoolishValueParser::new())]
    pub disable_cache: bool,

    /// How long new connections are still taken after SIGTERM. Who asks for readiness hears at once that this bank stops
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,

    /// For tests only: make the stores misbehave as this file says; see tests/faults/
    #[arg(long, value_name = "FILE")]
    pub fault: Option<PathBuf>,

    /// For tests and figures: how requests are placed on the instances of a component
    #[arg(long, value_enum, default_value = "bank")]
    pub placement: Placement,

    /// What a client may take
    #[command(flatten)]
    pub limits: Limits,
}

/// What `bank build` was told.
#[derive(Args)]
pub struct Build {
    /// The manifest, or the folder that it is in
    #[arg(short, long, value_name = "PATH", default_value = "spin.toml", visible_alias = "file")]
    pub from: PathBuf,

    /// Build only this component; may be repeated
    #[arg(short, long, value_name = "ID")]
    pub component_id: Vec<String>,
}

/// What `bank verify` was told.
#[derive(Args)]
pub struct Verify {
    /// Whose wallet
    #[arg(short, long, required_unless_present = "all", conflicts_with = "all")]
    pub user: Option<String>,

    /// Everybody's wallet, and all counters
    #[arg(long)]
    pub all: bool,

    /// Of all: refuse a store that has fewer wallets
    #[arg(long, value_name = "WALLETS", default_value = "1", conflicts_with = "user")]
    pub at_least: u64,

    /// Which store
    #[command(flatten)]
    pub store: Application,
}

/// What `bank health` was told.
#[derive(Args)]
pub struct Health {
    /// Where that bank listens
    #[arg(long, value_name = "ADDRESS", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,

    /// What is asked for: /readyz asks the store too
    #[arg(long, value_name = "PATH", default_value = "/healthz")]
    pub path: String,
}

/// As in Spin, of the addresses of a name an IPv4 one is taken first.
fn address(text: &str) -> anyhow::Result<SocketAddr> {
    let addresses: Vec<SocketAddr> =
        text.to_socket_addrs().with_context(|| format!("`{text}` is no address and port"))?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().with_context(|| format!("`{text}` has no address"))
}
