//! The thread that owns a connection and does the jobs that are sent to it, as many at once as are waiting.
//!
//! Reads come first, outside of any transaction, so that nobody sees what is not on disk yet. Writes share one
//! transaction and are answered when it has committed. If SQLite itself fails at one of them, all are rolled back
//! and fail. An error that concerns a single write (not a counter, overflow) fails only that one.

use super::file_identity::FileIdentity;
use crate::kv::store::Failure;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::sync::oneshot;

const MOST_AT_ONCE: usize = 256;

const READ: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
const SET: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = ?3";
const SWAP_ABSENT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO NOTHING";
const SWAP_PRESENT: &str =
    "UPDATE spin_key_value SET value = ?3 WHERE store = ?1 AND key = ?2 AND value = ?4";

/// What a store is asked to do.
pub enum StoreCall {
    Read { key: String, reply: Reply<Option<Vec<u8>>> },
    Write { key: String, write: Write, reply: Reply<WriteOutcome> },
}

/// A change of one key.
pub enum Write {
    Set(Vec<u8>),
    Increment(i64),
    Swap { expected: Option<Vec<u8>>, value: Vec<u8> },
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Done,
    /// A swap found a value other than the expected one.
    Lost,
    Sum(i64),
}

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// How long to wait for a lock that has already delayed another call.
const REPEATED_LOCK_WAIT: Duration = Duration::from_millis(10);

/// How long a failure is held back: components retry until their deadline, and should not retry as fast as a full
/// disk fails.
const FAILURE_DELAY: Duration = Duration::from_millis(20);

struct SqliteWorker {
    connection: Connection,
    store: String,
    patience: Duration,
    opened: Option<FileIdentity>,
}

/// Starts a thread, which ends when nobody can send it jobs any more.
///
/// It waits for a lock for at most `patience`. If the `opened` file is gone, it neither reads nor writes.
pub fn start(
    connection: Connection,
    store: &str,
    patience: Duration,
    opened: Option<FileIdentity>,
) -> anyhow::Result<Sender<StoreCall>> {
    let (sender, jobs) = channel();
    connection.busy_timeout(patience)?;
    let worker = SqliteWorker { connection, store: store.to_owned(), patience, opened };
    std::thread::Builder::new().name("sqlite".to_owned()).spawn(move || worker.work(&jobs))?;
    Ok(sender)
}

impl SqliteWorker {
    fn work(mut self, jobs: &Receiver<StoreCall>) {
        let mut writes = Vec::new();
        while let Ok(first) = jobs.recv() {
            let waiting = std::iter::once(first).chain(jobs.try_iter());
            let gone = self.opened.as_ref().and_then(FileIdentity::gone).map(Failure::Reported);
            for job in waiting.take(MOST_AT_ONCE) {
                match job {
                    // Nobody waits any more.
                    StoreCall::Read { reply, .. } if reply.is_closed() => {}
                    StoreCall::Write { reply, .. } if reply.is_closed() => {}
                    StoreCall::Read { key, reply } => {
                        let read = || self.read(&key).map_err(|error| failure(&error));
                        let _ = reply.send(gone.clone().map_or_else(read, Err));
                    }
                    StoreCall::Write { key, write, reply } => writes.push((key, write, reply)),
                }
            }
            match gone {
                _ if writes.is_empty() => {}
                Some(failure) => refuse(&mut writes, &failure),
                None => self.write_all(&mut writes),
            }
        }
    }

    fn write_all(&mut self, writes: &mut Vec<(String, Write, Reply<WriteOutcome>)>) {
        let jobs = writes.iter().map(|(key, write, _)| (key.as_str(), write));
        let results = self.commit(jobs);
        let is_locked = results
            .as_ref()
            .is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
        // This fails only on a closed connection.
        let _ = self.connection.busy_timeout(if is_locked { REPEATED_LOCK_WAIT } else { self.patience });
        match results {
            Ok(results) => {
                for ((_, _, reply), result) in writes.drain(..).zip(results) {
                    let _ = reply.send(result);
                }
            }
            Err(error) => refuse(writes, &failure(&error)),
        }
    }

    fn commit<'a>(
        &mut self,
        writes: impl Iterator<Item = (&'a str, &'a Write)>,
    ) -> rusqlite::Result<Vec<Result<WriteOutcome, Failure>>> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let results = writes
            .map(|(key, write)| carry_out(&transaction, &self.store, key, write))
            .collect::<rusqlite::Result<_>>()?;
        transaction.commit()?;
        Ok(results)
    }

    fn read(&self, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        read(&self.connection, &self.store, key)
    }
}

fn refuse(writes: &mut Vec<(String, Write, Reply<WriteOutcome>)>, failure: &Failure) {
    std::thread::sleep(FAILURE_DELAY);
    for (_, _, reply) in writes.drain(..) {
        let _ = reply.send(Err(failure.clone()));
    }
}

fn read(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached(READ)?.query_row(params![store, key], |row| row.get(0)).optional()
}

fn carry_out(
    connection: &Connection,
    store: &str,
    key: &str,
    write: &Write,
) -> rusqlite::Result<Result<WriteOutcome, Failure>> {
    match write {
        Write::Set(value) => {
            connection.prepare_cached(SET)?.execute(params![store, key, value])?;
            Ok(Ok(WriteOutcome::Done))
        }
        Write::Swap { expected, value } => {
            let rows = match expected {
                None => connection.prepare_cached(SWAP_ABSENT)?.execute(params![store, key, value]),
                Some(expected) => {
                    connection.prepare_cached(SWAP_PRESENT)?.execute(params![store, key, value, expected])
                }
            }?;
            Ok(Ok(if rows == 1 { WriteOutcome::Done } else { WriteOutcome::Lost }))
        }
        Write::Increment(delta) => {
            let sum = match sum(read(connection, store, key)?, *delta) {
                Ok(sum) => sum,
                Err(failure) => return Ok(Err(failure)),
            };
            let value = sum.to_le_bytes();
            connection.prepare_cached(SET)?.execute(params![store, key, value])?;
            Ok(Ok(WriteOutcome::Sum(sum)))
        }
    }
}

fn sum(value: Option<Vec<u8>>, delta: i64) -> Result<i64, Failure> {
    let before = match value {
        None => 0,
        Some(bytes) => match <[u8; 8]>::try_from(bytes) {
            Ok(bytes) => i64::from_le_bytes(bytes),
            Err(_) => return Err(Failure::Reported("the value is not a counter".to_owned())),
        },
    };
    before.checked_add(delta).ok_or_else(|| Failure::Reported("increment would overflow".to_owned()))
}

fn failure(error: &rusqlite::Error) -> Failure {
    Failure::Reported(format!("SQLite: {error}"))
}
