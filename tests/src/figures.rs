//! Measures the bank on this machine, and writes the figures as JSON and as a picture.
//!
//! Nothing here passes or fails: times are for reading. What must be true is in the suites and in `prove`.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "times and coordinates: nothing here is money"
)]

use crate::prove::deployment::Store;
use crate::prove::process;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

mod load;
mod outage;
mod picture;
mod sample;
pub(crate) mod svg;
mod tokens;

/// Measures the bank on stores that it starts itself.
#[derive(Parser)]
pub struct FiguresArguments {
    /// The runner; `bank`, or another that takes the same flags
    #[arg(long, default_value = "target/native/bank")]
    bank: PathBuf,
    /// The application to serve
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Behind which of its adapters Redis is; may be repeated
    #[arg(long, value_enum, default_values = ["redis", "direct"])]
    adapter: Vec<Store>,
    /// How many clients there are
    #[arg(long, default_value_t = 32)]
    clients: usize,
    #[command(subcommand)]
    of: Of,
}

#[derive(Subcommand)]
enum Of {
    /// Answers and how long they took, before, during and after an outage
    Outage(outage::OutageArguments),
    /// How many deposits a second it carries
    Load(load::LoadArguments),
    /// What it costs a deposit to ask whose a token is
    Tokens(tokens::TokensArguments),
}

/// Measures what the arguments name.
pub async fn run(arguments: FiguresArguments) -> anyhow::Result<()> {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    process::forget_logs()?;
    match &arguments.of {
        Of::Outage(of) => {
            let figures = outage::measure(&arguments, of).await?;
            std::fs::write(&of.json, serde_json::to_string_pretty(&figures)?)?;
            std::fs::write(&of.svg, picture::of(&figures))?;
            println!("{}, {}", of.json.display(), of.svg.display());
            Ok(())
        }
        Of::Load(of) => load::measure(&arguments, of).await,
        Of::Tokens(of) => tokens::measure(&arguments, of).await,
    }
}

impl FiguresArguments {
    /// What the adapter is called.
    fn name(store: Store) -> &'static str {
        match store {
            Store::Sqlite => "SQLite",
            Store::Redis => "store=kv",
            Store::Direct => "store=redis",
            Store::Both => "both adapters",
        }
    }
}
