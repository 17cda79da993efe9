//! What the tests of a running `bank` share: the guest component, a `bank` on a free port, a small HTTP client, a
//! Redis.
//!
//! Nothing is skipped: without `cargo` and the wasm32-wasip2 target, or without `redis-server`, the tests that need
//! them fail and say so.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "the same"
)]

pub mod collector;
pub mod http;
pub mod proxy;
pub mod redis;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The guest component, built once per test program.
pub fn guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--package", "bank-guest"])
            .current_dir(root)
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the guest component cannot be built: rustup target add wasm32-wasip2"
        );
        root.join("target/wasm32-wasip2/release/bank_guest.wasm")
    })
}

/// A manifest with the guest on every path, and these lines in its `[component.guest]` table.
pub fn manifest(lines: &str) -> String {
    format!(
        "spin_manifest_version = 2\n\
         [application]\n\
         name = \"guest\"\n\
         version = \"1.2.3\"\n\
         [variables]\n\
         word = {{ default = \"hello\" }}\n\
         [[trigger.http]]\n\
         route = \"/...\"\n\
         component = \"guest\"\n\
         [[trigger.http]]\n\
         route = \"/exact/:name\"\n\
         component = \"guest\"\n\
         [component.guest]\n\
         source = {:?}\n\
         key_value_stores = [\"default\"]\n\
         {lines}\n",
        guest()
    )
}

/// A running `bank`; dropped, it is killed.
pub struct Bank {
    /// The folder that the manifest is in.
    pub folder: Arc<TempDir>,
    /// `127.0.0.1:port`
    pub address: String,
    /// What it wrote to stdout before it served.
    pub announced: String,
    child: Child,
    stderr: Arc<Mutex<String>>,
}

/// A `bank` with this manifest and these further arguments, once it serves.
pub fn bank(manifest: &str, arguments: &[&str]) -> Bank {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    bank_in(folder, arguments)
}

/// A `bank` in a folder that has a manifest.
pub fn bank_in(folder: Arc<TempDir>, arguments: &[&str]) -> Bank {
    let command = command(folder.path(), arguments);
    serving(folder, command)
}

/// A `bank` with this manifest and a variable of its environment.
pub fn bank_with(manifest: &str, variable: &str, value: &str) -> Bank {
    bank_of(manifest, &[], &[(variable, value)])
}

/// A `bank` with this manifest, these further arguments and variables of its environment.
pub fn bank_of(manifest: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Bank {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    let mut command = command(folder.path(), arguments);
    command.envs(environment.iter().copied());
    serving(folder, command)
}

/// A `bank` that some command starts.
pub fn serving(folder: Arc<TempDir>, mut command: Command) -> Bank {
    let mut child = command.spawn().unwrap();
    let stderr = Arc::new(Mutex::new(String::new()));
    collect(child.stderr.take().unwrap(), stderr.clone());
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut announced = String::new();
    // Whatever follows "Serving" has been written at once.
    while !announced.contains("Available Routes:") {
        if lines.read_line(&mut announced).unwrap() == 0 {
            child.wait().unwrap();
            panic!("bank did not start: {}", stderr.lock().unwrap());
        }
    }
    let address = announced.split("://").nth(1).unwrap().lines().next().unwrap().to_owned();
    Bank { folder, address, announced, child, stderr }
}

/// A `bank` that need not serve yet.
pub fn starting(manifest: &str, arguments: &[&str]) -> Bank {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    let mut child = command(folder.path(), arguments).spawn().unwrap();
    let stderr = Arc::new(Mutex::new(String::new()));
    collect(child.stderr.take().unwrap(), stderr.clone());
    Bank { folder, address: String::new(), announced: String::new(), child, stderr }
}

/// What `bank` prints when it does not start.
pub fn refused(manifest: &str, arguments: &[&str]) -> String {
    refusal(manifest, |command| command.args(arguments))
}

/// The same, with variables of its environment.
pub fn refused_with(manifest: &str, environment: &[(&str, &str)]) -> String {
    refusal(manifest, |command| command.envs(environment.iter().copied()))
}

fn refusal(manifest: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    let output = with(&mut command(folder.path(), &[])).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "bank started");
    String::from_utf8(output.stderr).unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank"));
    command
        .arg("up")
        .args(arguments)
        .env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn collect(mut from: impl std::io::Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    });
}

impl Bank {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The body of a GET that is answered with 200.
    pub fn get(&self, path: &str) -> String {
        let response = http::get(&self.address, path);
        assert_eq!(response.status, 200, "{path}: {response:?}\n{}", self.stderr());
        response.body
    }

    /// All that it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until stderr contains something.
    pub fn wait_for_stderr(&self, text: &str) {
        let found = within(Duration::from_secs(5), || self.stderr().contains(text));
        assert!(found, "`{text}` is not in:\n{}", self.stderr());
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end and returns the exit code.
    pub fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        let mut status = None;
        within(limit, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("bank still runs").code()
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Whether something comes true in time.
pub fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    condition()
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
