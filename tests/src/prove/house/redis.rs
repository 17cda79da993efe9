//! A real Redis in a folder of its own, which keeps what it acknowledged.

use crate::prove::process::Process;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Redis {
    port: u16,
    folder: PathBuf,
    process: Option<Process>,
}

impl Redis {
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // Free now; nobody else on this machine is likely to take it within the next moment.
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let mut redis = Self { port, folder: folder.to_owned(), process: None };
        redis.start_again().await?;
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it on the data it had, and waits until it answers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&self.folder);
        let mut process = Process::start("redis-server", &mut command)?;
        process.says(|line| line.contains("Ready to accept connections").then_some(())).await?;
        self.process = Some(process);
        let begun = Instant::now();
        while !self.answers().await {
            if begun.elapsed() > PATIENCE {
                bail!("Redis did not answer in {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("Redis does not run")?.kill().await
    }

    /// `STOP` makes it hang, `CONT` lets it go on.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        self.process.as_ref().context("Redis does not run")?.signal(signal).await
    }

    async fn answers(&self) -> bool {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(answer == *b"+PONG\r\n")
        };
        asked.await.unwrap_or(false)
    }
}
