//! `coingecko --listen 127.0.0.1:0`: the stand-in for CoinGecko as a process (`tests::coingecko`).

use clap::Parser;
use std::io::Write;

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let listener = tokio::net::TcpListener::bind(&arguments.listen).await?;
    let mut out = std::io::stdout();
    writeln!(out, "Serving http://{}", listener.local_addr()?)?;
    out.flush()?;
    Ok(tests::coingecko::serve(listener).await?)
}
