//! A Redis of the test's own, behind a socket in a temporary folder, and one connection to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test helper")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Connection, Value};
use store::redis::model::Stored;
use store::redis::script;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    process: Child,
    connection: Connection,
    _folder: TempDir,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
        let process = command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("redis-server does not start: {error}"));
        Self { connection: connected(&socket), process, _folder: folder }
    }

    /// Gives a command of the script's; its answer, flat, as a host gives it.
    pub fn ask(&mut self, command: &str, arguments: Vec<Vec<u8>>) -> Vec<script::ReplyValue> {
        let Value::Array(values) = redis::cmd(command).arg(arguments).query(&mut self.connection).unwrap()
        else {
            panic!("the script answers by an array");
        };
        values.into_iter().map(value).collect()
    }

    pub fn say(&mut self, words: &[&str]) -> Value {
        let (command, arguments) = words.split_first().unwrap();
        redis::cmd(command).arg(arguments).query(&mut self.connection).unwrap()
    }

    /// Lets keys hold this, and all others nothing.
    pub fn hold(&mut self, keys: &BTreeMap<&'static str, Stored>) {
        let mut all = redis::pipe();
        all.cmd("FLUSHALL");
        for (key, held) in keys {
            match held {
                Stored::Nothing => {}
                Stored::Bytes(bytes) => drop(all.cmd("SET").arg(key).arg(bytes)),
                Stored::Foreign => drop(all.cmd("RPUSH").arg(key).arg("foreign")),
            }
        }
        all.exec(&mut self.connection).unwrap();
    }

    pub fn holds(&mut self, key: &str) -> Stored {
        match self.say(&["TYPE", key]) {
            Value::SimpleString(kind) if kind == "none" => Stored::Nothing,
            Value::SimpleString(kind) if kind == "string" => match self.say(&["GET", key]) {
                Value::BulkString(bytes) => Stored::Bytes(bytes),
                other => panic!("{key}: {other:?}"),
            },
            _ => Stored::Foreign,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connected(socket: &Path) -> Connection {
    let begun = Instant::now();
    let client = redis::Client::open(format!("unix://{}", socket.display())).unwrap();
    loop {
        match client.get_connection() {
            Ok(connection) => return connection,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "Redis does not answer: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn value(value: Value) -> script::ReplyValue {
    match value {
        Value::Nil => script::ReplyValue::Nil,
        Value::Int(code) => script::ReplyValue::Code(code),
        Value::BulkString(bytes) => script::ReplyValue::Bytes(bytes),
        Value::SimpleString(text) => script::ReplyValue::Bytes(text.into_bytes()),
        other => panic!("a host would not hand this on: {other:?}"),
    }
}
