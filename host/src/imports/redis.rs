//! `spin:redis/redis@3.0.0`, only to the hosts that the component's manifest allows.
//!
//! In Spin every opened connection is a TCP connection of its own. Here all connections to one address share one
//! ([`crate::redis`]). An instance can notice that only by commands that change the state of a connection, and
//! these are refused by name. There are two exceptions: `ASKING` is sent together with the command that follows it,
//! and a short `WAIT` is carried out. An instance that closes its connection and opens another one gets a new one.
//! If a server is away, the call fails as soon as components would stop waiting; in Spin it waits.

use super::bindings::spin::redis::redis::{
    Connection, Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
};
use super::call_error::CallError;
use crate::allowed_hosts::AllowedHosts;
use crate::redis::{Patience, Server};
use crate::telemetry::{CallTracing, System};
use redis::{IntoConnectionInfo as _, RedisError, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, HasData, Resource, ResourceTable};

/// How long a `WAIT` may hold the connection.
const LONGEST_WAIT_MS: i64 = 10;
/// No command of Redis has a longer name, and no error a longer code.
const LONGEST_NAME: usize = 20;

/// Commands that would change the connection for everybody, or block it.
const REFUSED: [&str; 23] = [
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "QUIT",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "UNWATCH",
    "WATCH",
];

/// The servers that components have connected to, by address.
pub struct Servers {
    known: Mutex<HashMap<String, Server>>,
    patience: Patience,
}

impl Servers {
    /// None yet.
    pub fn new(patience: Patience) -> Self {
        Self { known: Mutex::default(), patience }
    }

    fn at(&self, address: &str) -> Result<Server, Error> {
        let mut servers = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match servers.entry(address.to_owned()) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                // The parser's own message could quote the password.
                let info = address.into_connection_info().map_err(|_| Error::InvalidAddress)?;
                let server = Server::new(info, self.patience).map_err(|_| Error::InvalidAddress)?;
                Ok(new.insert(server).clone())
            }
        }
    }
}

/// The servers that one instance may reach, and its open connections.
pub struct RedisView<'a> {
    /// Holds what is open.
    pub table: &'a mut ResourceTable,
    /// Where the component may connect to.
    pub allowed: &'a Arc<AllowedHosts>,
    /// The servers of the whole application.
    pub servers: &'a Arc<Servers>,
    /// The requests that the instance works on, to which traces attribute its calls.
    pub call_tracing: &'a CallTracing,
}

/// Stands for `RedisView` in linkers.
pub struct RedisInterface;

impl HasData for RedisInterface {
    type Data<'a> = RedisView<'a>;
}

impl Host for RedisView<'_> {
    fn convert_error(&mut self, fails: CallError<Error>) -> wasmtime::Result<Error> {
        fails.convert()
    }
}

impl HostConnection for RedisView<'_> {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?.close();
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for RedisInterface {
    async fn open(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> Result<Resource<Connection>, CallError<Error>> {
        let url = Url::parse(&address).map_err(|_| Error::InvalidAddress)?;
        let server = accessor.with(|mut access| {
            let view = access.get();
            if !view.allowed.allow(&url) {
                return Err(Error::InvalidAddress);
            }
            view.servers.at(&address)
        })?;
        let opened = server.open().await.map_err(|error| Error::Other(error.to_string()))?;
        accessor
            .with(|mut access| access.get().table.push(opened).map_err(|_| Error::TooManyConnections.into()))
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Result<Vec<RedisResult>, CallError<Error>> {
        let kind = CommandKind::of(&command, &arguments)?;
        let (opened, call) = accessor.with(|mut access| {
            let view = access.get();
            let opened = view.table.get(&connection).cloned();
            let opened = opened.map_err(|_| Error::Other("the connection is closed".to_owned()))?;
            let call_tracing = view.call_tracing.clone();
            let call = call_tracing.call(access.as_context_mut(), System::Redis, || name(&command));
            Ok::<_, Error>((opened, call))
        })?;
        let mut whole = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => whole.arg(number),
                RedisParameter::Binary(bytes) => whole.arg(bytes),
            };
        }
        let answer = match kind {
            CommandKind::Asking => {
                opened.ask();
                Ok(Value::Okay)
            }
            CommandKind::Wait => opened.wait(whole).await,
            CommandKind::Any => opened.send(whole).await,
        };
        call.end(answer.as_ref().err().map(why));
        let answer = answer.map_err(|error| Error::Other(error.to_string()))?;
        let mut results = Vec::new();
        flatten(answer, &mut results)?;
        Ok(results)
    }
}

/// A command's name, or as much of it as a name may have.
fn name(command: &str) -> Cow<'static, str> {
    match command.bytes().all(|byte| byte.is_ascii_alphabetic()) && command.len() <= LONGEST_NAME {
        true => command.to_ascii_uppercase().into(),
        false => "_OTHER".into(),
    }
}

/// Why a command failed, in one word: the error code of Redis, if the text begins with one.
fn why(error: &RedisError) -> Cow<'static, str> {
    let is_code =
        |code: &&str| code.len() <= LONGEST_NAME && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match error.code().filter(is_code) {
        Some(code) => code.to_owned().into(),
        None if error.is_timeout() => "timeout".into(),
        None if error.is_io_error() => "unreachable".into(),
        None => "_OTHER".into(),
    }
}

/// What a command does to the shared connection.
enum CommandKind {
    /// It prepares the next one.
    Asking,
    /// It is about the commands before it, and blocks the connection for a moment.
    Wait,
    Any,
}

impl CommandKind {
    fn of(command: &str, arguments: &[RedisParameter]) -> Result<Self, Error> {
        match command.to_ascii_uppercase().as_str() {
            "ASKING" => Ok(Self::Asking),
            "WAIT" if is_short(arguments) => Ok(Self::Wait),
            "WAIT" => Err(Error::Other(format!("`bank` does a WAIT of 1 to {LONGEST_WAIT_MS} ms"))),
            name if REFUSED.contains(&name) => {
                let text = format!("`bank` does not do {command}: components share one connection");
                Err(Error::Other(text))
            }
            _ => Ok(Self::Any),
        }
    }
}

/// Whether a `WAIT` ends soon; one with 0 ms never does.
fn is_short(arguments: &[RedisParameter]) -> bool {
    let limit = match arguments {
        [_, RedisParameter::Int64(limit)] => Some(*limit),
        [_, RedisParameter::Binary(limit)] => str::from_utf8(limit).ok().and_then(|limit| limit.parse().ok()),
        _ => None,
    };
    limit.is_some_and(|limit: i64| (1..=LONGEST_WAIT_MS).contains(&limit))
}

/// An answer with its arrays flattened, as Spin gives it.
fn flatten(value: Value, results: &mut Vec<RedisResult>) -> Result<(), Error> {
    results.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            return values.into_iter().try_for_each(|value| flatten(value, results));
        }
        _ => return Err(Error::TypeError),
    });
    Ok(())
}
