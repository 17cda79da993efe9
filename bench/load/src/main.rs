//! The load generator: requests that differ, at a fixed rate or as fast as the answers come.
//!
//! Why not one from a registry: each deposit needs a user, an idempotency key and a body of its own.
//! `oha` varies only the URL and `rewrk` nothing; `wrk` can, in Lua, but knows no fixed rate, so that a
//! server that stops for a second is asked 32 times in it and not 2,000 (coordinated omission); `k6`
//! can do all of it, at ten times the CPU, on the cores that the servers are measured on.
//!
//! One thread. Closed: each connection sends its next request when the last one is answered. Open
//! (`--rate`): request n is due at n / rate, whatever became of those before it; the first free
//! connection sends it, and its latency counts from when it was due.

mod connection;
mod pace;
mod record;
mod workload;

use clap::Parser;
use pace::Pace;
use record::Record;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use workload::{Scenario, Workload};

/// For the answers to what was sent before the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends requests to one server and says in JSON how it answered.
#[derive(Parser)]
struct Options {
    /// Where the server listens
    address: SocketAddr,
    /// What is asked
    #[arg(value_enum)]
    scenario: Scenario,
    /// How long
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Before that, without counting
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// How many connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Requests a second; without it as many as are answered
    #[arg(long)]
    rate: Option<f64>,
    /// How many wallets there are
    #[arg(long, default_value_t = 10_000)]
    users: u64,
    /// Prefix of the users' names
    #[arg(long, default_value = "w")]
    prefix: String,
    /// Ask this often and then stop, in the order of users
    #[arg(long)]
    requests: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map(|runtime| LocalSet::new().block_on(&runtime, run(&options)));
    match ended {
        Ok(record) => {
            println!("{}", record.borrow().summary(options.rate));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Rc<RefCell<Record>> {
    let begin = Instant::now();
    let counted = begin + Duration::from_secs_f64(options.warmup);
    let end = counted + Duration::from_secs_f64(options.seconds);
    let record = Rc::new(RefCell::new(Record::new(counted, end)));
    let workload = Workload::new(options.scenario, &options.prefix, options.users, options.requests);
    let workload = Rc::new(RefCell::new(workload));
    let pace = Rc::new(Pace::new(begin, end, options.rate));
    let connections: Vec<_> = (0..options.connections)
        .map(|_| {
            let (workload, pace, record) = (workload.clone(), pace.clone(), record.clone());
            tokio::task::spawn_local(connection::drive(options.address, workload, pace, record))
        })
        .collect();
    let all = async {
        for connection in connections {
            let _ = connection.await;
        }
    };
    let patience = end + PATIENCE;
    if tokio::time::timeout_at(patience.into(), all).await.is_err() {
        record.borrow_mut().unanswered();
    }
    if options.requests.is_some() {
        record.borrow_mut().ended(Instant::now());
    }
    record
}
