//! The HTTP server: accepts connections, and ends them.
//!
//! HTTP/1.1 with keep-alive and TCP_NODELAY, and with limits on what a client can take ([`ClientLimits`]). SIGINT and
//! SIGTERM stop it: it accepts no new connections, and requests in flight get 30 seconds. A second signal ends the
//! process at once. A connection that its client keeps open is not cut: its next answer says `connection: close`.
//! After SIGTERM it has 2 seconds for that request. After SIGINT there is no such wait, since a person sent it.
//!
//! With `--drain-seconds`, SIGTERM does not stop it yet: for so long it still accepts connections, because load
//! balancers learn only slowly that this bank goes away. It is not ready from the signal on.

use crate::answer::{App, Peer};
use crate::connections::{Connections, OpenConnection};
use crate::guards::ProcessGuard;
use crate::limits::ClientLimits;
use crate::progress::Watched;
use crate::telemetry::CountedConnection;
use anyhow::Context as _;
use http::header::{CONNECTION, HeaderValue};
use http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const IN_FLIGHT_LIMIT: Duration = Duration::from_secs(30);
/// How long an idle connection stays open after SIGTERM, so that no client sends a request into a connection that is
/// just being closed.
const IDLE_AFTER_TERM: Duration = Duration::from_secs(2);
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The buffer for a head, and for a body or answer in transit.
const BUFFER_BYTES: usize = 64 * 1024;
/// How much of an answer the kernel buffers. With more, a client that reads nothing could have megabytes produced for
/// it.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;
/// How often a client's host is probed before it is given up.
const KEEPALIVE_PROBES: u32 = 3;

/// The phase of ending.
#[derive(Clone, Copy)]
enum Ending {
    NotYet,
    Drains,
    /// Connections that are idle for this long are closed.
    After(Duration),
}

/// Serves until one of `signals` comes, then for as long as it `drain`s, and then until nothing is in flight.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Arc<App>,
    limits: &ClientLimits,
    drain: Duration,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let (ending, ends) = watch::channel(Ending::NotYet);
    let (process, mut all_is_answered) = mpsc::channel::<Infallible>(1);
    app.hold_process(&process);
    let idle_for = tokio::select! {
        never = accept(listener, tls, app.clone(), Arc::new(limits.clone()), process, ends) => match never {},
        idle_for = drained(&app, &ending, drain, &mut signals) => idle_for?,
    };
    let _ = ending.send(Ending::After(idle_for));
    tokio::select! {
        answered = timeout(IN_FLIGHT_LIMIT, all_is_answered.recv()) => {
            if answered.is_err() {
                eprintln!("Warning: requests are still in flight after {} s", IN_FLIGHT_LIMIT.as_secs());
            }
            Ok(())
        }
        _ = signals.next() => Err(second_signal()),
    }
}

/// Serves whoever connects.
async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Arc<App>,
    limits: Arc<ClientLimits>,
    process: ProcessGuard,
    ends: watch::Receiver<Ending>,
) -> Infallible {
    let connections = Connections::new(limits.connections());
    let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    loop {
        let (accepted, open) = next(&listener, &connections).await;
        let connection = Connection {
            app: app.clone(),
            client: Peer::new(
                scheme.clone(),
                accepted.local_addr(),
                accepted.peer_addr(),
                open.progress.clone(),
            ),
            tls: tls.clone(),
            process: process.clone(),
            limits: limits.clone(),
            _counted: app.telemetry().connection(),
            open,
        };
        tokio::spawn(connection.serve(accepted, ends.clone()));
    }
}

/// Returns when no more connections are accepted, with the time that idle ones stay open then.
async fn drained(
    app: &App,
    ending: &watch::Sender<Ending>,
    drain: Duration,
    signals: &mut Signals,
) -> anyhow::Result<Duration> {
    let idle_for = signals.next().await;
    app.stop();
    if drain.is_zero() || idle_for.is_zero() {
        return Ok(idle_for);
    }
    let _ = ending.send(Ending::Drains);
    match timeout(drain, signals.next()).await {
        Err(_) => Ok(idle_for),
        Ok(_) => Err(second_signal()),
    }
}

fn second_signal() -> anyhow::Error {
    anyhow::anyhow!("stopped by a second signal")
}

