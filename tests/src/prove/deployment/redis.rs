//! A real Redis in a folder of its own, which keeps what it acknowledged and asks for a password.

use super::ports::{BUS, free_port};
use crate::prove::process::Process;
use anyhow::{Context as _, bail, ensure};
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// The password that it asks for.
pub const PASSWORD: &str = "the-password-of-prove";
const PATIENCE: Duration = Duration::from_secs(20);
/// So long that no node ever takes the others for failed: it has no replica that could take over.
const NODE_TIMEOUT_MS: &str = "3600000";

pub struct Redis {
    port: u16,
    folder: PathBuf,
    /// Options beside those that every Redis here has.
    options: Vec<String>,
    process: Option<Process>,
}

/// The output of `redis-cli` with the password and these words.
pub async fn cli(words: impl IntoIterator<Item: AsRef<OsStr>>) -> anyhow::Result<String> {
    let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    let mut command = Command::new("redis-cli");
    command.args(&words).env("REDISCLI_AUTH", PASSWORD).kill_on_drop(true);
    let output = command.output().await.context("redis-cli")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "redis-cli {words:?}: {said}");
    Ok(said)
}

impl Redis {
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        // It is free now, and nobody else on this machine is likely to take it in between.
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        Self::start_at(port, folder, Vec::new()).await
    }

    /// A node for a cluster, which sends the cluster's clients to the address `announced`.
    pub async fn start_node(folder: &Path, announced: SocketAddr) -> anyhow::Result<Self> {
        let port = free_port().await?;
        let options = [
            ("--cluster-enabled", "yes"),
            ("--cluster-config-file", "nodes.conf"),
            ("--cluster-node-timeout", NODE_TIMEOUT_MS),
            ("--cluster-require-full-coverage", "no"),
            ("--cluster-announce-ip", &announced.ip().to_string()),
            ("--cluster-announce-port", &announced.port().to_string()),
            ("--cluster-announce-bus-port", &port.saturating_add(BUS).to_string()),
        ];
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]);
        Self::start_at(port, folder, options.collect()).await
    }

    async fn start_at(port: u16, folder: &Path, options: Vec<String>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut redis = Self { port, folder: folder.to_owned(), options, process: None };
        redis.start_again().await?;
        Ok(redis)
    }

    /// Where it listens for the other nodes of its cluster.
    pub fn bus_port(&self) -> u16 {
        self.port.saturating_add(BUS)
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its URL at another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("redis://:{PASSWORD}@{address}")
    }

    /// Starts it on its old data, and waits until it answers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.begin_again(&[]).await?;
        self.wait_until_ready().await
    }

    /// Starts it on its old data, which it has yet to load.
    pub async fn begin_again(&mut self, options: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&self.folder);
        command.args(["--requirepass", PASSWORD]).args(&self.options).args(options);
        self.process = Some(Process::start("redis-server", &mut command)?);
        Ok(())
    }

    /// Waits until it has loaded its data and answers.
    pub async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let process = self.process.as_mut().context("Redis does not run")?;
        process.wait_for(|line| line.contains("Ready to accept connections").then_some(())).await?;
        let begun = Instant::now();
        while !self.answers().await {
            if begun.elapsed() > PATIENCE {
                bail!("Redis did not answer in {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Becomes the replica of another.
    pub async fn follow(&self, master: SocketAddr) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        connection.command(&format!("CONFIG SET masterauth {PASSWORD}")).await?;
        connection.command("CONFIG SET repl-diskless-sync-delay 0").await?;
        connection.command(&format!("REPLICAOF {} {}", master.ip(), master.port())).await
    }

    /// Waits until it has what its master has.
    pub async fn wait_until_caught_up(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let told = self.connect().await?.query(&[b"INFO", b"replication"]).await?.concat();
            if String::from_utf8_lossy(&told).contains("master_link_status:up") {
                return Ok(());
            }
            anyhow::ensure!(begun.elapsed() < PATIENCE, "it does not follow its master");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("Redis does not run")?.kill().await
    }

    /// `STOP` makes it hang, `CONT` lets it go on.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        self.process.as_ref().context("Redis does not run")?.signal(signal).await
    }

    async fn answers(&self) -> bool {
        let asked = async { self.connect().await?.query_line("PING").await };
        asked.await.is_ok_and(|answer| answer == "+PONG")
    }

    /// A connection that may do everything, and stays open whatever happens to others.
    pub async fn connect(&self) -> anyhow::Result<RedisConnection> {
        RedisConnection::to(self.address()).await
    }
}

/// A connection for commands, mostly in Redis' inline form, that reads the first lines of the answers.
pub struct RedisConnection(BufReader<TcpStream>);

impl RedisConnection {
    /// A connection to the Redis at this address.
    pub async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        let mut connection = Self(BufReader::new(TcpStream::connect(address).await?));
        connection.command(&format!("AUTH {PASSWORD}")).await?;
        Ok(connection)
    }

    pub async fn query_line(&mut self, command: &str) -> anyhow::Result<String> {
        self.send(&format!("{command}\r\n")).await?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).await?;
        Ok(answer.trim_end().to_owned())
    }

    /// The number that a command is answered with.
    pub async fn number(&mut self, command: &str) -> anyhow::Result<u64> {
        let answer = self.query_line(command).await?;
        let number = answer.strip_prefix(':').with_context(|| format!("{command}: {answer}"))?;
        Ok(number.parse()?)
    }

    /// Sends a command that Redis must not refuse.
    pub async fn command(&mut self, command: &str) -> anyhow::Result<()> {
        let answer = self.query_line(command).await?;
        anyhow::ensure!(answer.starts_with(['+', ':']), "{command}: {answer}");
        Ok(())
    }

    /// Sends without waiting for an answer.
    pub async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.0.get_mut().write_all(text.as_bytes()).await?)
    }

    /// Sends a command of any bytes. Returns the value of the answer, or each value of an array, without nulls.
    pub async fn query(&mut self, command: &[&[u8]]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut sent = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            sent.extend(format!("${}\r\n", word.len()).bytes());
            sent.extend(word.iter().chain(b"\r\n"));
        }
        let stream = &mut self.0;
        stream.get_mut().write_all(&sent).await?;
        let (mut values, mut due) = (Vec::new(), 1_usize);
        while due > 0 {
            due -= 1;
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let (kind, rest) = line.trim_end().split_at_checked(1).context("Redis said nothing")?;
            match kind {
                "*" => due += rest.parse::<usize>()?,
                "$" if rest == "-1" => {}
                "$" => {
                    let mut value = vec![0; rest.parse::<usize>()? + 2];
                    stream.read_exact(&mut value).await?;
                    value.truncate(value.len() - 2);
                    values.push(value);
                }
                "+" => values.push(rest.into()),
                _ => bail!("Redis: {line}"),
            }
        }
        Ok(values)
    }

    /// The next line that Redis says.
    pub async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        anyhow::ensure!(self.0.read_line(&mut line).await? > 0, "Redis hung up");
        Ok(line.trim_end().to_owned())
    }

    /// Reads this many lines of answers and drops them.
    pub async fn lines(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.0.read_line(&mut String::new()).await?;
        }
        Ok(())
    }
}
