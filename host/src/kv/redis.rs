//! Redis behind a label: values as they are, counters as decimal text, like Spin's.
//!
//! All operations share one connection. It is made when it is first needed, so `bank` starts while Redis
//! is down. When it breaks or does not answer, it is given up, and the next operation makes a new one:
//! every operation ends within 3 seconds, and the first one after Redis is back succeeds.
//! A swap is one script that compares and sets (design 5, fact 1: Spin's transaction cannot be trusted).
//!
//! Every operation is a task of its own, ended when nobody waits for it any more. Waiting inside the
//! guest's future would be fatal: while an instance is in a synchronous call it polls none of its other
//! calls, and one of those could be next in line for the very lock or buffer that the call waits for.

use super::{Answer, Failure, Store};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncCommands as _, AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, RedisError, Script,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);
/// Whoever asks so soon after a connection could not be made is told the same at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Sets a key if it is as expected. `ARGV`: present or absent, the expected value, the new one.
const SWAP: &str = "
local value = redis.call('GET', KEYS[1])
if ARGV[1] == 'absent' then
  if value then return 0 end
elseif value ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3])
return 1";

/// A Redis server.
pub struct Redis {
    line: Arc<Line>,
    swap: Arc<Script>,
}

/// The way to the server.
struct Line {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// How many connections there have been, to know one from the next.
    number: u64,
    failed: Option<(Instant, Failure)>,
}

impl Redis {
    /// The store at an address, to which nothing connects yet.
    pub fn new(info: ConnectionInfo) -> anyhow::Result<Self> {
        // A peer that vanished without a word is noticed by the kernel, even when every component
        // stops waiting before `ANSWER` is over.
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(ANSWER);
        let client = Client::open(info.set_tcp_settings(tcp))?;
        let line = Arc::new(Line { client, state: Mutex::default() });
        Ok(Self { line, swap: Arc::new(Script::new(SWAP)) })
    }

    /// Runs an operation on the connection, in a task.
    fn run<T, F>(&self, operation: impl FnOnce(MultiplexedConnection) -> F + Send + 'static) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let line = self.line.clone();
        Box::pin(async move {
            let mut task = Task(tokio::spawn(line.run(operation)));
            (&mut task.0).await.unwrap_or_else(|_| Err(aborted()))
        })
    }
}

/// Ends with the future that waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    /// The connection is given up if the operation shows that it is broken.
    async fn run<T, F>(
        self: Arc<Self>,
        operation: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let (connection, number) = self.connection().await?;
        let result = operation(connection).await;
        if result.as_ref().is_err_and(is_broken) {
            self.give_up(number).await;
        }
        result.map_err(failure)
    }

    async fn connection(self: &Arc<Self>) -> Result<(MultiplexedConnection, u64), Failure> {
        {
            let state = self.state.lock().await;
            if let Some(connection) = &state.connection {
                return Ok((connection.clone(), state.number));
            }
        }
        let line = self.clone();
        // A task that is not ended with the operation: with a deadline shorter than it takes to connect,
        // nobody would ever be connected.
        let attempt = tokio::spawn(async move { line.connect().await });
        attempt.await.unwrap_or_else(|_| Err(aborted()))
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, u64), Failure> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((connection.clone(), state.number));
        }
        if let Some((when, why)) = &state.failed
            && when.elapsed() < PAUSE
        {
            return Err(why.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.number = state.number.wrapping_add(1);
                Ok((connection, state.number))
            }
            Err(error) => {
                let why = failure(error);
                state.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    async fn give_up(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number {
            state.connection = None;
        }
    }
}

fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) || error.is_unrecoverable_error()
}

fn aborted() -> Failure {
    Failure::Told("Redis: the call was aborted".to_owned())
}

fn failure(error: RedisError) -> Failure {
    Failure::Told(format!("Redis: {error}"))
}

impl Store for Redis {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.run(move |mut connection| async move { connection.get(key).await })
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> Answer<'a, ()> {
        let key = key.to_owned();
        self.run(move |mut connection| async move { connection.set(key, value).await })
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> Answer<'a, i64> {
        let key = key.to_owned();
        self.run(move |mut connection| async move {
            redis::cmd("INCRBY").arg(key).arg(delta).query_async(&mut connection).await
        })
    }

    fn swap<'a>(&'a self, key: &'a str, expected: Option<Vec<u8>>, value: Vec<u8>) -> Answer<'a, bool> {
        let (script, key) = (self.swap.clone(), key.to_owned());
        self.run(move |mut connection| async move {
            let mut script = script.prepare_invoke();
            script.key(key).arg(if expected.is_some() { "present" } else { "absent" });
            script.arg(expected.unwrap_or_default()).arg(value);
            script.invoke_async(&mut connection).await
        })
    }
}
