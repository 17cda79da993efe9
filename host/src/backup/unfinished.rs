//! Whether an import into a store was interrupted: such a store has not all its money, and nobody may build on it.

use super::cli;
use super::store::{Place, Store};
use crate::exit::Fault;
use crate::runtime_config::RuntimeConfig;
use crate::variables::Values;
use store::keys;

const WHY: &str = "an import into this store was interrupted, or is under way: not all money is there. Import the same \
                   file again until that ends, or empty the store (docs/backup.md)";

/// That a bank which is told this may start. Where the store does not answer, the bank waits for it, and nobody knows.
pub fn is_none_of(config: RuntimeConfig, values: &Values) -> anyhow::Result<()> {
    // What has no default store has no money there.
    let Ok(place) = cli::place(config, values) else { return Ok(()) };
    match is_there(&place) {
        Ok(false) => Ok(()),
        Ok(true) => Err(refused()),
        Err(error) => {
            eprintln!("Warning: nobody knows whether an import into the store was interrupted: {error:#}");
            Ok(())
        }
    }
}

fn is_there(place: &Place) -> anyhow::Result<bool> {
    Store::held(place, keys::import().as_str()).map(|note| note.is_some())
}

/// Why that ends whatever needs the whole store.
pub(super) fn refused() -> anyhow::Error {
    Fault::Refused(WHY.to_owned()).into()
}
