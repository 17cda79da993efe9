//! The HTTP server: connections, and their end.
//!
//! HTTP/1.1 with keep-alive and without Nagle's delay. SIGINT and SIGTERM stop it: no new connections,
//! idle ones are closed, requests in flight get 30 seconds; a second signal ends the process at once.

use crate::answer::App;
use crate::component::InFlight;
use crate::spin_headers;
use anyhow::Context as _;
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const DRAIN: Duration = Duration::from_secs(30);
/// For the headers of a request, and so for how long a connection may be idle before it.
const READ_HEADERS: Duration = Duration::from_secs(75);
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves until a signal comes, and then until nothing is in flight any more.
pub async fn serve(listener: TcpListener, app: Arc<App>) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (stop, stopping) = watch::channel(());
    let (in_flight, mut drained) = mpsc::channel::<Infallible>(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let connection = Connection {
                        app: app.clone(),
                        client: spin_headers::client_addr(client),
                        in_flight: in_flight.clone(),
                    };
                    tokio::spawn(connection.serve(stream, stopping.clone()));
                }
                Err(error) => {
                    eprintln!("Warning: cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            () = signals.next() => break,
        }
    }
    drop((listener, in_flight, stopping));
    let _ = stop.send(());
    tokio::select! {
        drained = timeout(DRAIN, drained.recv()) => {
            if drained.is_err() {
                eprintln!("Warning: requests are still in flight after {} s", DRAIN.as_secs());
            }
            Ok(())
        }
        () = signals.next() => anyhow::bail!("stopped by a second signal"),
    }
}

/// A connection, with what each of its requests needs.
struct Connection {
    app: Arc<App>,
    client: HeaderValue,
    in_flight: InFlight,
}

impl Connection {
    async fn serve(self, stream: TcpStream, mut stopping: watch::Receiver<()>) {
        // Without it an answer could wait for the client's delayed acknowledgement (design 3).
        let _ = stream.set_nodelay(true);
        let this = &self;
        let service = service_fn(move |request| async move {
            Ok::<_, Infallible>(this.app.answer(request, &this.client, &this.in_flight).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // Errors here are the client's: it went away, or does not speak HTTP and was told so.
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
