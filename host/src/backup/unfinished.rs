//! Whether an import into a store was interrupted. Such a store lacks money, so no bank may start on it.

use super::cli;
use super::store::{Access, Location, WholeStore};
use crate::exit::ExitError;
use crate::kv::reader::StoreReader;
use crate::redis::Patience;
use crate::runtime_config::{RuntimeConfig, StoreConfig};
use crate::variables::Values;
use ::redis::ConnectionInfo;
use anyhow::anyhow;
use std::time::Duration;
use store::keys;

/// How long a bank waits for the store when it starts.
const PATIENCE: Patience = Patience::new(Duration::from_secs(5));

const WHY: &str = "an import into this store was interrupted, or is under way: not all money is there. Import the same \
                   file again until that ends, or empty the store (docs/backup.md)";

/// Checks that a bank with this configuration may start. If the store does not answer, the answer is unknown: the
/// bank starts, and waits for the store.
pub fn refuse_interrupted_import(config: RuntimeConfig, values: &Values) -> anyhow::Result<()> {
    // Without a default store there is no money.
    let Ok(location) = cli::location(config, values) else { return Ok(()) };
    match is_interrupted(&location) {
        Ok(false) => Ok(()),
        Ok(true) => Err(interrupted()),
        Err(error) => {
            eprintln!("Warning: nobody knows whether an import into the store was interrupted: {error:#}");
            Ok(())
        }
    }
}

fn is_interrupted(location: &Location) -> anyhow::Result<bool> {
    match location {
        Location::Config(StoreConfig::Redis(info)) => {
            is_interrupted_in_redis(std::slice::from_ref(info.as_ref()))
        }
        Location::Nodes(infos) => is_interrupted_in_redis(infos),
        Location::Config(StoreConfig::Memory) => Ok(false),
        Location::Config(StoreConfig::Sqlite(_)) => {
            let held = WholeStore::open(location, Access::Read)?.get(&[keys::import().to_string()])?;
            Ok(held.iter().any(Option::is_some))
        }
    }
}

/// Uses only `GET`, since the user may have few rights. The first node that answers decides.
fn is_interrupted_in_redis(infos: &[ConnectionInfo]) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut failure = anyhow!("no address of Redis");
    for info in infos {
        let reader = StoreReader::of_redis(info.clone(), PATIENCE)?;
        match runtime.block_on(reader.read(keys::import().as_str())) {
            Ok(note) => return Ok(note.is_some()),
            Err(error) => failure = anyhow!("{}: {error}", info.addr()),
        }
    }
    Err(failure)
}

/// The error of every command that needs the whole store.
pub(super) fn interrupted() -> anyhow::Error {
    ExitError::Refused(WHY.to_owned()).into()
}
