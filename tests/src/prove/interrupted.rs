//! An import that is interrupted, by `kill -9`, SIGTERM or a file that changes meanwhile: nothing starts on the
//! half-restored store.
//!
//! Mechanism: the file is an object of a fake S3 server. The server sends all of it for the first read, which
//! checks it, and half of it for the second, which stores it. That half is more than the import keeps in memory.
//! Needs: a deployment whose banks do not run.

use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::prove::exported::lines;
use crate::prove::shards::deposit;
use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// How many wallets without entries lie between those of two users. Each is three keys, and an import writes 4,096
/// keys at a time.
const WALLETS_BETWEEN: usize = 4_000;
/// At least this many keys are in the store when the file stops.
const KEYS_STORED: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(30);
const OPERATIONS: u64 = 20;
const EMPTY_WALLET: &str = r#"{"v":1,"base":MARK,"end":MARK,"log":[]}"#;

/// The files to import: an export of some money, and one with many wallets in between, of which half is written.
pub struct Files {
    small: PathBuf,
    pub large: PathBuf,
    half: Vec<u8>,
    users: [String; 2],
}

/// Every way of being interrupted: killed, stopped, a file that changes. A pipe is refused.
pub async fn run(deployment: &mut Deployment) -> anyhow::Result<()> {
    let files = Files::make(deployment, WALLETS_BETWEEN).await?;
    deployment.stop_banks().await?;
    deployment.wipe_store().await?;
    kill_import(deployment, &files).await.context("kill -9")?;
    deployment.wipe_store().await?;
    terminate_import(deployment, &files).await.context("SIGTERM")?;
    deployment.wipe_store().await?;
    change_file_during_import(deployment, &files).await.context("a file that changes")?;
    deployment.wipe_store().await?;
    refuse_pipe(deployment).await.context("a pipe")
}

/// The import is killed half way. Importing the same file again completes it.
async fn kill_import(deployment: &mut Deployment, files: &Files) -> anyhow::Result<()> {
    let object = Object::serve(files, &files.half).await?;
    let mut import = object.import_to(deployment)?.spawn()?;
    let _open = object.serve_two_reads().await?;
    wait_for_keys(deployment, KEYS_STORED).await?;
    import.kill().await?;
    assert_store_is_refused(deployment, &files.small).await?;
    deployment.import_and_verify(&files.large).await?;
    assert_complete(deployment, files).await
}

/// It is stopped by SIGTERM, as a Job's container is: try again.
async fn terminate_import(deployment: &Deployment, files: &Files) -> anyhow::Result<()> {
    let object = Object::serve(files, &files.half).await?;
    let mut import = object.import_to(deployment)?.spawn()?;
    let _open = object.serve_two_reads().await?;
    let process = import.id().context("it has ended")?.to_string();
    ensure!(Command::new("kill").args(["-TERM", &process]).status().await?.success(), "kill");
    let status = tokio::time::timeout(PATIENCE, import.wait()).await.context("it goes on")??;
    ensure!(status.code() == Some(4), "{status}");
    Ok(())
}

/// It stops in the middle, at a line that was different when the file was checked. After the store is emptied, an
/// import works again.
async fn change_file_during_import(deployment: &mut Deployment, files: &Files) -> anyhow::Result<()> {
    let object = Object::serve(files, &[&files.half[..], b"{}\n"].concat()).await?;
    let mut import = object.import_to(deployment)?;
    let (output, _open) = tokio::join!(import.output(), object.serve_two_reads());
    let output = output?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(3), "{}: {why}", output.status);
    ensure!(why.contains("was changed while it was imported, and a part of it is in the store"), "{why}");
    ensure!(deployment.key_count().await? >= KEYS_STORED, "no part of it is in the store");
    assert_store_is_refused(deployment, &files.small).await?;
    deployment.wipe_store().await?;
    deployment.import_and_verify(&files.small).await
}

/// A file that can be read only once is refused before anything is stored.
async fn refuse_pipe(deployment: &Deployment) -> anyhow::Result<()> {
    let path = deployment.path("pipe");
    ensure!(Command::new("mkfifo").arg(&path).status().await?.success(), "mkfifo {}", path.display());
    let why = deployment.must_fail(&["import", &path.display().to_string()], 1).await?;
    ensure!(why.contains("is no file"), "{why}");
    ensure!(deployment.key_count().await? == 0, "{} keys are in the store", deployment.key_count().await?);
    Ok(())
}

/// Only the interrupted import may use the store as it is.
async fn assert_store_is_refused(deployment: &Deployment, another: &Path) -> anyhow::Result<()> {
    let file = deployment.path("of-a-half.jsonl").display().to_string();
    deployment.assert_does_not_start().await?;
    for words in
        [&["export", "--to", &file][..], &["verify", "--all"], &["import", &another.display().to_string()]]
    {
        let why = deployment.must_fail(words, 5).await?;
        ensure!(why.contains("interrupted"), "bank {}: {why}", words.join(" "));
    }
    ensure!(!Path::new(&file).exists(), "an export of a half is there");
    Ok(())
}

