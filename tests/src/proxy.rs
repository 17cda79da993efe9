//! A TCP proxy between a bank and its Redis that fails on command.
//!
//! It does to connections what networks do ([`ProxyMode`]). No bytes are lost in the middle of a connection that lives
//! on: a swallowed answer ends with its connection, a held one is delivered later. Two facts of Linux help: a
//! socket closed with a linger of zero resets its connection, and a listener whose queue is full drops new
//! connections silently.

use anyhow::Context as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// The time within which a connection on this machine is made, if at all.
const CONNECT_WITHIN: Duration = Duration::from_millis(200);
const CHUNK_BYTES: usize = 64 * 1024;

/// What happens to connections, open and new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    /// Nothing.
    Pass,
    /// Open ones are reset, new ones refused.
    Refuse,
    /// Packets are dropped: nothing is answered, not even new connections.
    Vanish,
    /// Requests arrive this much later.
    Late(Duration),
    /// Bytes in this direction wait until the mode changes.
    Hold(Direction),
    /// Bytes in this direction are thrown away; at the end the connection is reset.
    Swallow(Direction),
    /// The bank sees that no answer will come; its requests still arrive.
    HalfClose,
}

/// The direction in which bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    FromBank,
    ToBank,
    Both,
}

impl Direction {
    fn covers(self, other: Self) -> bool {
        self == other || self == Self::Both
    }
}

/// Ends, with all its connections, when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    orders: watch::Sender<ProxyState>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct ProxyState {
    mode: ProxyMode,
    /// Where new connections lead.
    target: SocketAddr,
    /// How often connections were cut; they are reset when it changes.
    cut: u64,
}

impl Proxy {
    /// On a free port.
    pub async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (orders, given) = watch::channel(ProxyState { mode: ProxyMode::Pass, target, cut: 0 });
        let task = tokio::spawn(serve(Some(listener), address, given));
        Ok(Self { address, orders, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, mode: ProxyMode) {
        self.orders.send_modify(|order| {
            let ends = mode == ProxyMode::Refuse || matches!(order.mode, ProxyMode::Swallow(_));
            *order = ProxyState { mode, cut: order.cut + u64::from(ends), ..*order };
        });
    }

    /// Leads new connections to `target`; open ones stay as they are.
    pub fn lead_to(&self, target: SocketAddr) {
        self.orders.send_modify(|order| order.target = target);
    }

    /// Resets every open connection.
    pub fn cut(&self) {
        self.orders.send_modify(|order| order.cut += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens as the mode says, and carries the connections.
async fn serve(
    mut listener: Option<TcpListener>,
    address: SocketAddr,
    mut orders: watch::Receiver<ProxyState>,
) {
    let mut connections = JoinSet::new();
    loop {
        let mode = orders.borrow_and_update().mode;
        let mut crowd = None;
        match mode {
            ProxyMode::Refuse => listener = None,
            ProxyMode::Vanish => {
                listener = None;
                crowd = full(address).await;
            }
            _ if listener.is_none() => listener = listen(address).await,
            _ => (),
        }
        while !orders.has_changed().unwrap_or(true) {
            tokio::select! {
                Some(Ok((bank, _))) = accepted(listener.as_ref()) => {
                    connections.spawn(carry(bank, orders.clone()));
                }
                Some(_) = connections.join_next() => (),
                changed = orders.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    orders.mark_changed();
                }
            }
        }
        drop(crowd);
    }
}

async fn accepted(listener: Option<&TcpListener>) -> Option<std::io::Result<(TcpStream, SocketAddr)>> {
    match listener {
        Some(listener) => Some(listener.accept().await),
        None => std::future::pending().await,
    }
}

/// Listens at the old address, whose port is free only for a moment.
async fn listen(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..50 {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    eprintln!("the proxy's port {address} was taken meanwhile");
    None
}

/// A listener whose queue is full, and the connections that fill it.
async fn full(address: SocketAddr) -> Option<(TcpListener, Vec<TcpStream>)> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(address).ok()?;
    let listener = socket.listen(1).ok()?;
    let mut crowd = Vec::new();
    while let Ok(Ok(stream)) = timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
        crowd.push(stream);
    }
    Some((listener, crowd))
}

/// One connection, until either side ends it or it is cut.
async fn carry(mut bank: TcpStream, orders: watch::Receiver<ProxyState>) -> anyhow::Result<()> {
    let _ = bank.set_nodelay(true);
    let ProxyState { cut: begun, target, .. } = *orders.borrow();
    let cut = {
        let (asked, answers) = bank.split();
        let mut cut = orders.clone();
        tokio::select! {
            ended = both(asked, answers, target, orders) => ended.is_err(),
            _ = cut.wait_for(|order| order.cut != begun) => true,
        }
    };
    if cut {
        bank.set_zero_linger()?;
    }
    Ok(())
}

async fn both(
    asked: ReadHalf<'_>,
    answers: WriteHalf<'_>,
    target: SocketAddr,
    orders: watch::Receiver<ProxyState>,
) -> anyhow::Result<()> {
    let mut redis = TcpStream::connect(target).await.context("Redis is not there")?;
    redis.set_nodelay(true)?;
    let (from_redis, to_redis) = redis.split();
    tokio::try_join!(
        pump(asked, to_redis, Direction::FromBank, orders.clone()),
        pump(from_redis, answers, Direction::ToBank, orders),
    )?;
    Ok(())
}

/// Carries bytes one way, as the mode says.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Direction,
    mut orders: watch::Receiver<ProxyState>,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut closing = orders.clone();
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read?,
            _ = closing.wait_for(|order| order.mode == ProxyMode::HalfClose && way == Direction::ToBank) => 0,
        };
        let mode = orders.wait_for(|order| !holds(order.mode, way)).await.map(|order| order.mode);
        if read == 0 {
            to.shutdown().await?;
            tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
            return Ok(());
        }
        match mode {
            Ok(ProxyMode::Late(delay)) if way == Direction::FromBank => sleep(delay).await,
            Ok(ProxyMode::Swallow(swallowed)) if swallowed.covers(way) => continue,
            _ => (),
        }
        to.write_all(&chunk[..read]).await?;
    }
}

fn holds(mode: ProxyMode, way: Direction) -> bool {
    match mode {
        ProxyMode::Hold(held) => held.covers(way),
        ProxyMode::Vanish => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
