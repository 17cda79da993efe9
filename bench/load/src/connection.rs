//! One connection: a request, its answer, the next.

use crate::pace::Pace;
use crate::record::Record;
use crate::workload::Workload;
use std::cell::RefCell;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEADERS: usize = 32;

/// Takes turns until the end; connects again where the server hangs up.
pub async fn drive(
    address: SocketAddr,
    workload: Rc<RefCell<Workload>>,
    pace: Rc<Pace>,
    record: Rc<RefCell<Record>>,
) {
    let mut connection = None;
    let mut request = Vec::new();
    while let Some(due) = pace.turn().await {
        request.clear();
        let Some(allowed) = workload.borrow_mut().next(&mut request) else { return };
        let sent = Instant::now();
        match exchange(&mut connection, address, &request).await {
            Ok(answer) if answer.is_refusal() => record.borrow_mut().refused(sent),
            Ok(Answer { status, .. }) if allowed.contains(&status) => record.borrow_mut().answered(due),
            Ok(answer) => record.borrow_mut().wrong(&answer.bytes),
            Err(error) => {
                connection = None;
                record.borrow_mut().failed(&error);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
}

struct Answer {
    status: u16,
    /// Empty, but for what will be shown.
    bytes: Vec<u8>,
}

impl Answer {
    /// Whether it says that nothing was done, and when to come again.
    fn is_refusal(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        self.status == 503 && text.contains("retry-after: ") && text.contains(r#""outcome":"none""#)
    }
}

async fn exchange(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    request: &[u8],
) -> Result<Answer> {
    if connection.is_none() {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        *connection = Some(Connection { stream, bytes: Vec::with_capacity(16 * 1024) });
    }
    let Some(open) = connection.as_mut() else { return Err(ErrorKind::NotConnected.into()) };
    open.stream.write_all(request).await?;
    open.bytes.clear();
    let (status, stays) = open.read_answer().await?;
    let bytes = if status < 300 { Vec::new() } else { open.bytes.clone() };
    if !stays {
        *connection = None;
    }
    Ok(Answer { status, bytes })
}

impl Connection {
    /// The status, and whether the connection can be used again.
    async fn read_answer(&mut self) -> Result<(u16, bool)> {
        loop {
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut answer = httparse::Response::new(&mut headers);
            let parsed = answer.parse(&self.bytes).map_err(invalid)?;
            let httparse::Status::Complete(head) = parsed else { continue };
            let header = |name: &str| {
                let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.and_then(|header| std::str::from_utf8(header.value).ok())
            };
            let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
            let Some(length) = length else { return Err(invalid("an answer without content-length")) };
            let stays = header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
            let status = answer.code.unwrap_or_default();
            while self.bytes.len() < head + length {
                if self.stream.read_buf(&mut self.bytes).await? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok((status, stays));
        }
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
