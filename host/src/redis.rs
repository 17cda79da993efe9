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

/// For this long after a failed connection attempt, commands fail with the same error at once.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// A failure older than this is ignored: a command waits for a new connection.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);
/// Connecting takes several round trips, five with TLS and a password. An attempt goes on for this long, even after
/// the commands that started it have failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long `bank` waits for a Redis: as long as components do (`store_timeout_ms` in the manifest).
#[derive(Clone, Copy, Debug)]
pub struct Patience(Duration);

impl Patience {
    /// The default, which is the bank's own deadline for storage.
    pub const DEFAULT: Self = Self(Duration::from_millis(500));
    const LEAST: Duration = Duration::from_millis(400);

    /// For components that wait this long.
    pub const fn new(of_components: Duration) -> Self {
        Self(of_components)
    }

    /// For an answer.
    fn answer(self) -> Duration {
        self.0.max(Self::LEAST)
    }

    /// The limit of a synchronous call, which blocks its whole instance (docs/spin.md, fact 6): a little less than
    /// the component's own limit, so that the component can still answer in time.
    pub fn synchronous(self) -> Duration {
        self.0.saturating_sub(self.0.checked_div(5).unwrap_or_default())
    }
}

/// A Redis server and the connection to it.
#[derive(Clone)]
pub struct Server(Arc<Link>);

struct Link {
    client: Client,
    patience: Patience,
    state: Mutex<LinkData>,
}

#[derive(Default)]
struct LinkData {
    connection: Option<MultiplexedConnection>,
    /// How many connections there have been; identifies the present one.
    number: u64,
    failed: Option<(Instant, RedisError)>,
    /// When a server last answered that another one has to be asked.
    refused: Option<Instant>,
    /// Signals when the current attempt has ended.
    attempt: Option<watch::Receiver<()>>,
}

/// What a command finds.
enum LinkState {
    Open(MultiplexedConnection, u64),
    Shut(RedisError),
    Opening(watch::Receiver<()>),
}

impl Server {
    /// The server at an address. Nothing is connected yet.
    pub fn new(info: ConnectionInfo, patience: Patience) -> anyhow::Result<Self> {
        // The kernel notices a peer that vanished silently.
        let tcp =
            TcpSettings::default().set_nodelay(true).set_user_timeout(patience.answer().max(CONNECT_LIMIT));
        let client = Client::open(info.set_tcp_settings(tcp))?;
        Ok(Self(Arc::new(Link { client, patience, state: Mutex::default() })))
    }

    /// Opens a connection for one component; connects to the server if necessary.
    pub async fn open(&self) -> Result<ComponentConnection, RedisError> {
        let opened = self.shared_connection();
        opened.run(|_| async { Ok(()) }).await?;
        Ok(opened)
    }

    /// A new connection that is not shared.
    pub async fn another(&self) -> Result<MultiplexedConnection, RedisError> {
        self.0.client.get_multiplexed_async_connection().await
    }

    /// Runs `command` on the connection, in a task that goes on when nobody waits for it any more. If the result
    /// shows that the connection is unusable, it is dropped.
    pub async fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        self.shared_connection().run(command).await
    }

    fn shared_connection(&self) -> ComponentConnection {
        ComponentConnection { server: self.clone(), uses: Arc::default() }
    }
}

/// A connection as a component sees it: its own.
#[derive(Clone)]
pub struct ComponentConnection {
    server: Server,
    uses: Arc<Uses>,
}

/// How a component has used its connection.
#[derive(Default)]
struct Uses {
    /// The numbers of the first and the last underlying connection that it used; 0 before the first use.
    first: AtomicU64,
    last: AtomicU64,
    /// Whether an `ASKING` has to precede the next command.
    asking: AtomicBool,
    /// The component knows that the connection is not the one that it began with.
    replaced: AtomicBool,
}

impl ComponentConnection {
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

    /// Sends `command`, right after an `ASKING` if the component has sent one: no command of another component comes
    /// between the two.
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