/// All of it is there, once, and old keys are replayed.
async fn assert_complete(deployment: &mut Deployment, files: &Files) -> anyhow::Result<()> {
    let there = deployment.export_to("resumed.jsonl").await?;
    ensure!(lines(&there)? == lines(&files.large)?, "it is not what was imported");
    deployment.start_banks().await?;
    for user in &files.users {
        let again = deposit(&deployment.client(), user, 1).await.is(200);
        let balance = deployment.client().balance(user).await;
        ensure!(balance == format!("{OPERATIONS}.00"), "{user} has {balance}: {again}");
    }
    deployment.stop_banks().await
}

/// Waits until so many keys are stored.
async fn wait_for_keys(deployment: &Deployment, keys: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    while deployment.key_count().await? < keys {
        ensure!(
            begun.elapsed() < PATIENCE,
            "{} keys are stored, and no {keys}",
            deployment.key_count().await?
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// An object that is different when it is read again.
struct Object {
    server: TcpListener,
    first: Vec<u8>,
    then: Vec<u8>,
}

impl Object {
    async fn serve(files: &Files, then: &[u8]) -> anyhow::Result<Self> {
        let server = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { server, first: std::fs::read(&files.large)?, then: then.to_vec() })
    }

    fn import_to(&self, deployment: &Deployment) -> anyhow::Result<Command> {
        let mut import = deployment.command_to(&["import", "s3://money/large.jsonl"])?;
        import.env("AWS_ENDPOINT_URL", format!("http://{}", self.server.local_addr()?));
        Ok(import)
    }

    /// Sends all of the first version, then the beginning of the second, and keeps the connection open.
    async fn serve_two_reads(&self) -> anyhow::Result<TcpStream> {
        drop(self.serve_one_read(&self.first).await?);
        self.serve_one_read(&self.then).await
    }

    async fn serve_one_read(&self, bytes: &[u8]) -> anyhow::Result<TcpStream> {
        let accepted = tokio::time::timeout(PATIENCE, self.server.accept()).await;
        let (mut stream, _) = accepted.context("nobody reads it")??;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        ensure!(head.starts_with(b"GET /money/large.jsonl "), "{}", String::from_utf8_lossy(&head));
        let length = self.first.len();
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(bytes).await?;
        Ok(stream)
    }
}

impl Files {
    /// Exports two users' money, and puts so many wallets between them.
    pub async fn make(deployment: &Deployment, wallets: usize) -> anyhow::Result<Self> {
        let users = [fresh("a"), fresh("z")];
        for user in &users {
            for n in 1..=OPERATIONS {
                deposit(&deployment.client(), user, n).await.is(200);
            }
        }
        let small = deployment.export_to("small.jsonl").await?;
        let text = std::fs::read_to_string(&small)?;
        let split = text.lines().position(|line| line.contains(&format!("\"user\":\"{}\"", users[1])));
        let mut rest: Vec<&str> = text.lines().collect();
        let last = rest.split_off(split.context("the second user is not in the export")?);
        let mark = r#"{"seq":0,"balance":"0.00","hash":"HASH"}"#.replace("HASH", &"0".repeat(64));
        let wallet = EMPTY_WALLET.replace("MARK", &mark);
        let between = |n| format!(r#"{{"kind":"wallet","user":"m-{n:06}","value":{wallet}}}"#);
        let mut all: Vec<String> = rest.into_iter().map(str::to_owned).collect();
        all.extend((0..wallets).map(between));
        let half = all.join("\n") + "\n";
        let counted = |line: &str| {
            let (_, rest) = line.split_once(r#""wallets":"#)?;
            let (before, _) = rest.split_once(',')?;
            let more = before.parse::<usize>().ok()? + wallets;
            Some(line.replacen(&format!(r#""wallets":{before},"#), &format!(r#""wallets":{more},"#), 1))
        };
        all.extend(
            last[..last.len() - 1].iter().map(|line| counted(line).unwrap_or_else(|| (*line).to_owned())),
        );
        let large = deployment.path("large.jsonl");
        std::fs::write(&large, with_end_line(&all)?)?;
        Ok(Self { small, large, half: half.into_bytes(), users })
    }
}

/// These lines and the last one, with their number and checksum.
fn with_end_line(lines: &[String]) -> anyhow::Result<String> {
    let mut text = lines.join("\n") + "\n";
    let mut sha256 = String::new();
    for byte in Sha256::digest(&text) {
        write!(sha256, "{byte:02x}")?;
    }
    writeln!(text, r#"{{"kind":"end","lines":{},"sha256":"{sha256}"}}"#, lines.len())?;
    Ok(text)
}
