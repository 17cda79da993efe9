//! `bank verify`: its output for a wallet that the bank's own components made, and for one that something else
//! changed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{Bank, bank_in, http};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("spin.toml")
}

/// The whole bank, after alice has moved money three times.
fn three_entries() -> Bank {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (manifest, state) = (manifest(), folder.path().join("state"));
    let bank =
        bank_in(folder, &["--from", manifest.to_str().unwrap(), "--state-dir", state.to_str().unwrap()]);
    for (path, amount) in [("deposit", "10.50"), ("deposit", "2"), ("withdraw", "0.25")] {
        let body = format!("{{\"amount\":\"{amount}\"}}");
        let request = format!(
            "POST /v1/{path} HTTP/1.1\r\nhost: a\r\nuser_id: alice\r\nidempotency-key: {path}-{amount}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(http::request(&bank.address, &request).unwrap().status, 200);
    }
    bank
}

fn verify(bank: &Bank, user: &str, stdout: Stdio) -> Output {
    let mut command = command(bank, &["--user", user]);
    command.stdout(stdout);
    command.spawn().unwrap().wait_with_output().unwrap()
}

fn command(bank: &Bank, words: &[&str]) -> Command {
    let state = bank.folder.path().join("state");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank"));
    command.arg("verify").args(words).arg("--from").arg(manifest()).arg("--state-dir").arg(state);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_sound_wallet_is_reported_with_its_balance_beside_a_running_bank() {
    let bank = three_entries();
    let checked = verify(&bank, "alice", Stdio::piped());
    assert!(checked.status.success());
    let report = text(checked.stdout);
    assert!(report.starts_with("alice: 3 entries in 0 pages and the wallet, "), "{report}");
    assert!(report.contains("\nbalance 12.25\n"), "{report}");
    let nobody = verify(&bank, "bob", Stdio::piped());
    assert!(nobody.status.success() && text(nobody.stdout).contains("\nbalance 0.00\n"));
}

#[test]
fn a_wallet_that_somebody_changed_is_broken_and_the_exit_code_says_so() {
    let bank = three_entries();
    let file = bank.folder.path().join("state/sqlite_key_value.db");
    let stored = rusqlite::Connection::open(file).unwrap();
    let changed = stored.execute(
        "UPDATE spin_key_value SET value = CAST(replace(CAST(value AS TEXT), '10.50', '90.50') AS BLOB) \
         WHERE key LIKE '%alice%'",
        [],
    );
    assert!(changed.unwrap() > 0);
    let checked = verify(&bank, "alice", Stdio::piped());
    assert_eq!(checked.status.code(), Some(3));
    let error = text(checked.stderr);
    assert!(error.contains("the wallet of alice is broken: entries 1 to "), "{error}");
}

#[test]
fn a_file_of_sqlite_that_the_disk_damaged_is_broken_and_no_other_try_is_asked_for() {
    let bank = three_entries();
    let path = bank.folder.path().join("state/sqlite_key_value.db");
    let stored = rusqlite::Connection::open(&path).unwrap();
    let _: i64 = stored.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // The first page says what the file is.
    for sound in [4_096, 0] {
        let mut damaged = whole.clone();
        damaged[sound..].fill(0x5a);
        std::fs::write(&path, damaged).unwrap();
        let checked = command(&bank, &["--all"]).stdout(Stdio::piped()).output().unwrap();
        let error = text(checked.stderr);
        assert_eq!(checked.status.code(), Some(3), "{error}");
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let bank = three_entries();
    let checked = command(&bank, &["--all"]).env("TMPDIR", "/not/there").output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let error = text(checked.stderr);
    assert!(error.contains("cannot write a temporary file in /not/there (TMPDIR)"), "{error}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_and_no_panic() {
    let bank = three_entries();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let checked = verify(&bank, "alice", full.into());
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(checked.stderr).contains("cannot write the report"));
}
