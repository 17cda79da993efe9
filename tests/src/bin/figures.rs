//! `figures`: measures the bank on this machine (`tests::figures`).

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tests::figures::run(tests::figures::FiguresArguments::parse()).await
}
