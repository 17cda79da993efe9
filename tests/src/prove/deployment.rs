//! A bank as it is deployed in production: a store, a stand-in for CoinGecko, and one or more `bank` processes.

use crate::bank::Bank;
use crate::feed;
use crate::prove::process::Process;
use crate::proxy::Proxy;
use crate::token::Mint;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;

mod backup;
mod certificate;
mod cluster;
mod inside;
mod plan;
mod ports;
mod redis;
mod sentinel;

use certificate::Certificate;
pub use cluster::{Cluster, Shard};
use plan::CORS_ORIGIN;
pub use plan::{Plan, StoreUnderTest};
pub use redis::{PASSWORD, Redis, RedisConnection};
pub use sentinel::Sentinel;

/// The API key that the stand-in requires.
pub const API_KEY: &str = "the-key-of-prove";

pub struct Deployment {
    plan: Plan,
    folder: TempDir,
    coingecko: String,
    banks: Vec<(String, Option<Process>)>,
    redis: Option<Redis>,
    proxy: Option<Proxy>,
    /// The URL of Redis for its processes, if it is not that of its own Redis.
    redis_url_override: Option<String>,
    /// The certificates that its processes trust, if not those of the machine.
    trusted_certificates: Option<PathBuf>,
    feed: Process,
}

