//! Makes wallets that have a past, straight in the bank's Redis: a million deposits in seconds.
//!
//! The documents are those of the bank, made by its own rules (`ledger`): every entry is keyed, decided,
//! chained, sealed into its page and its index, as if it had been asked for. The names of the keys are
//! those that `crates/store/src/keys.rs` pins. The bank goes on from there, and `bank verify` finds
//! nothing to say against it.

use clap::Parser;
use ledger::{Decision, Operation, OperationId, OperationKind, Wallet};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError};

/// So many commands go to Redis at once.
const BATCH: usize = 2_000;
const AT: &str = "2026-01-01T00:00:00.000Z";

/// Makes wallets `PREFIX0`, `PREFIX1`, ….
#[derive(Parser)]
struct Options {
    /// The bank's Redis
    redis: String,
    /// How many wallets
    #[arg(long, default_value_t = 1)]
    wallets: u64,
    /// The number of the first one
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many entries each has
    #[arg(long, default_value_t = 1)]
    entries: u64,
    /// What users' names begin with
    #[arg(long, default_value = "g")]
    prefix: String,
}

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let options = Options::parse();
    let client = redis::Client::open(options.redis.as_str())?;
    let connection = client.get_multiplexed_async_connection().await?;
    let mut batch = Batch { connection, pipeline: Pipeline::new() };
    for number in options.from..options.from + options.wallets {
        make(&mut batch, &format!("{}{number}", options.prefix), options.entries).await?;
    }
    Ok(batch.send().await?)
}

async fn make(batch: &mut Batch, user: &str, entries: u64) -> Result<(), Failed> {
    batch.set(&format!("bank:{{{user}}}:wallet:tickets"), "1").await?;
    batch.set(&format!("bank:{{{user}}}:wallet:elected"), "1").await?;
    let mut wallet = Wallet::new();
    for number in 1..=entries {
        while let Some(seal) = wallet.seal() {
            if let Some(page) = &seal.page {
                batch.set(&format!("bank:{{{user}}}:page:{}", page.number()), page.encode()).await?;
            }
            for outcome in &seal.outcomes {
                batch
                    .set(&format!("bank:{{{user}}}:operation:{}", outcome.id().as_str()), outcome.encode())
                    .await?;
            }
        }
        let id = OperationId::Keyed(format!("seed-{number}").parse()?);
        let operation =
            Operation { id, kind: OperationKind::Deposit, amount: "0.01".parse()?, at: AT.parse()? };
        let Decision::New(_) = wallet.decide(&operation) else { return Err("it is not new".into()) };
    }
    Ok(batch.set(&format!("bank:{{{user}}}:wallet"), wallet.encode()).await?)
}

struct Batch {
    connection: MultiplexedConnection,
    pipeline: Pipeline,
}

impl Batch {
    async fn set(&mut self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), RedisError> {
        self.pipeline.set(key, value.into()).ignore();
        if self.pipeline.len() < BATCH { Ok(()) } else { self.send().await }
    }

    async fn send(&mut self) -> Result<(), RedisError> {
        // The last batch may have been full.
        if self.pipeline.is_empty() {
            return Ok(());
        }
        let () = self.pipeline.query_async(&mut self.connection).await?;
        self.pipeline.clear();
        Ok(())
    }
}
