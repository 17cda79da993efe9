//! `bank health`: asks a bank that runs on this machine whether it is alive, for images that hold no curl. It reads one status
//! line, and knows nothing of the application but the path.

use crate::cli::Health;
use anyhow::{Context as _, bail};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A status line is shorter.
const LONGEST: u64 = 200;

/// Succeeds where the answer is 200.
pub fn health(options: &Health) -> anyhow::Result<()> {
    let url = format!("http://{}{}", options.listen, options.path);
    let line = ask(options).with_context(|| format!("{url} does not answer"))?;
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("{url} answers {status}"),
        None => bail!("{url} answers no HTTP"),
    }
}

/// The first line of what is answered.
fn ask(options: &Health) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&options.listen, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let (path, host) = (&options.path, options.listen);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(connection.take(LONGEST)).read_line(&mut line)?;
    Ok(line)
}
