//! `make demo`: three banks, a Redis Cluster of two nodes, load, and a page where anybody breaks them and sees that the
//! money stays right.
//!
//! It is built from parts of `prove`: the deployment, the proxy, the published rule for retries. It prints one
//! loopback address. Ctrl-C ends everything that it started, and leaves no file behind.

use crate::demo::cluster::DemoCluster;
use crate::demo::load::Load;
use crate::demo::score::Score;
use crate::demo::server::Server;
use crate::demo::stage::{Order, Stage};
use crate::demo::trouble::BANKS;
use crate::paint;
use crate::prove::deployment::{Deployment, Plan, StoreUnderTest};
use crate::prove::process::LOGS;
use anyhow::{Context as _, ensure};
use clap::Parser;
use std::io::{ErrorKind, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

mod cluster;
mod film;
mod guard;
mod judge;
mod load;
mod outage;
mod recording;
mod score;
mod server;
mod slot;
mod stage;
mod steps;
mod totals;
mod trouble;

/// Lets anybody break a bank and see what becomes of the money.
#[derive(Parser)]
pub struct DemoArguments {
    /// The runner
    #[arg(long, default_value = "target/native/bank")]
    bank: PathBuf,
    /// The application to serve
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Where the page is, on 127.0.0.1; a free port where this one is taken
    #[arg(long, default_value_t = 3900)]
    port: u16,
    /// How many clients there are, each with a wallet of its own
    #[arg(long, default_value_t = 240)]
    clients: u16,
    /// How many deposits a second they ask for together
    #[arg(long, default_value_t = 240)]
    rate: u16,
    /// Break and mend by a script, and draw what the page showed into this file
    #[arg(long)]
    record: Option<PathBuf>,
}

/// Everything that runs, and ends together.
struct Demo {
    stage: Stage,
    /// The clients and the page.
    tasks: JoinSet<()>,
    score: Arc<Score>,
    url: String,
}

/// Runs until it is told to end.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    ensure!(arguments.clients > 0 && arguments.rate > 0, "there must be clients that ask for something");
    let mut end = End::new()?;
    let folder = tempfile::Builder::new().prefix("money-bank-demo-").tempdir()?;
    let plan = plan(&arguments)?;
    let record = arguments.record.as_ref().map(std::path::absolute).transpose()?;
    // Logs go to a folder of the demo; tests may be using `build/logs`.
    std::env::set_current_dir(folder.path())?;
    std::fs::create_dir_all(LOGS)?;
    let deployment = tokio::select! {
        deployment = build(plan, folder.path()) => deployment?,
        () = end.signal() => return Ok(()),
    };
    let mut demo = Demo::begin(deployment, &arguments).await?;
    say(&format!("Money Bank, to be broken: {}   (Ctrl-C ends it)", demo.url))?;
    let (score, orders) = (Arc::clone(&demo.score), demo.stage.orders());
    let outcome = tokio::select! {
        () = demo.stage.run() => Ok(()),
        () = end.signal() => Ok(()),
        outcome = record_into(record, &score, &orders) => outcome,
    };
    demo.end().await;
    say("Everything that was started has ended.")?;
    outcome
}

/// Draws a recording into this file; without a file it never ends.
async fn record_into(
    file: Option<PathBuf>,
    score: &Score,
    orders: &mpsc::Sender<Order>,
) -> anyhow::Result<()> {
    let Some(file) = file else { return std::future::pending().await };
    let states = recording::record(score, orders).await?;
    std::fs::write(&file, film::of(&states)).with_context(|| file.display().to_string())
}

/// A cluster in this folder, and the banks of this plan on it.
async fn build(plan: Plan, folder: &Path) -> anyhow::Result<(Deployment, DemoCluster)> {
    let cluster = DemoCluster::start(folder).await?;
    let deployment = Deployment::build(Plan { redis_url: Some(cluster.url()), ..plan }).await?;
    Ok((deployment, cluster))
}

/// Three banks as in production.
fn plan(arguments: &DemoArguments) -> anyhow::Result<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let find = |path: &Path| {
        let found = root.join(path).canonicalize();
        found.with_context(|| format!("{} is missing: make demo builds it", path.display()))
    };
    let (bank, manifest) = (find(&arguments.bank)?, find(&arguments.manifest)?);
    Ok(Plan { processes: BANKS, ..Plan::new(StoreUnderTest::RedisAdapter, &bank, &manifest) })
}

impl Demo {
    /// Starts the clients of this deployment's banks, and serves the page.
    async fn begin(
        (deployment, cluster): (Deployment, DemoCluster),
        arguments: &DemoArguments,
    ) -> anyhow::Result<Self> {
        let listener = listen(arguments.port).await?;
        let port = listener.local_addr()?.port();
        let users = load::users(usize::from(arguments.clients));
        let score = Arc::new(Score::new(users.len(), deployment.urls()));
        let (round, rounds) = watch::channel(0);
        let interval = Duration::from_secs(1) * u32::from(arguments.clients) / u32::from(arguments.rate);
        let load = Load::new(deployment.client(), Arc::clone(&score), rounds, interval);
        let mut tasks = JoinSet::new();
        // Spread over the first interval, so that they do not all send at the same time.
        for (index, user) in (0..arguments.clients).zip(&users) {
            let begin = interval * u32::from(index) / u32::from(arguments.clients);
            tasks.spawn(load.clone().client(usize::from(index), user.clone(), begin));
        }
        let stage = Stage::new((deployment, cluster), Arc::clone(&score), round, users);
        let server = Server::new(port, Arc::clone(&score), stage.orders());
        tasks.spawn(async move {
            if let Err(problem) = server.serve(listener).await {
                eprintln!("{}", paint::red(&format!("demo: the page is no longer served: {problem}")));
            }
        });
        Ok(Self { stage, tasks, score, url: format!("http://127.0.0.1:{port}") })
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
        self.stage.end().await;
    }
}

/// Listens on loopback alone: at this port, or at a free one if it is taken.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(problem) if problem.kind() == ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
        }
        bound => bound,
    }
}

/// Prints a line at once, even without a terminal.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// The signals that end it: Ctrl-C, `kill`, a terminal that is closed.
struct End([Signal; 3]);

impl End {
    fn new() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn signal(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    }
}
