//! SQLite behind a label, in Spin's own table, so that either can take over from the other. Counters are 8 bytes,
//! little-endian. What was acknowledged is on disk (WAL, synchronous = FULL).
//!
//! There are two threads with a connection each: one reads, one writes. The writer puts all jobs that are waiting
//! into one transaction, so that many requests share one wait for the disk. A read sees what is committed, and
//! waits for no write.
//!
//! Other processes may have the file open. A call that is locked out for as long as a component waits fails. The
//! calls after it then fail quickly, until the lock is gone. If the file is removed or replaced, SQLite would go on
//! in a file that nobody can find any more, so nothing is read or written until the bank restarts.

mod file_identity;
mod worker;

use super::store::{Failure, KvStore, StoreFuture};
use anyhow::Context as _;
use file_identity::FileIdentity;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::oneshot;
use worker::{StoreCall, Write, WriteOutcome};

/// How long opening waits while another process has the file locked.
pub(crate) const OPENING: Duration = Duration::from_secs(2);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// A SQLite database.
pub struct SqliteStore {
    reads: Sender<StoreCall>,
    writes: Sender<StoreCall>,
}

impl SqliteStore {
    /// Opens or creates a file; `label` is the store in it.
    ///
    /// Writes wait no longer than `patience` while another process has the file locked.
    pub fn open(path: &Path, label: &str, patience: Duration) -> anyhow::Result<Self> {
        let writes = open_or_create(path)?;
        let reads = connect(path)?;
        let opened = FileIdentity::of(path)?;
        Ok(Self {
            reads: worker::start(reads, label, patience, Some(opened.clone()))?,
            writes: worker::start(writes, label, patience, Some(opened))?,
        })
    }

    /// A database that disappears when `bank` ends.
    pub fn in_memory(label: &str) -> anyhow::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute(TABLE, [])?;
        let jobs = worker::start(connection, label, OPENING, None)?;
        Ok(Self { reads: jobs.clone(), writes: jobs })
    }

    async fn write(&self, key: &str, write: Write) -> Result<WriteOutcome, Failure> {
        let (reply, answer) = oneshot::channel();
        let job = StoreCall::Write { key: key.to_owned(), write, reply };
        self.writes.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Opens a connection to a file, and creates the file if there is none.
pub(crate) fn open_or_create(path: &Path) -> anyhow::Result<Connection> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    }
    let connection = connect(path)?;
    connection.execute(TABLE, [])?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(OPENING)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn stopped() -> Failure {
    Failure::Reported("SQLite: the store has stopped".to_owned())
}

impl KvStore for SqliteStore {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let job = StoreCall::Read { key: key.to_owned(), reply };
            self.reads.send(job).map_err(|_| stopped())?;
            answer.await.map_err(|_| stopped())?
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.write(key, Write::Set(value)).await.map(drop) })
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> StoreFuture<'a, i64> {
        Box::pin(async move {
            match self.write(key, Write::Increment(delta)).await? {
                WriteOutcome::Sum(sum) => Ok(sum),
                WriteOutcome::Done | WriteOutcome::Lost => Err(stopped()),
            }
        })
    }

    fn swap<'a>(&'a self, key: &'a str, expected: Option<Vec<u8>>, value: Vec<u8>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let written = self.write(key, Write::Swap { expected, value }).await?;
            Ok(matches!(written, WriteOutcome::Done))
        })
    }
}
