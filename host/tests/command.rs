//! `bank --version` and `bank health`, which people and container engines run.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{bank, manifest};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bank"))
        .env_remove("SPIN_HTTP_LISTEN_ADDR")
        .args(arguments)
        .output()
        .unwrap()
}

/// What `bank health` prints to stderr, which names the address; nothing if the bank is healthy.
fn health_error(address: &str, more: &[&str]) -> String {
    let asked = run(&[&["health", "--listen", address], more].concat());
    let said = String::from_utf8(asked.stderr).unwrap();
    assert_eq!(asked.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn the_version_is_that_of_cargo_toml_with_the_commit_that_make_names() {
    let version = env!("CARGO_PKG_VERSION");
    let commit =
        option_env!("BANK_COMMIT").filter(|commit| !commit.is_empty()).map(|commit| format!(" ({commit})"));
    let said = run(&["--version"]).stdout;
    assert_eq!(String::from_utf8(said).unwrap(), format!("bank {version}{}\n", commit.unwrap_or_default()));
}

#[test]
fn a_bank_that_serves_is_healthy() {
    let bank = bank(&manifest(""), &[]);
    assert_eq!(health_error(&bank.address, &["--path", "/exact/healthz"]), "");
}

#[test]
fn a_bank_that_refuses_stalls_or_is_away_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = std::thread::spawn(move || {
        for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "SSH-2.0\r\n", ""] {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.read(&mut [0; 200]).unwrap();
            client.write_all(answer.as_bytes()).unwrap();
            // The last one hears nothing, and goes by itself.
            if answer.is_empty() {
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            }
        }
    });
    let url = format!("Error: http://{address}/healthz");
    assert_eq!(health_error(&address, &[]), format!("{url} answers 503\n"));
    assert_eq!(health_error(&address, &[]), format!("{url} answers no HTTP\n"));
    assert!(health_error(&address, &[]).starts_with(&format!("{url} does not answer: ")));
    answers.join().unwrap();
    assert!(health_error(&address, &[]).contains("Connection refused"));
}
