//! A minimal HTTP/1.1 client: one request, one connection, unless a test keeps it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A connection that is kept.
pub struct Connection<S: Read = TcpStream>(BufReader<S>);

impl Connection {
    pub fn open(address: &str) -> Self {
        Self::over(connect(address))
    }
}

/// TCP, without Nagle's delay and without waiting for ever.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl<S: Read + Write> Connection<S> {
    /// A connection over any stream, such as TLS.
    pub fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Reads a response; none when the connection is closed instead.
    pub fn response(&mut self, has_body: bool) -> Option<Response> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => lines.push(line.trim_end().to_owned()),
            }
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &String| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers = lines[1..].iter().map(header).collect();
        let mut response = Response { status, headers, body: String::new() };
        if has_body {
            response.body = String::from_utf8(self.body(&response)).unwrap();
        }
        Some(response)
    }

    fn body(&mut self, response: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        match response.header("content-length") {
            Some(length) => {
                body.resize(length.parse().unwrap(), 0);
                self.0.read_exact(&mut body).unwrap();
            }
            None => loop {
                let mut size = String::new();
                self.0.read_line(&mut size).unwrap();
                let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
                self.0.read_exact(&mut chunk).unwrap();
                body.extend_from_slice(&chunk[..chunk.len() - 2]);
                if chunk.len() == 2 {
                    break;
                }
            },
        }
        body
    }
}

/// A GET.
pub fn get(address: &str, path: &str) -> Response {
    request(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n")).expect("no response")
}

/// Any request; none when the server hangs up.
pub fn request(address: &str, text: &str) -> Option<Response> {
    let mut connection = Connection::open(address);
    connection.send(text.as_bytes());
    connection.response(!text.starts_with("HEAD"))
}
