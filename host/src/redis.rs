//! Redis: one connection to each server, shared by all calls of all components.
//!
//! It is made when it is first needed, so `bank` starts while Redis is down. It is dropped when it breaks, when it
//! does not answer, when the server answers that it cannot serve (`READONLY`, `LOADING`, `MASTERDOWN`), and when a
//! component closes it. The next command connects again, to wherever the address leads then.
//!
//! A command, like a connection attempt, gets at least as long as a component waits for its store ([`Patience`]).
//! While no connection can be made, commands fail at once, and there is a new attempt ten times a second as long as
//! commands arrive. So the first command after Redis is back succeeds, or one a moment later.
//!
//! Every command is a task of its own. Waiting inside the guest's future would be fatal: while an instance is in a
//! synchronous call it polls none of its other calls, and one of those could be next in line for the very lock or
//! buffer that the call waits for.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind, Value,
};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// Whoever asks so soon after a connection could not be made is told the same at once.
const PAUSE: Duration = Duration::from_millis(100);
/// A failure older than this is no longer believed: whoever asks waits for a new connection.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// To connect takes several round trips, with TLS and a password five: it goes on for so long after those who
/// asked for it have been told that there is none.
const CONNECT: Duration = Duration::from_secs(3);

/// How long `bank` waits for a Redis: as long as components do (`store_timeout_ms` in the manifest).
#[derive(Clone, Copy, Debug)]
pub struct Patience(Duration);

impl Patience {
    /// Where the manifest does not say: what a Money Bank has for storage.
    pub const DEFAULT: Self = Self(Duration::from_millis(500));
    const LEAST: Duration = Duration::from_millis(400);

    /// That of components which wait for so long.
    pub const fn new(of_components: Duration) -> Self {
        Self(of_components)
    }

    /// For an answer.
    fn answer(self) -> Duration {
        self.0.max(Self::LEAST)
    }

    /// For a synchronous call, which holds up its whole instance while it waits (docs/spin.md, fact 6): a little
    /// less than the component has, so that it still answers in time.
    pub fn held_up(self) -> Duration {
        self.0.saturating_sub(self.0.checked_div(5).unwrap_or_default())
    }
}

/// A Redis server, and the way to it.
#[derive(Clone)]
pub struct Server(Arc<Link>);

struct Link {
    client: Client,
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// How many connections there have been, to know one from the next.
    number: u64,
    failed: Option<(Instant, RedisError)>,
    /// When a server last said that it was the wrong one.
    refused: Option<Instant>,
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
    pub fn new(info: ConnectionInfo, patience: Patience) -> anyhow::Result<Self> {
        // A peer that vanished without a word is noticed by the kernel.
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(patience.answer().max(CONNECT));
        let client = Client::open(info.set_tcp_settings(tcp))?;
        Ok(Self(Arc::new(Link { client, patience, state: Mutex::default() })))
    }

    /// Makes sure that there is a connection, and counts as one that has it.
    pub async fn open(&self) -> Result<Opened, RedisError> {
        let opened = self.opened();
        opened.run(|_| async { Ok(()) }).await?;
        Ok(opened)
    }

    /// A connection that is nobody else's, made now.
    pub async fn another(&self) -> Result<MultiplexedConnection, RedisError> {
        self.0.client.get_multiplexed_async_connection().await
    }

    /// Runs `command` on the connection, in a task that goes on when nobody waits for it any more. The
    /// connection is given up if the command shows that it is good for nothing.
    pub async fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        self.opened().run(command).await
    }

    fn opened(&self) -> Opened {
        Opened { server: self.clone(), uses: Arc::default() }
    }
}

/// A connection as a component sees it: its own.
#[derive(Clone)]
pub struct Opened {
    server: Server,
    uses: Arc<Uses>,
}

/// What a component has done with its connection.
#[derive(Default)]
struct Uses {
    /// The numbers of the connections behind it that it used first and last; 0 before that.
    first: AtomicU64,
    last: AtomicU64,
    /// An `ASKING` goes in front of the next command.
    asking: AtomicBool,
    /// The component was told that the connection is not the one that it began with.
    replaced: AtomicBool,
}

