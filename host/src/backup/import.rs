//! `bank import`: restores a file into an empty store. An import that was interrupted can be run again, and writes
//! only what is missing.
//!
//! The file is read twice: first to its end, so that a broken file changes nothing, and then to write it. Existing
//! values are never overwritten. While the import runs, the store holds a note that says which file is being
//! restored ([`store::keys::import`]): the same file may go on, any other is refused.

use super::cli::ImportArguments;
use super::folder;
use super::origin::ExportOrigin;
use super::reporter::Reporter;
use super::store::{Access, WholeStore};
use super::walk::is_money;
use crate::exit::ExitError;
use backup::line::ExportStart;
use backup::{ExportReader, Line, StoredValue, Totals, item};
use std::io::{BufRead, Read as _};
use store::keys;

/// The longest line of an export: a wallet stays under 8 KB.
const LONGEST_LINE: u64 = 1 << 20;
/// The error for a file that was sound at the first reading and is not any more.
const FILE_CHANGED: &str = "The file was changed while it was imported, and a part of it is in the store. \
                            Import it again as it was, or empty the store";
/// How many keys are written at a time.
const KEYS_AT_ONCE: usize = 4_096;

/// Imports the file, or checks it.
pub fn import(options: &ImportArguments) -> anyhow::Result<()> {
    let origin = folder::export_at(&options.export)?;
    let (begin, totals, sha256) = read(&origin, "Nothing of it is imported", |_| Ok(()))?;
    let ExportStart { bank, store, began } = begin;
    eprintln!("{} is sound: as of {began}, of {store}, by bank {bank}\n{totals}", origin.name());
    if totals.wallets < options.at_least {
        let why = format!("it has {} wallets, and not {} (--at-least)", totals.wallets, options.at_least);
        return Err(ExitError::Refused(format!("{}: {why}. Nothing of it is imported", origin.name())).into());
    }
    if options.check {
        return Ok(());
    }
    let mut into = Into::open(options, &sha256)?;
    let (_, _, again) = read(&origin, FILE_CHANGED, |line| into.take(line))?;
    if again != sha256 {
        return Err(ExitError::Broken(format!("{}: {FILE_CHANGED}", origin.name())).into());
    }
    into.end()?;
    eprintln!("imported. `bank verify --all` proves it");
    Ok(())
}

/// Reads a whole file and passes each line to `each`. Returns how it began, its totals and its SHA-256. If the file
/// is broken, the error says where, with `where_broken`.
fn read(
    origin: &ExportOrigin,
    where_broken: &str,
    mut each: impl FnMut(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<(ExportStart, Totals, String)> {
    let mut file = origin.open()?;
    let mut reading = ExportReader::new();
    let (mut bytes, mut number) = (Vec::new(), 0_u64);
    let broken = |number: u64, what: &backup::ExportError| {
        ExitError::Broken(format!("{}, line {number}: {what}. {where_broken}", origin.name()))
    };
    loop {
        bytes.clear();
        let read = file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        read.map_err(|error| ExitError::Unavailable(format!("cannot read {}: {error}", origin.name())))?;
        if bytes.is_empty() {
            break;
        }
        number = number.saturating_add(1);
        let line = reading.line(&bytes).map_err(|what| broken(number, &what))?;
        each(&line)?;
    }
    let totals = reading.finish().map_err(|what| broken(number, &what))?.clone();
    let begin = reading.begin().cloned().ok_or_else(|| broken(number, &backup::ExportError::Beginning))?;
    Ok((begin, totals, reading.sha256()))
}

/// A store into which a file is imported.
struct Into {
    store: WholeStore,
    waiting: Vec<(String, Vec<u8>)>,
    written: u64,
    progress: Reporter,
}

impl Into {
    /// Writes a note into an empty store, or finds it there: it says which file is imported.
    fn open(options: &ImportArguments, sha256: &str) -> anyhow::Result<Self> {
        let mut store = WholeStore::open(&options.store.location()?, Access::Write)?;
        let key = keys::import().to_string();
        let note = sha256.as_bytes().to_vec();
        let mut noted = store.get(std::slice::from_ref(&key))?.pop().flatten();
        if noted.is_none() {
            require_empty(&mut store)?;
            store.add(&[(key.clone(), note.clone())])?;
            noted = store.get(&[key])?.pop().flatten();
        } else {
            eprintln!("an import of this store was interrupted");
        }
        if noted.as_ref() != Some(&note) {
            let which = noted.and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
            let why =
                "an import of another file was interrupted here, or is under way: of the one with SHA-256";
            return Err(ExitError::Refused(format!(
                "{why} {which}. Go on with that one, or empty the store"
            ))
            .into());
        }
        Ok(Self { store, waiting: Vec::new(), written: 0, progress: Reporter::new() })
    }

    fn take(&mut self, line: &Line) -> anyhow::Result<()> {
        for item in item::items(line) {
            let value = match item.value {
                StoredValue::Document(value) => value,
                StoredValue::Number(number) => self.store.written(number),
            };
            self.waiting.push((item.key, value));
        }
        if self.waiting.len() >= KEYS_AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let added = self.store.add(&waiting)?;
        let there: Vec<&(String, Vec<u8>)> =
            waiting.iter().zip(added).filter(|(_, added)| !added).map(|(item, _)| item).collect();
        let keys: Vec<String> = there.iter().map(|(key, _)| key.clone()).collect();
        for ((key, value), held) in there.iter().zip(self.store.get(&keys)?) {
            if held.as_ref() != Some(value) {
                let why =
                    "somebody else wrote into this store since the import began: nothing is written over";
                return Err(
                    ExitError::Refused(format!("{key}: {why}. Empty the store and import again")).into()
                );
            }
        }
        self.written = self.written.saturating_add(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        let written = self.written;
        self.progress.report(|| format!("{written} keys written"));
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.write()?;
        self.store.unchanged()?;
        self.store.remove(keys::import().as_str())
    }
}

fn require_empty(store: &mut WholeStore) -> anyhow::Result<()> {
    store.scan(&mut |key| {
        if !is_money(key) {
            return Ok(());
        }
        let why = "the store is not empty: an import never mixes with what is there. Nothing was written";
        Err(ExitError::Refused(format!("{why} ({key})")).into())
    })
}
