//! A proxy between a bank and its Redis: an address that leads elsewhere after a failover, and that is slow to
//! reach.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

/// A proxy. New connections go where it leads now, old ones stay where they are.
pub struct Proxy {
    pub port: u16,
    target: Arc<AtomicU16>,
}

impl Proxy {
    /// To a port, with this delay each way.
    pub fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(port));
        let leads = target.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if let Ok(server) = TcpStream::connect(("127.0.0.1", leads.load(Ordering::SeqCst))) {
                    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                    std::thread::spawn(move || pump(client, server, delay));
                    std::thread::spawn(move || pump(back.0, back.1, delay));
                }
            }
        });
        Self { port: own, target }
    }

    /// Leads new connections to this port from now on.
    pub fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut bytes = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        std::thread::sleep(delay);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A server that gives every command the same answer: its port, and how often somebody connected.
pub fn server_that_answers(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let connected = Arc::new(AtomicUsize::new(0));
    let counted = connected.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 65536];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    // Each command begins with the number of its words.
                    let commands = bytes[..length].iter().filter(|byte| **byte == b'*').count();
                    if stream.write_all(answer.repeat(commands).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, connected)
}

/// A server that answers every command with whether an `ASKING` came right before it: its port.
pub fn server_that_reports_asking() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let mut asked = false;
                while let Some(words) = lines.next().and_then(|line| line.strip_prefix('*')?.parse().ok()) {
                    // In front of each word is its length.
                    let words: Vec<String> = lines.by_ref().skip(1).step_by(2).take(words).collect();
                    let asks = words.first().is_some_and(|word| word == "ASKING");
                    let answer =
                        if std::mem::replace(&mut asked, asks) { "+asked\r\n" } else { "+plain\r\n" };
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}
