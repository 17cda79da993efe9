//! What a deployment's store holds, read and written without the bank.

use crate::prove::deployment::Deployment;
use anyhow::{Context as _, bail};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the bank may keep the file locked.
const PATIENCE: Duration = Duration::from_secs(10);

const ALL: &str = "SELECT key, value FROM spin_key_value";
const COUNT: &str = "SELECT count(*) FROM spin_key_value";
const REPLACE: &str = "UPDATE spin_key_value SET value = ?2 WHERE key = ?1";

impl Deployment {
    /// Every stored value, by its key.
    pub async fn stored(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let Some(redis) = &self.redis else {
            let file = self.file()?;
            let mut all = file.prepare(ALL)?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            return Ok(rows.collect::<Result<_, _>>()?);
        };
        let (mut stored, mut connection) = (BTreeMap::new(), redis.connect().await?);
        for key in connection.query(&[b"KEYS", b"bank:*"]).await? {
            let value = connection.query(&[b"GET", &key]).await?.pop().context("a key went away")?;
            stored.insert(String::from_utf8(key)?, value);
        }
        Ok(stored)
    }

    /// How many keys are stored.
    pub async fn key_count(&self) -> anyhow::Result<usize> {
        let Some(redis) = &self.redis else {
            // The table does not exist before the first write.
            let count: i64 = self.file()?.query_row(COUNT, [], |row| row.get(0)).unwrap_or_default();
            return Ok(count.try_into()?);
        };
        let said = redis.connect().await?.query_line("DBSIZE").await?;
        Ok(said.trim_start_matches(':').parse()?)
    }

    /// Replaces a value.
    pub async fn replace_stored(&self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let Some(redis) = &self.redis else {
            let changed = self.file()?.execute(REPLACE, (key, value))?;
            anyhow::ensure!(changed == 1, "{key} is not there");
            return Ok(());
        };
        match redis.connect().await?.query(&[b"SET", key.as_bytes(), value, b"XX"]).await?.as_slice() {
            [answer] if answer == b"OK" => Ok(()),
            other => bail!("{key} is not there, or Redis says {other:?}"),
        }
    }

    fn file(&self) -> anyhow::Result<Connection> {
        let file = Connection::open(self.folder.path().join("sqlite_key_value.db"))?;
        file.busy_timeout(PATIENCE)?;
        Ok(file)
    }
}
