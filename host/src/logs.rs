//! What components write to stdout and stderr goes to the runner's stderr, line by line, with the name of the
//! component.
//!
//! A line that is a JSON object stays one, and gets a first member `component` unless it has one. Any other line
//! gets `[component] ` in front. Lines of different instances and requests never mix. A line longer than 64 KiB is
//! cut into several. Empty lines are dropped.

use crate::telemetry::Telemetry;
use bytes::Bytes;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

const LONGEST_LINE: usize = 64 * 1024;

/// The output of one instance. Clones share the unfinished line, since a guest opens its stderr anew for every write.
#[derive(Clone)]
pub struct ComponentLog {
    component: Arc<str>,
    telemetry: Arc<Telemetry>,
    line: Arc<Mutex<Vec<u8>>>,
}

impl ComponentLog {
    /// The log of a new instance.
    pub fn new(component: Arc<str>, telemetry: Arc<Telemetry>) -> Self {
        Self { component, telemetry, line: Arc::default() }
    }

    /// Adds what the guest wrote, and passes on the lines that are complete now.
    pub fn write(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.ends_with(b"\n") || line.len() >= LONGEST_LINE {
                self.print(&line);
                line.clear();
            }
        }
    }

    /// Passes on a last line that was never finished.
    pub fn finish(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.is_empty() {
            self.print(&line);
            line.clear();
        }
    }

    fn print(&self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        // If stderr is gone, there is nowhere to report it.
        let _ = std::io::stderr().lock().write_all(&attributed(&self.component, line));
        self.telemetry.send_line(&self.component, line.trim_ascii_end());
    }
}

/// A line with its component's name.
fn attributed(component: &str, line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii_end();
    let mut text = Vec::with_capacity(line.len().saturating_add(component.len()).saturating_add(32));
    match line.strip_prefix(b"{") {
        Some(members) if line.ends_with(b"}") => {
            let empty = members == b"}";
            text.push(b'{');
            if !has_component(members) {
                text.extend_from_slice(b"\"component\":\"");
                text.extend_from_slice(component.as_bytes());
                text.extend_from_slice(if empty { b"\"" } else { b"\"," });
            }
            text.extend_from_slice(members);
        }
        _ => {
            text.push(b'[');
            text.extend_from_slice(component.as_bytes());
            text.extend_from_slice(b"] ");
            text.extend_from_slice(line);
        }
    }
    text.push(b'\n');
    text
}

fn has_component(members: &[u8]) -> bool {
    let name = b"\"component\":";
    members.windows(name.len()).any(|window| window == name)
}

impl IsTerminal for ComponentLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ComponentLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for ComponentLog {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ComponentLog {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for ComponentLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        ComponentLog::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST_LINE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_whose_it_is() {
        for (line, expected) in [
            ("hello\n", "[web] hello\n"),
            ("hello", "[web] hello\n"),
            ("hello\r\n", "[web] hello\n"),
            ("{\"level\":\"info\"}\n", "{\"component\":\"web\",\"level\":\"info\"}\n"),
            ("{}", "{\"component\":\"web\"}\n"),
            ("{\"component\":\"x\"}", "{\"component\":\"x\"}\n"),
            ("{\"cut", "[web] {\"cut\n"),
            ("[1]", "[web] [1]\n"),
        ] {
            let text = String::from_utf8(attributed("web", line.as_bytes())).unwrap();
            assert_eq!(text, expected, "{line:?}");
        }
    }
}
