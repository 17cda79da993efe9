//! All keys of a SQLite file.

use super::stored::{Access, Stored};
use crate::exit::ExitError;
use crate::kv::sqlite;
use anyhow::Context as _;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use std::borrow::Borrow;
use std::path::Path;

/// Keys that are read at a time.
const KEYS_AT_ONCE: usize = 1_000;

const SCAN: &str = "SELECT key FROM spin_key_value
    WHERE store = ?1 AND key > ?2 AND key < 'bank;' ORDER BY key LIMIT ?3";
const GET: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
const ADD: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO NOTHING";
const REMOVE: &str = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";

pub struct SqliteFile {
    connection: Connection,
    label: String,
}

impl SqliteFile {
    pub fn open(path: &Path, label: &str, access: Access) -> anyhow::Result<Self> {
        let connection = match access {
            Access::Read => snapshot(path),
            Access::Write => sqlite::open_or_create(path),
        };
        let connection = connection.map_err(|error| match error.downcast_ref() {
            Some(cause) if is_damaged(cause) => failed(cause),
            _ => error,
        });
        let connection = connection.with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { connection, label: label.to_owned() })
    }

    pub fn scan(&mut self, each: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        // Less than every key of the bank.
        let mut last = "bank:".to_owned();
        loop {
            let mut statement = self.connection.prepare_cached(SCAN).map_err(failed)?;
            let rows = statement
                .query_map(params![self.label, last, KEYS_AT_ONCE as i64], |row| row.get::<_, String>(0));
            let keys = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>).map_err(failed)?;
            for key in &keys {
                each(key)?;
            }
            match keys.into_iter().next_back() {
                Some(key) => last = key,
                None => return Ok(()),
            }
        }
    }

    pub fn get(&mut self, keys: &[String]) -> anyhow::Result<Vec<Stored>> {
        let mut statement = self.connection.prepare_cached(GET).map_err(failed)?;
        let mut get = |key| statement.query_row(params![self.label, key], |row| row.get(0)).optional();
        keys.iter().map(|key| get(key).map_err(failed)).collect()
    }

    pub fn add(&mut self, items: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<bool>> {
        let transaction = self.connection.transaction().map_err(failed)?;
        let added = {
            let mut statement = transaction.prepare_cached(ADD).map_err(failed)?;
            let mut add = |(key, value): &(String, Vec<u8>)| {
                statement.execute(params![self.label, key, value]).map(|rows| rows == 1)
            };
            items.iter().map(|item| add(item).map_err(failed)).collect::<anyhow::Result<Vec<bool>>>()?
        };
        transaction.commit().map_err(failed)?;
        Ok(added)
    }

    pub fn remove(&mut self, key: &str) -> anyhow::Result<()> {
        self.connection.execute(REMOVE, params![self.label, key]).map(drop).map_err(failed)
    }
}

/// A snapshot: everything as of now, for as long as the connection lives.
fn snapshot(path: &Path) -> anyhow::Result<Connection> {
    // A reader writes into the index of the write-ahead log, if there are writers. A file in a read-only place has no
    // writer.
    let either = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .or_else(|_| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY));
    let connection = either?;
    connection.busy_timeout(sqlite::OPENING)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.execute_batch("BEGIN")?;
    // The snapshot is taken at the first read.
    connection.query_row("SELECT count(*) FROM (SELECT 1 FROM spin_key_value LIMIT 1)", [], |_| Ok(()))?;
    Ok(connection)
}

fn failed(error: impl Borrow<rusqlite::Error>) -> anyhow::Error {
    let error = error.borrow();
    let what = format!("SQLite: {error}");
    if is_damaged(error) { ExitError::Broken(what) } else { ExitError::Unavailable(what) }.into()
}

/// Whether the file is damaged, so that another try cannot help.
fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
