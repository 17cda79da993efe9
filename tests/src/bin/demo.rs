//! `demo`: three banks, one Redis, and a page where anybody can break them (`tests::demo`).

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tests::demo::run(tests::demo::DemoArguments::parse()).await
}