impl Deployment {
    /// Starts everything; it is ready when this returns.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("money-bank-").tempdir()?;
        let (feed, coingecko) = start_feed().await?;
        let redis = match plan.store {
            _ if plan.redis_url.is_some() => None,
            StoreUnderTest::Sqlite => None,
            StoreUnderTest::KvOnRedis | StoreUnderTest::RedisAdapter | StoreUnderTest::Both => {
                Some(Redis::start(&folder.path().join("redis")).await?)
            }
        };
        let proxy = match &redis {
            Some(redis) if plan.proxy => Some(Proxy::to(redis.address()).await?),
            _ => None,
        };
        let any_port = || ("http://127.0.0.1:0".to_owned(), None);
        let banks = std::iter::repeat_with(any_port).take(plan.processes).collect();
        let redis_url_override = plan.redis_url.clone();
        let mut deployment = Self {
            plan,
            folder,
            coingecko,
            banks,
            redis,
            proxy,
            redis_url_override,
            trusted_certificates: None,
            feed,
        };
        deployment.start_banks().await?;
        Ok(deployment)
    }

    /// The name of a scenario: `redis ×3: what is proven`.
    pub fn scenario_name(&self, what: &str) -> String {
        let fault = self.fault_name().map(|fault| format!(", {fault}")).unwrap_or_default();
        let processes = self.banks.len();
        let times = if processes > 1 { format!(" ×{processes}") } else { String::new() };
        format!("{}{times}{fault}: {what}", self.plan.store.name())
    }

    fn fault_name(&self) -> Option<&str> {
        self.plan.fault.as_deref()?.file_stem()?.to_str()
    }

    pub fn urls(&self) -> Vec<String> {
        self.banks.iter().map(|(url, _)| url.clone()).collect()
    }

    /// A client of all its processes.
    pub fn client(&self) -> Bank {
        Bank::at(self.urls()).with_tokens(self.mint())
    }

    /// A client of one of them.
    pub fn client_of(&self, index: usize) -> Bank {
        Bank::at(vec![self.banks[index].0.clone()]).with_tokens(self.mint())
    }

    pub fn process(&mut self, index: usize) -> anyhow::Result<&mut Process> {
        self.banks[index].1.as_mut().context("that bank does not run")
    }

    pub fn redis(&mut self) -> anyhow::Result<&mut Redis> {
        self.redis.as_mut().context("there is no Redis here")
    }

    pub fn proxy(&self) -> anyhow::Result<&Proxy> {
        self.proxy.as_ref().context("there is no proxy here")
    }

    /// The environment variables of the suites.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("BANK_URL", self.urls().join(",")),
            ("COINGECKO_URL", self.coingecko.clone()),
            ("COINGECKO_API_KEY", API_KEY.to_owned()),
            ("CORS_ORIGIN", CORS_ORIGIN.to_owned()),
        ];
        if let Some((issuer, secret)) = &self.plan.mint {
            environment.push(("BANK_JWT_ISSUER", issuer.clone()));
            environment.push(("BANK_JWT_SECRET", secret.clone()));
        }
        environment
    }

    pub fn mint(&self) -> Option<Mint> {
        self.plan.mint.as_ref().map(|(issuer, secret)| Mint::new(issuer, secret))
    }

    /// Where the stand-in for CoinGecko is.
    pub fn coingecko(&self) -> &str {
        &self.coingecko
    }

    /// The stand-in for CoinGecko.
    pub fn feed(&self) -> Bank {
        Bank::at(vec![self.coingecko.clone()])
    }

    /// Makes the stand-in answer correctly again, whatever a suite has left.
    pub async fn reset_feed(&self) -> anyhow::Result<()> {
        feed::set_mode(&self.feed(), "ok").await.map_err(anyhow::Error::msg)
    }

    /// Starts the banks that do not run, each at its old address.
    pub async fn start_banks(&mut self) -> anyhow::Result<()> {
        for index in 0..self.banks.len() {
            if self.banks[index].1.is_none() {
                self.start_bank(index).await?;
            }
        }
        Ok(())
    }

    /// Starts a bank, and returns how long it took until it served.
    pub async fn start_bank(&mut self, index: usize) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let listen = self.banks[index].0.trim_start_matches("http://").to_owned();
        let fault = self.fault_name().map(|fault| format!("-{fault}")).unwrap_or_default();
        let store = self.plan.store.of(index).name();
        let name = format!("{store}{fault}-bank-{index}");
        let mut process = Process::start(&name, &mut self.command(index, &listen)?)?;
        let url = |line: &str| Some(line.strip_prefix("Serving ")?.trim().to_owned());
        let url = process.wait_for(url).await?;
        self.banks[index] = (url, Some(process));
        Ok(begun.elapsed())
    }

    /// Restarts all banks with Redis at this URL.
    pub async fn restart_at(&mut self, redis_url: String) -> anyhow::Result<()> {
        self.stop_banks().await?;
        self.redis_url_override = Some(redis_url);
        self.start_banks().await
    }

    /// Restarts all banks with these additional settings.
    pub async fn restart_with(&mut self, variables: &[(&'static str, &str)]) -> anyhow::Result<()> {
        self.stop_banks().await?;
        self.plan = self.plan.clone().with(variables);
        self.start_banks().await
    }

    /// A Redis Cluster in the same folder; all banks get the address of one node.
    pub async fn use_cluster(&mut self) -> anyhow::Result<Cluster> {
        let cluster = Cluster::start(&self.folder.path().join("cluster"), None).await?;
        self.restart_at(cluster.url()).await?;
        Ok(cluster)
    }

    /// The same, with nodes that speak only TLS.
    pub async fn use_tls_cluster(&mut self) -> anyhow::Result<Cluster> {
        let certificate = Certificate::make(self.folder.path()).await?;
        self.trusted_certificates = Some(certificate.file.clone());
        let cluster = Cluster::start(&self.folder.path().join("tls"), Some(certificate)).await?;
        self.restart_at(cluster.url()).await?;
        Ok(cluster)
    }

    /// The output of `bank verify` for a wallet on the banks' Redis.
    pub async fn verify(&self, user: &str) -> anyhow::Result<Output> {
        let url = self.redis_url(0).context("there is no Redis here")?;
        let mut command = Command::new(&self.plan.runner);
        command.args(["verify", "--user", user, "-f"]).arg(&self.plan.manifest);
        command.arg("--runtime-config-file").arg(self.runtime_config(0, &url)?);
        Ok(command.kill_on_drop(true).output().await?)
    }

    /// A Redis with replicas behind Sentinel in the same folder.
    pub async fn use_sentinel(&mut self) -> anyhow::Result<Sentinel> {
        let sentinel = Sentinel::start(&self.folder.path().join("sentinel")).await?;
        self.restart_at(sentinel.url()).await?;
        Ok(sentinel)
    }

    /// Another Redis in the same folder.
    pub async fn start_another_redis(&self) -> anyhow::Result<Redis> {
        Redis::start(&self.folder.path().join("another-redis")).await
    }

    /// Ends all banks with SIGTERM; each must exit with 0.
    pub async fn stop_banks(&mut self) -> anyhow::Result<()> {
        for index in 0..self.banks.len() {
            let status = self.process(index)?.stop().await?;
            self.banks[index].1 = None;
            anyhow::ensure!(status.success(), "bank {index} ended with {status}");
        }
        Ok(())
    }

    /// Kills everything, and waits until it has ended.
    pub async fn end(mut self) {
        let banks = self.banks.iter_mut().filter_map(|(_, process)| process.as_mut());
        for process in banks.chain([&mut self.feed]) {
            // It may have ended already.
            let _ = process.kill().await;
        }
        if let Some(redis) = &mut self.redis {
            let _ = redis.kill().await;
        }
    }

    /// What its banks have written to their logs so far.
    pub fn logs(&self) -> anyhow::Result<String> {
        self.banks.iter().filter_map(|(_, process)| process.as_ref()).map(Process::logs).collect()
    }

    /// Notes that the process of a bank has ended.
    pub fn forget_bank(&mut self, index: usize) {
        self.banks[index].1 = None;
    }

    fn command(&self, index: usize, listen: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.plan.runner);
        for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        command.args(["up", "--listen", listen, "-f"]).arg(&self.plan.manifest);
        command.arg("--state-dir").arg(self.folder.path());
        command.envs(self.trusted_certificates.as_ref().map(|file| ("SSL_CERT_FILE", file)));
        if let Some(fault) = &self.plan.fault {
            command.arg("--fault").arg(fault);
        }
        if self.plan.counts_host_calls {
            command.env("BANK_HOST_CALLS", "1");
        }
        if let Some(placement) = self.plan.placement {
            command.args(["--placement", placement]);
        }
        match (self.plan.store.of(index), self.redis_url(index)) {
            (StoreUnderTest::RedisAdapter, Some(url)) => {
                command.args(["--variable", "store=redis", "--variable", &format!("redis_url={url}")]);
            }
            (_, Some(url)) => {
                command.arg("--runtime-config-file").arg(self.runtime_config(index, &url)?);
            }
            (_, None) => (),
        }
        for (name, value) in [
            ("coingecko_origin", self.coingecko.as_str()),
            ("coingecko_api_key", API_KEY),
            ("rates_ttl_seconds", &self.plan.rates_ttl_seconds.to_string()),
            ("rates_max_stale_seconds", &(8 * self.plan.rates_ttl_seconds).to_string()),
            ("storage_deadline_ms", &self.plan.storage_deadline.as_millis().to_string()),
            ("cors_origins", self.plan.cors_origins),
        ] {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        // The last one counts.
        for (name, value) in &self.plan.variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        Ok(command)
    }

    /// The URL of Redis for one of its processes.
    fn redis_url(&self, index: usize) -> Option<String> {
        if self.redis_url_override.is_some() {
            return self.redis_url_override.clone();
        }
        let redis = self.redis.as_ref()?;
        let last = index + 1 == self.banks.len();
        let proxy = self.proxy.as_ref().filter(|_| last);
        Some(redis.url_at(proxy.map_or(redis.address(), Proxy::address)))
    }

    fn runtime_config(&self, index: usize, url: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(format!("runtime-config-{index}.toml"));
        let mut text = String::from("[key_value_store.default]\ntype = \"redis\"\n");
        writeln!(text, "url = \"{url}\"")?;
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// Whether an environment variable would change how a bank runs, without `prove` knowing.
fn is_setting(name: &str) -> bool {
    name.starts_with("SPIN_") || name.starts_with("BANK_") || name == "RUNTIME_CONFIG_FILE"
}

/// The stand-in is built beside `prove`.
async fn start_feed() -> anyhow::Result<(Process, String)> {
    let program = std::env::current_exe()?.with_file_name("coingecko");
    let mut feed = Process::start("coingecko", &mut Command::new(program))?;
    let url = feed.wait_for(|line| Some(line.strip_prefix("Serving ")?.to_owned())).await?;
    Ok((feed, url))
}
