//! A real Redis server on a free port, which saves nothing.

use super::{free_port, signal, within};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server; dropped, it is killed.
pub struct Redis {
    pub port: u16,
    child: Child,
}

impl Redis {
    /// Starts on a free port. Another test may take that port first; then the next one is tried.
    pub fn start() -> Self {
        let started = (0..10).find_map(|_| Self::spawned(free_port()));
        started.expect("redis-server does not start")
    }

    /// Starts on a port where one was before.
    pub fn start_on(port: u16) -> Self {
        Self::spawned(port).unwrap_or_else(|| panic!("redis-server does not start on {port}"))
    }

    /// `None` where something else has the port.
    fn spawned(port: u16) -> Option<Self> {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--dir", &std::env::temp_dir().display().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is no `redis-server` here: apt-get install redis-server");
        let mut redis = Self { port, child };
        let ended = within(Duration::from_secs(10), || redis.has_ended() || redis.answers());
        (ended && !redis.has_ended()).then_some(redis)
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Whether this very process answers on the port.
    fn answers(&self) -> bool {
        let said = || -> io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"INFO server\r\nQUIT\r\n")?;
            let mut said = String::new();
            stream.read_to_string(&mut said).map(|_| said)
        };
        said().is_ok_and(|said| said.contains(&format!("process_id:{}\r\n", self.child.id())))
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A runtime config file with this server behind `default`.
    pub fn runtime_config(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", self.url());
        std::fs::write(file.path(), text).unwrap();
        file
    }

    /// Stops it by a signal, so that it hangs.
    pub fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }

    pub fn thaw(&self) {
        signal(self.child.id(), "CONT");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
