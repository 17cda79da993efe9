//! Redis: one connection to each server, shared by all that the components ask of it.
//!
//! It is made when it is first needed, so `bank` starts while Redis is down. When it breaks or does not
//! answer it is given up, and a new one is made. Every command ends within 400 ms: while no
//! connection can be made, commands fail at once, and it is tried again ten times a second for as long as
//! anybody asks. So the first command after Redis is back succeeds, or one a moment later.
//!
//! Every command is a task of its own. Waiting inside the guest's future would be fatal: while an instance
//! is in a synchronous call it polls none of its other calls, and one of those could be next in line for
//! the very lock or buffer that the call waits for.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, RedisError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Shorter than the half second that a request has for storage: a synchronous call that Redis leaves
/// hanging holds up its whole instance (design 5, fact 6), and that instance must still answer in time.
const ANSWER: Duration = Duration::from_millis(400);
const CONNECT: Duration = ANSWER;
/// Whoever asks so soon after a connection could not be made is told the same at once.
const PAUSE: Duration = Duration::from_millis(100);
/// A failure older than this is no longer believed: whoever asks waits for a new connection.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// A Redis server, and the way to it.
#[derive(Clone)]
pub struct Server(Arc<Line>);

struct Line {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// How many connections there have been, to know one from the next.
    number: u64,
    failed: Option<(Instant, RedisError)>,
    /// Tells when the attempt that is being made has ended.
    attempt: Option<watch::Receiver<()>>,
}

/// What a command finds.
enum Way {
    Open(MultiplexedConnection, u64),
    Shut(RedisError),
    Opening(watch::Receiver<()>),
}

impl Server {
    /// The server at an address, to which nothing connects yet.
    pub fn new(info: ConnectionInfo) -> anyhow::Result<Self> {
        // A peer that vanished without a word is noticed by the kernel.
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(ANSWER);
        let client = Client::open(info.set_tcp_settings(tcp))?;
        Ok(Self(Arc::new(Line { client, state: Mutex::default() })))
    }

    /// Makes sure that there is a connection.
    pub async fn connect(&self) -> Result<(), RedisError> {
        self.run(|_| async { Ok(()) }).await
    }

    /// A connection that is nobody else's, made now.
    pub async fn another(&self) -> Result<MultiplexedConnection, RedisError> {
        self.0.client.get_multiplexed_async_connection().await
    }

    /// Runs `command` on the connection, in a task that goes on when nobody waits for it any more. The
    /// connection is given up if the command shows that it is broken.
    pub async fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let line = self.0.clone();
        let task = tokio::spawn(async move {
            let (connection, number) = line.connection().await?;
            let result = command(connection).await;
            if result.as_ref().is_err_and(is_broken) {
                line.give_up(number);
            }
            result
        });
        task.await.unwrap_or_else(|_| Err((ErrorKind::Io, "the command was given up").into()))
    }
}

impl Line {
    async fn connection(self: &Arc<Self>) -> Result<(MultiplexedConnection, u64), RedisError> {
        loop {
            match self.way() {
                Way::Open(connection, number) => return Ok((connection, number)),
                Way::Shut(why) => return Err(why),
                // Whether it ended well or not is in the state.
                Way::Opening(mut attempt) => {
                    let _ = attempt.changed().await;
                }
            }
        }
    }

    /// The way to the server now; begins an attempt to open it where one is due.
    fn way(self: &Arc<Self>) -> Way {
        let mut state = self.state();
        if let Some(connection) = &state.connection {
            return Way::Open(connection.clone(), state.number);
        }
        let failed = state.failed.clone().filter(|(when, _)| when.elapsed() < FORGOTTEN);
        if state.attempt.is_none() && failed.as_ref().is_none_or(|(when, _)| when.elapsed() >= PAUSE) {
            state.attempt = Some(self.clone().attempt());
        }
        match (failed, state.attempt.clone()) {
            (Some((_, why)), _) => Way::Shut(why),
            (None, Some(attempt)) => Way::Opening(attempt),
            (None, None) => Way::Shut((ErrorKind::Io, "no connection").into()),
        }
    }

    /// Connects, in a task that ends with no command: with a deadline shorter than it takes to connect,
    /// nobody would ever be connected.
    fn attempt(self: Arc<Self>) -> watch::Receiver<()> {
        let (ended, attempt) = watch::channel(());
        tokio::spawn(async move {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(ANSWER));
            let connect = self.client.get_multiplexed_async_connection_with_config(&config);
            let connected = tokio::time::timeout(CONNECT, connect).await;
            let connected = connected
                .unwrap_or_else(|_| Err((ErrorKind::Io, "the server did not answer in time").into()));
            let mut state = self.state();
            state.attempt = None;
            match connected {
                Ok(connection) => {
                    state.connection = Some(connection);
                    state.number = state.number.wrapping_add(1);
                    state.failed = None;
                }
                Err(error) => state.failed = Some((Instant::now(), error)),
            }
            drop(state);
            let _ = ended.send(());
        });
        attempt
    }

    fn give_up(&self, number: u64) {
        let mut state = self.state();
        if state.number == number {
            state.connection = None;
        }
    }

    /// Never held across an await, and nothing panics while it is.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) || error.is_unrecoverable_error()
}
