//! An import that is interrupted, by `kill -9` or by a file that changes meanwhile: nobody takes what it leaves for a bank.
//!
//! Mechanism: the file is a pipe, of which the import reads all once, to check it, and then a half, to store it. What has
//! arrived by then is more than the import keeps in memory. Needs: a house whose banks do not run.

use crate::names::fresh;
use crate::prove::backup::lines;
use crate::prove::house::House;
use crate::prove::shards::deposit;
use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{OpenOptions, Sender};
use tokio::process::Command;

/// Wallets without entries between those of two users. Each is three keys, and an import writes 4,096 of them at a time.
const BETWEEN: usize = 4_000;
/// So many keys are in the store when the file stops, at least.
const STORED: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(30);
const OPERATIONS: u64 = 20;
const NEW: &str = r#"{"v":1,"base":MARK,"end":MARK,"log":[]}"#;

/// What was to be imported: an export of some money, and that with many wallets between, of which a half is written.
pub struct Files {
    small: PathBuf,
    pub large: PathBuf,
    half: Vec<u8>,
    users: [String; 2],
}

/// Both ways of being interrupted, on this house's store.
pub async fn is_no_bank(house: &mut House) -> anyhow::Result<()> {
    let files = Files::make(house, BETWEEN).await?;
    house.stop_banks().await?;
    house.loses_its_store().await?;
    is_killed(house, &files).await.context("kill -9")?;
    house.loses_its_store().await?;
    is_changed(house, &files).await.context("a file that changes")?;
    Ok(())
}

/// Killed in the middle. The same file goes on.
async fn is_killed(house: &mut House, files: &Files) -> anyhow::Result<()> {
    let pipe = pipe(house, "killed").await?;
    let mut import = house.command_to(&["import", &pipe.display().to_string()])?.spawn()?;
    let _open = is_given(house, &pipe, files, &files.half).await?;
    has(house, STORED).await?;
    import.kill().await?;
    is_refused(house, &files.small).await?;
    house.imports(&files.large).await?;
    is_whole(house, files).await
}

/// It stops in the middle, at a line that was another one when the file was checked. An empty store is one again.
async fn is_changed(house: &mut House, files: &Files) -> anyhow::Result<()> {
    let pipe = pipe(house, "changed").await?;
    let (words, broken) = (["import", &pipe.display().to_string()], [&files.half[..], b"{}\n"].concat());
    let (why, _open) = tokio::try_join!(house.fails(&words, 3), is_given(house, &pipe, files, &broken))?;
    ensure!(why.contains("was changed while it was imported, and a part of it is in the store"), "{why}");
    ensure!(house.keys().await? >= STORED, "no part of it is in the store");
    is_refused(house, &files.small).await?;
    house.loses_its_store().await?;
    house.imports(&files.small).await
}

/// Nothing but the import that was interrupted may have the store as it is.
async fn is_refused(house: &House, another: &Path) -> anyhow::Result<()> {
    let file = house.path("of-a-half.jsonl").display().to_string();
    house.does_not_start().await?;
    for words in
        [&["export", "--to", &file][..], &["verify", "--all"], &["import", &another.display().to_string()]]
    {
        let why = house.fails(words, 5).await?;
        ensure!(why.contains("interrupted"), "bank {}: {why}", words.join(" "));
    }
    ensure!(!Path::new(&file).exists(), "an export of a half is there");
    Ok(())
}

/// All of it is there, once, and old keys are known.
async fn is_whole(house: &mut House, files: &Files) -> anyhow::Result<()> {
    let there = house.exports("resumed.jsonl").await?;
    ensure!(lines(&there)? == lines(&files.large)?, "it is not what was imported");
    house.start_banks().await?;
    for user in &files.users {
        let again = deposit(&house.client(), user, 1).await.is(200);
        let balance = house.client().balance(user).await;
        ensure!(balance == format!("{OPERATIONS}.00"), "{user} has {balance}: {again}");
    }
    house.stop_banks().await
}

/// Waits until so many keys are stored.
async fn has(house: &House, keys: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    while house.keys().await? < keys {
        ensure!(begun.elapsed() < PATIENCE, "{} keys are stored, and no {keys}", house.keys().await?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn pipe(house: &House, name: &str) -> anyhow::Result<PathBuf> {
    let path = house.path(name);
    let made = Command::new("mkfifo").arg(&path).status().await?;
    ensure!(made.success(), "mkfifo {}", path.display());
    Ok(path)
}

/// The pipe gives all of the file, and ends; once the import has checked that, it gives `half`, and stays open.
async fn is_given(house: &House, pipe: &Path, files: &Files, half: &[u8]) -> anyhow::Result<Sender> {
    drop(gives(pipe, &std::fs::read(&files.large)?).await?);
    has(house, 1).await?;
    gives(pipe, half).await
}

/// Whoever opens the pipe is given these bytes.
async fn gives(pipe: &Path, bytes: &[u8]) -> anyhow::Result<Sender> {
    let begun = Instant::now();
    loop {
        match OpenOptions::new().open_sender(pipe) {
            Ok(mut sender) => {
                sender.write_all(bytes).await?;
                return Ok(sender);
            }
            // Nobody reads yet.
            Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => return Err(error).context("nobody reads the pipe"),
        }
    }
}

impl Files {
    /// Exports two users' money, and puts so many wallets between them.
    pub async fn make(house: &House, wallets: usize) -> anyhow::Result<Self> {
        let users = [fresh("a"), fresh("z")];
        for user in &users {
            for n in 1..=OPERATIONS {
                deposit(&house.client(), user, n).await.is(200);
            }
        }
        let small = house.exports("small.jsonl").await?;
        let text = std::fs::read_to_string(&small)?;
        let split = text.lines().position(|line| line.contains(&format!("\"user\":\"{}\"", users[1])));
        let mut rest: Vec<&str> = text.lines().collect();
        let last = rest.split_off(split.context("the second user is not in the export")?);
        let mark = r#"{"seq":0,"balance":"0.00","hash":"HASH"}"#.replace("HASH", &"0".repeat(64));
        let wallet = NEW.replace("MARK", &mark);
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
        let large = house.path("large.jsonl");
        std::fs::write(&large, ended(&all)?)?;
        Ok(Self { small, large, half: half.into_bytes(), users })
    }
}

/// These lines, and the last one, which says how many they are and their checksum.
fn ended(lines: &[String]) -> anyhow::Result<String> {
    let mut text = lines.join("\n") + "\n";
    let mut sha256 = String::new();
    for byte in Sha256::digest(&text) {
        write!(sha256, "{byte:02x}")?;
    }
    writeln!(text, r#"{{"kind":"end","lines":{},"sha256":"{sha256}"}}"#, lines.len())?;
    Ok(text)
}