impl Opened {
    /// As [`Server::run`].
    pub async fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        self.run_numbered(|connection, _| command(connection)).await
    }

    /// Sends `command`, an `ASKING` right in front of it if the component has said so: another component's command
    /// never comes between the two.
    pub async fn send(&self, command: Cmd) -> Result<Value, RedisError> {
        let asking = self.uses.asking.swap(false, Ordering::Relaxed);
        self.run(move |mut connection| async move {
            if !asking {
                return command.query_async(&mut connection).await;
            }
            let mut both = redis::pipe();
            both.cmd("ASKING").add_command(command);
            let answers = connection.send_packed_commands(&both, 0, 2).await?;
            answers.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
        })
        .await
    }

    /// Sends a `WAIT`, which asks about the writes of one connection: it fails where that is no longer the one that
    /// the component began with.
    pub async fn wait(&self, command: Cmd) -> Result<Value, RedisError> {
        let uses = self.uses.clone();
        self.run_numbered(move |mut connection, number| async move {
            if uses.first.load(Ordering::Relaxed) != number {
                uses.replaced.store(true, Ordering::Relaxed);
                return Err((ErrorKind::Client, "the connection was closed, and another one made").into());
            }
            command.query_async(&mut connection).await
        })
        .await
    }

    /// Puts an `ASKING` in front of the next command.
    pub fn ask(&self) {
        self.uses.asking.store(true, Ordering::Relaxed);
    }

    async fn run_numbered<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection, u64) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let (line, uses) = (self.server.0.clone(), self.uses.clone());
        let task = tokio::spawn(async move {
            let (connection, number) = line.connection().await?;
            let _ = uses.first.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
            uses.last.store(number, Ordering::Relaxed);
            let result = command(connection, number).await;
            if let Err(error) = &result {
                line.heard(number, error);
            }
            result
        });
        task.await.unwrap_or_else(|_| Err((ErrorKind::Io, "the command was given up").into()))
    }

    /// The component has closed it. What it opens next must be another one, as it would be in Spin: it may
    /// have had a reason. Commands in flight are still answered.
    pub fn close(self) {
        if !self.uses.replaced.load(Ordering::Relaxed) {
            self.server.0.give_up(self.uses.last.load(Ordering::Relaxed), None);
        }
    }
}

impl Link {
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
            let limit = self.patience.answer();
            let longest = limit.max(CONNECT);
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(longest))
                .set_response_timeout(Some(limit));
            let mut connect = pin!(self.client.get_multiplexed_async_connection_with_config(&config));
            let connected = timeout(limit, connect.as_mut()).await;
            let late = connected.is_err();
            self.attempted(
                connected
                    .unwrap_or_else(|_| Err((ErrorKind::Io, "the server did not answer in time").into())),
            );
            let _ = ended.send(());
            // Others are tried meanwhile; the first that is made counts.
            if late && let Ok(Ok(connection)) = timeout(longest, connect).await {
                self.state().connected(connection);
            }
        });
        attempt
    }

    fn attempted(&self, connected: Result<MultiplexedConnection, RedisError>) {
        let mut state = self.state();
        state.attempt = None;
        match connected {
            Ok(connection) => state.connected(connection),
            Err(error) => state.failed = Some((Instant::now(), error)),
        }
    }

    fn heard(&self, number: u64, error: &RedisError) {
        if is_broken(error) {
            self.give_up(number, None);
        } else if is_the_wrong_server(error) {
            self.give_up(number, Some(error));
        }
    }

    /// Lets go of the connection with this number. Where the next one told `why` too, others are told so for a
    /// moment: the address still leads to the wrong server.
    fn give_up(&self, number: u64, why: Option<&RedisError>) {
        let mut state = self.state();
        if state.number != number || state.connection.take().is_none() {
            return;
        }
        let Some(why) = why else { return };
        let now = Instant::now();
        let before = state.refused.replace(now);
        if before.is_some_and(|before| now.duration_since(before) < PAUSE) {
            state.failed = Some((now, why.clone()));
        }
    }

    /// Never held across an await, and nothing panics while it is.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn connected(&mut self, connection: MultiplexedConnection) {
        if self.connection.is_none() {
            self.connection = Some(connection);
            self.number = self.number.wrapping_add(1);
            self.failed = None;
        }
    }
}

fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) || error.is_unrecoverable_error()
}

/// Whether the server says that another one is to be asked, or itself later. A script that was refused says so
/// in its own words in front of Redis 7.
fn is_the_wrong_server(error: &RedisError) -> bool {
    let of_script = |detail: &str| {
        ["READONLY ", "LOADING ", "MASTERDOWN "].iter().any(|code| detail.contains(&format!("-{code}")))
    };
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown,
        ) => true,
        ErrorKind::Server(ServerErrorKind::ResponseError) => error.detail().is_some_and(of_script),
        _ => false,
    }
}
