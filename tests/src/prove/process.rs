//! A process that is ended by its own id, even if its owner panics, and whose log is kept.

use anyhow::{Context as _, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Where the logs of all processes are kept.
pub const LOGS: &str = "build/logs";
/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit of CPU times in `/proc`, on every architecture.
const TICKS_PER_SECOND: u64 = 100;
/// How much of a log is shown when something failed.
const TAIL_LINES: usize = 30;

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; its output is appended to `build/logs/{name}.log`.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let log = Path::new(LOGS).join(format!("{name}.log"));
        let stderr = File::options().create(true).append(true).open(&log)?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let child = command.kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("starting {:?}", command.as_std().get_program()))?;
        Ok(Self { child, log })
    }

    /// Waits for a line of its output that `find` accepts.
    pub async fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let stdout = self.child.stdout.take().context("its output is read already")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut seen = String::new();
        let found = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                seen += &format!("{line}\n");
                if let Some(found) = find(&line) {
                    return Ok(found);
                }
            }
            bail!("it ended before it was ready")
        });
        let found = found.await.unwrap_or_else(|_| bail!("it was not ready in {PATIENCE:?}"));
        let log = self.log.clone();
        tokio::spawn(async move { keep(&log, &seen, lines.into_inner()).await });
        found.with_context(|| format!("{}:\n{}", self.log.display(), tail(&self.log)))
    }

    /// What it has printed so far, after the output of earlier processes with its name.
    pub fn logs(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Sends it a signal by its id.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("it has ended already")?.to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().await?;
        sent.success().then_some(()).with_context(|| format!("kill -s {signal} {id}"))
    }

    /// Its resident memory, as the kernel counts it.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("it has ended already")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// Its CPU time, as the kernel counts it: user and system time, in full seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("it has ended already")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name, which may contain anything, is in parentheses; the times are fields 14 and 15.
        let (_, fields) = status.rsplit_once(") ").context("no name")?;
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(times.sum::<Result<u64, _>>()?.div_euclid(TICKS_PER_SECOND))
    }

    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("it did not end in {PATIENCE:?}"))??)
    }

    /// Asks it to end, and waits.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM").await?;
        self.ended().await
    }

    /// Ends it on the spot.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Begins with an empty `build/logs`.
pub fn forget_logs() -> std::io::Result<()> {
    match std::fs::remove_dir_all(LOGS) {
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => Err(problem),
        _ => std::fs::create_dir_all(LOGS),
    }
}

/// The rest of its output goes to its log.
async fn keep(log: &Path, seen: &str, mut rest: BufReader<ChildStdout>) -> std::io::Result<()> {
    let mut log = tokio::fs::File::options().append(true).open(log).await?;
    log.write_all(seen.as_bytes()).await?;
    tokio::io::copy(&mut rest, &mut log).await?;
    log.flush().await
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// The ends of all logs, for when something failed.
pub fn tails() -> String {
    let logs = std::fs::read_dir(LOGS).into_iter().flatten().flatten();
    let mut logs: Vec<PathBuf> = logs.map(|log| log.path()).collect();
    logs.sort();
    let shown = logs.iter().map(|log| format!("--- {}\n{}\n", log.display(), tail(log)));
    shown.collect()
}