    /// Sends a `WAIT`, which concerns the writes of one connection. It fails if that is no longer the connection that
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
                line.note_error(number, error);
            }
            result
        });
        task.await.unwrap_or_else(|_| Err((ErrorKind::Io, "the command was given up").into()))
    }

    /// The component has closed its connection. The next one that it opens must be another one, as in Spin: it may
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
            match self.connection_state() {
                LinkState::Open(connection, number) => return Ok((connection, number)),
                LinkState::Shut(why) => return Err(why),
                // The state says whether it succeeded.
                LinkState::Opening(mut attempt) => {
                    let _ = attempt.changed().await;
                }
            }
        }
    }

    /// The connection to the server, or why there is none. Starts an attempt to connect if one is due.
    fn connection_state(self: &Arc<Self>) -> LinkState {
        let mut state = self.state();
        if let Some(connection) = &state.connection {
            return LinkState::Open(connection.clone(), state.number);
        }
        let failed = state.failed.clone().filter(|(when, _)| when.elapsed() < FAILURE_LIFETIME);
        if state.attempt.is_none()
            && failed.as_ref().is_none_or(|(when, _)| when.elapsed() >= PAUSE_AFTER_FAILURE)
        {
            state.attempt = Some(self.clone().start_attempt());
        }
        match (failed, state.attempt.clone()) {
            (Some((_, why)), _) => LinkState::Shut(why),
            (None, Some(attempt)) => LinkState::Opening(attempt),
            (None, None) => LinkState::Shut((ErrorKind::Io, "no connection").into()),
        }
    }

    /// Connects, in a task that does not end with the command: if the deadline is shorter than connecting takes,
    /// nobody would ever be connected.
    fn start_attempt(self: Arc<Self>) -> watch::Receiver<()> {
        let (ended, attempt) = watch::channel(());
        tokio::spawn(async move {
            let limit = self.patience.answer();
            let longest = limit.max(CONNECT_LIMIT);
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(longest))
                .set_response_timeout(Some(limit));
            let mut connect = pin!(self.client.get_multiplexed_async_connection_with_config(&config));
            let connected = timeout(limit, connect.as_mut()).await;
            let late = connected.is_err();
            self.finish_attempt(
                connected
                    .unwrap_or_else(|_| Err((ErrorKind::Io, "the server did not answer in time").into())),
            );
            let _ = ended.send(());
            // Other attempts may run meanwhile; the first that succeeds counts.
            if late && let Ok(Ok(connection)) = timeout(longest, connect).await {
                self.state().connected(connection);
            }
        });
        attempt
    }

    fn finish_attempt(&self, connected: Result<MultiplexedConnection, RedisError>) {
        let mut state = self.state();
        state.attempt = None;
        match connected {
            Ok(connection) => state.connected(connection),
            Err(error) => state.failed = Some((Instant::now(), error)),
        }
    }

    fn note_error(&self, number: u64, error: &RedisError) {
        if is_broken(error) {
            self.give_up(number, None);
        } else if is_the_wrong_server(error) {
            self.give_up(number, Some(error));
        }
    }

    /// Drops the connection with this number. If the previous connection was dropped for the same reason, `why`,
    /// commands fail with it for a moment: the address still leads to the wrong server.
    fn give_up(&self, number: u64, why: Option<&RedisError>) {
        let mut state = self.state();
        if state.number != number || state.connection.take().is_none() {
            return;
        }
        let Some(why) = why else { return };
        let now = Instant::now();
        let before = state.refused.replace(now);
        if before.is_some_and(|before| now.duration_since(before) < PAUSE_AFTER_FAILURE) {
            state.failed = Some((now, why.clone()));
        }
    }

    /// Never held across an await, and nothing panics while it is.
    fn state(&self) -> MutexGuard<'_, LinkData> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkData {
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

/// Whether the server answers that another server must be asked, or the same one later. Before Redis 7 a refused
/// script says so in its own words.
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
