//! What can be measured, and on what: the arguments of all commands.

use crate::prove::deployment::StoreUnderTest;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Measures the bank on stores that it starts itself.
#[derive(Parser)]
pub struct FiguresArguments {
    /// The runner; `bank`, or another that takes the same flags
    #[arg(long, default_value = "target/native/bank")]
    pub(super) bank: PathBuf,
    /// The application to serve
    #[arg(long, default_value = "spin.toml")]
    pub(super) manifest: PathBuf,
    /// Behind which of its adapters Redis is; may be repeated
    #[arg(long, value_enum, default_values = ["redis", "direct"])]
    pub(super) adapter: Vec<StoreUnderTest>,
    /// How many clients there are
    #[arg(long, default_value_t = 32)]
    pub(super) clients: usize,
    #[command(subcommand)]
    pub(super) measurement: Measurement,
}

#[derive(Subcommand)]
pub enum Measurement {
    /// Answers and how long they took, before, during and after an outage
    Outage(OutageArguments),
    /// How many deposits a second it carries
    Load(LoadArguments),
    /// What it costs a deposit to ask whose a token is
    Tokens(TokensArguments),
}

impl FiguresArguments {
    /// What the adapter is called.
    pub(super) fn name(store: StoreUnderTest) -> &'static str {
        match store {
            StoreUnderTest::Sqlite => "SQLite",
            StoreUnderTest::KvOnRedis => "store=kv",
            StoreUnderTest::RedisAdapter => "store=redis",
            StoreUnderTest::Both => "both adapters",
        }
    }
}

#[derive(Args)]
pub struct OutageArguments {
    /// How long the outage lasts
    #[arg(long, default_value_t = 18)]
    pub seconds: u64,
    /// Where the figures go
    #[arg(long, default_value = "build/outages.json")]
    pub json: PathBuf,
    /// Where the picture goes
    #[arg(long, default_value = "docs/outages.svg")]
    pub svg: PathBuf,
}

#[derive(Args)]
pub struct LoadArguments {
    /// How many wallets there are
    #[arg(long, default_value_t = 10_000)]
    pub wallets: usize,
    /// How many deposits are made
    #[arg(long, default_value_t = 20_000)]
    pub deposits: usize,
    /// How many banks there are on the one Redis, the clients shared out among them
    #[arg(long, default_value_t = 1)]
    pub banks: usize,
    /// Let the stores of Spin's interface misbehave as this file says
    #[arg(long)]
    pub fault: Option<PathBuf>,
    /// When Redis writes through: always, everysec, no
    #[arg(long, default_value = "always")]
    pub appendfsync: String,
}

#[derive(Args)]
pub struct TokensArguments {
    /// How often each way has its turn
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// How many deposits are made in a turn by all clients, and how many by one
    #[arg(long, default_values_t = [4_000, 400])]
    pub deposits: Vec<usize>,
}
