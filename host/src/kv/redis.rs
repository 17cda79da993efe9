//! Redis behind a label. Values are stored as they are and counters as decimal text, as in Spin.
//!
//! A swap is one script that compares and sets, because Spin's transaction cannot be trusted (docs/spin.md, fact
//! 1). If Redis is away, calls fail within a bounded time ([`crate::redis`]).

use super::store::{Failure, KvStore, StoreFuture};
use crate::redis::{Patience, Server};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, ConnectionInfo, RedisError, Script, Value};
use std::sync::Arc;

/// Sets a key if its value is the expected one. `ARGV`: present or absent, the expected value, the new one.
const SWAP: &str = "
local value = redis.call('GET', KEYS[1])
if ARGV[1] == 'absent' then
  if value then return 0 end
elseif value ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3])
return 1";

/// How many keys a step of a `SCAN` looks at.
const KEYS_PER_SCAN: u32 = 1_000;

/// A store in a Redis server.
pub struct RedisStore {
    server: Server,
    swap: Arc<Script>,
    patience: Patience,
}

impl RedisStore {
    /// The store at an address. Nothing is connected yet.
    pub fn new(info: ConnectionInfo, patience: Patience) -> anyhow::Result<Self> {
        Ok(Self { server: Server::new(info, patience)?, swap: Arc::new(Script::new(SWAP)), patience })
    }

    /// All keys with this prefix, in no order. Keys that appear or disappear meanwhile may be included or not.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let pattern = format!("{}*", glob(prefix));
        let (mut keys, mut cursor) = (Vec::new(), 0_u64);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(KEYS_PER_SCAN);
            let scan = move |mut connection| async move { scan.query_async(&mut connection).await };
            let (next, some): (u64, Vec<String>) = self.run(scan).await?;
            keys.extend(some);
            if next == 0 {
                return Ok(keys);
            }
            cursor = next;
        }
    }

    /// The value of a key whose slot is moving, at the node that it moves to.
    pub async fn get_asking(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let both = redis::pipe().cmd("ASKING").ignore().get(key).to_owned();
        let both = move |mut connection| async move { both.query_async::<(_,)>(&mut connection).await };
        Ok(self.run(both).await?.0)
    }

    fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> StoreFuture<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let answer = self.server.run(command);
        Box::pin(async move { answer.await.map_err(failure) })
    }

    /// The same for calls that components make synchronously.
    fn run_synchronous<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> StoreFuture<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let answer = tokio::time::timeout(self.patience.synchronous(), self.run(command));
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| Err(Failure::Reported("Redis did not answer in time".to_owned())))
        })
    }
}

/// A pattern that matches only this text.
fn glob(text: &str) -> String {
    let special = |character: char| matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-');
    text.chars().flat_map(|one| special(one).then_some('\\').into_iter().chain([one])).collect()
}

fn failure(error: RedisError) -> Failure {
    Failure::Reported(format!("Redis: {error}"))
}

/// Sets a key if its value is the expected one, in as many steps as Spin takes.
async fn transaction(
    mut connection: MultiplexedConnection,
    key: String,
    expected: Option<Vec<u8>>,
    value: Vec<u8>,
) -> Result<bool, RedisError> {
    let watch = redis::pipe().cmd("WATCH").arg(&key).ignore().get(&key).to_owned();
    let (found,): (Option<Vec<u8>>,) = watch.query_async(&mut connection).await?;
    if found != expected {
        return Ok(false);
    }
    let set: Value = redis::pipe().atomic().set(&key, value).query_async(&mut connection).await?;
    redis::cmd("UNWATCH").exec_async(&mut connection).await?;
    Ok(set != Value::Nil)
}

impl KvStore for RedisStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.run(move |mut connection| async move { connection.get(key).await })
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> StoreFuture<'a, ()> {
        let key = key.to_owned();
        self.run(move |mut connection| async move { connection.set(key, value).await })
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> StoreFuture<'a, i64> {
        let key = key.to_owned();
        self.run_synchronous(move |mut connection| async move {
            redis::cmd("INCRBY").arg(key).arg(delta).query_async(&mut connection).await
        })
    }

    fn swap<'a>(&'a self, key: &'a str, expected: Option<Vec<u8>>, value: Vec<u8>) -> StoreFuture<'a, bool> {
        let (script, key) = (self.swap.clone(), key.to_owned());
        self.run_synchronous(move |mut connection| async move {
            let mut script = script.prepare_invoke();
            script.key(key).arg(if expected.is_some() { "present" } else { "absent" });
            script.arg(expected.unwrap_or_default()).arg(value);
            script.invoke_async(&mut connection).await
        })
    }

    fn swap_alone<'a>(
        &'a self,
        key: &'a str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> StoreFuture<'a, bool> {
        let (server, key) = (self.server.clone(), key.to_owned());
        Box::pin(async move {
            let connection = server.another().await.map_err(failure)?;
            transaction(connection, key, expected, value).await.map_err(failure)
        })
    }
}