/// The next connection, when there is room for one.
async fn next(listener: &TcpListener, connections: &Connections) -> (TcpStream, OpenConnection) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, connections.admit().await),
            Err(error) => {
                eprintln!("Warning: cannot accept a connection: {error}");
                sleep(ACCEPT_RETRY_PAUSE).await;
            }
        }
    }
}

/// Returns when an idle connection has to be closed because the bank stops.
async fn idle_long_enough(mut ends: watch::Receiver<Ending>) {
    let idle_for = match ends.wait_for(|ending| matches!(ending, Ending::After(_))).await.as_deref() {
        Ok(Ending::After(idle_for)) => *idle_for,
        _ => Duration::ZERO,
    };
    sleep(idle_for).await;
}

/// A connection, and what each of its requests needs.
struct Connection {
    tls: Option<TlsAcceptor>,
    app: Arc<App>,
    client: Peer,
    process: ProcessGuard,
    limits: Arc<ClientLimits>,
    open: OpenConnection,
    _counted: Option<CountedConnection>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, ends: watch::Receiver<Ending>) {
        self.tune(&stream);
        let stream = Watched::new(stream, self.open.progress.clone());
        let Some(tls) = &self.tls else { return self.answer(stream, ends).await };
        if let Some(stream) = self.handshake(tls, stream, ends.clone()).await {
            self.answer(stream, ends).await;
        }
    }

    /// The TLS handshake. `None` if it does not complete in the time that a head may take.
    async fn handshake(
        &self,
        tls: &TlsAcceptor,
        stream: Watched,
        ends: watch::Receiver<Ending>,
    ) -> Option<TlsStream<Watched>> {
        let progress = &self.open.progress;
        let stream = tokio::select! {
            biased;
            // Errors here are the client's.
            done = tls.accept(stream) => done.ok(),
            () = progress.wait_for_end(&self.limits) => None,
            () = idle_long_enough(ends) => None,
        };
        // From here on it is a connection without a request, like any other.
        progress.note_answer();
        stream
    }

    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin, ends: watch::Receiver<Ending>) {
        let (this, progress, ending) = (self, &self.open.progress, &ends);
        let service = service_fn(move |request| async move {
            let mut answer = this.app.answer(request, &this.client, &this.limits, &this.process).await;
            if ending.has_changed().unwrap_or(true) {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        });
        let stream = TokioIo::new(stream);
        // hyper's own limit for heads would apply to idle connections too.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            // A client that has sent its request may close its side, and still gets its answer.
            .half_close(true)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(stream, service);
        let (mut connection, mut ended) = (pin!(connection), pin!(progress.wait_for_end(&self.limits)));
        let mut idle = pin!(idle_long_enough(ends.clone()));
        let mut closes = false;
        loop {
            tokio::select! {
                biased;
                // Errors here are the client's: it went away, or does not speak HTTP and got its 400.
                _ = connection.as_mut() => break,
                () = ended.as_mut() => break,
                () = idle.as_mut(), if !closes => {
                    connection.as_mut().graceful_shutdown();
                    closes = true;
                }
            }
        }
    }

    /// TCP_NODELAY: otherwise an answer could wait for the client's delayed acknowledgement (docs/spin.md, fact 13).
    /// Keepalive: detects that a client's host has vanished.
    fn tune(&self, stream: &TcpStream) {
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        let each = self.limits.tcp_keepalive;
        let keepalive =
            TcpKeepalive::new().with_time(each).with_interval(each).with_retries(KEEPALIVE_PROBES);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}

/// SIGINT and SIGTERM, which no longer end the process by themselves.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens for them from now on.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Ends the process with this code when a signal comes, without waiting for anything. The first process of a
    /// container needs this: the kernel ends it by no signal that it has no handler for.
    pub async fn end_the_process(mut self, code: i32, why: &str) {
        self.next().await;
        eprintln!("{why}");
        std::process::exit(code);
    }

    /// The next signal: how long idle connections stay open after it.
    pub async fn next(&mut self) -> Duration {
        tokio::select! {
            _ = self.interrupt.recv() => Duration::ZERO,
            _ = self.terminate.recv() => IDLE_AFTER_TERM,
        }
    }
}
