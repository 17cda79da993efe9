//! `prove`: starts banks, stores and a stand-in for CoinGecko, and runs the suites (`tests::prove`).

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    tests::prove::run(tests::prove::ProveArguments::parse()).await
}
