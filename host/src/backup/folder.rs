//! A folder of exports, on disk or in a bucket: which one is the newest, what a new one must not fall behind, which
//! are too old to keep.
//!
//! Only a file with the name of an export counts as one. No other file is restored as the newest, and none is
//! removed as too old.
//!
//! Nothing ever leaves a store, so a later export of it has at least as many wallets, entries and counters. An
//! export with fewer is of another store, or of one that has lost its disk. It is refused before it gets its final
//! name, and before any older export is removed.

use super::origin::ExportOrigin;
use super::s3::{self, S3};
use crate::exit::ExitError;
use anyhow::{Context as _, bail};
use backup::{Totals, reading};
use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What a generated name of an export begins and ends with. In between is the time.
const PREFIX: &str = "bank-";
const SUFFIX: &str = ".jsonl";
/// The form of that time; each 0 is a digit.
const TIME_FORM: &str = "00000000T000000.000Z";
/// The suffix of a file that is still being written.
pub const PARTIAL: &str = ".partial";
/// The last two lines of an export are shorter than this.
const TAIL_BYTES: u64 = 4_096;

/// A folder of exports.
pub enum Folder {
    Files(PathBuf),
    /// In a bucket, all keys that begin so.
    Objects(S3, String),
}

/// The newest export of a folder, and what is in it.
pub struct Last {
    name: String,
    totals: Totals,
}

/// The name of an export that began at this time.
pub fn name(now: &str) -> String {
    // Some file systems do not allow `:`.
    format!("{PREFIX}{}{SUFFIX}", now.replace(['-', ':'], ""))
}

/// Whether a name is a generated name of an export.
fn is_export_name(name: &str) -> bool {
    let time = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    let is_like = |(at, like): (u8, u8)| if like == b'0' { at.is_ascii_digit() } else { at == like };
    time.is_some_and(|time| time.len() == TIME_FORM.len() && time.bytes().zip(TIME_FORM.bytes()).all(is_like))
}

/// Whether this place is one export rather than a folder.
pub fn names_one_export(place: &str) -> bool {
    match s3::split_s3_url(place) {
        Some((_, key)) => key.ends_with(SUFFIX),
        None => !place.ends_with('/') && !Path::new(place).is_dir(),
    }
}

/// The export at a place; in a folder, the newest one.
pub fn export_at(place: &str) -> anyhow::Result<ExportOrigin> {
    if names_one_export(place) { ExportOrigin::at(place) } else { Folder::at(place)?.newest() }
}

impl Folder {
    /// The folder at a place that is one.
    pub fn at(place: &str) -> anyhow::Result<Self> {
        match s3::split_s3_url(place) {
            Some((bucket, key)) => Ok(Self::Objects(s3::of_environment(bucket)?, s3::folder(key))),
            None => Ok(Self::Files(PathBuf::from(place))),
        }
    }

    /// Creates the folder if there is none. Nobody else may see names and balances.
    pub fn create(&self) -> anyhow::Result<()> {
        let Self::Files(path) = self else { return Ok(()) };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("cannot create the folder {}", path.display()))
    }

    /// The newest export in it.
    pub fn newest(&self) -> anyhow::Result<ExportOrigin> {
        match self.exports()?.pop() {
            Some(name) => Ok(self.origin_of(&name)),
            None => bail!("there is no export in {}", self.name_of("")),
        }
    }

    /// The newest export, if one with this `name` may come after it. A damaged export is skipped and reported.
    pub fn last(&self, name: &str) -> anyhow::Result<Option<Last>> {
        let exports = self.exports()?;
        if let Some(later) = exports.last().filter(|last| last.as_str() > name) {
            let why = "is of a later time than now, and would be taken for the newest: set the clock, or move it away";
            return Err(
                ExitError::Refused(format!("{} {why}. Nothing was exported", self.name_of(later))).into()
            );
        }
        for name in exports.into_iter().rev() {
            match self.totals(&name)? {
                Some(totals) => return Ok(Some(Last { name, totals })),
                None => eprintln!("Warning: {} is no whole export", self.name_of(&name)),
            }
        }
        Ok(None)
    }

    /// Removes the exports that are older than the newest `keep` complete ones, counted back from the one of this
    /// `name`.
    pub fn remove_older(&self, name: &str, keep: u32) -> anyhow::Result<()> {
        let mut exports = self.exports()?;
        exports.retain(|export| export.as_str() <= name);
        let mut left = keep;
        while left > 0
            && let Some(export) = exports.pop()
        {
            if self.totals(&export)?.is_some() {
                left = left.saturating_sub(1);
            }
        }
        for export in exports {
            let export = self.origin_of(&export);
            let removed = export.remove().with_context(|| format!("cannot remove {}", export.name()));
            removed.with_context(|| format!("{} is there", self.name_of(name)))?;
        }
        Ok(())
    }

    /// Removes unfinished files of exports that were killed.
    pub fn remove_unfinished(&self) -> anyhow::Result<()> {
        let Self::Files(folder) = self else { return Ok(()) };
        for name in
            names(folder)?.iter().filter(|name| name.strip_suffix(PARTIAL).is_some_and(is_export_name))
        {
            let path = folder.join(name);
            // A process that is still writing it holds a lock on it.
            let is_left = |file: File| file.try_lock().is_ok();
            if File::open(&path).is_ok_and(is_left) && std::fs::remove_file(&path).is_ok() {
                eprintln!("removed {}, which an export left that was broken off", path.display());
            }
        }
        Ok(())
    }

    /// How an export in it is called in messages.
    pub fn name_of(&self, name: &str) -> String {
        self.origin_of(name).name()
    }

    /// The names of the exports in it, the oldest first.
    fn exports(&self) -> anyhow::Result<Vec<String>> {
        let mut names = match self {
            Self::Files(folder) => names(folder)?,
            Self::Objects(s3, folder) => s3.list(folder)?,
        };
        names.retain(|name| is_export_name(name));
        if let Self::Files(folder) = self {
            // To open a pipe is to wait for its writer.
            names.retain(|name| folder.join(name).metadata().map_or(true, |found| found.is_file()));
        }
        names.sort();
        Ok(names)
    }

    fn origin_of(&self, name: &str) -> ExportOrigin {
        match self {
            Self::Files(folder) => ExportOrigin::File(folder.join(name)),
            Self::Objects(s3, folder) => ExportOrigin::Object(s3.clone(), format!("{folder}{name}")),
        }
    }

    /// The totals of an export, if it is complete.
    fn totals(&self, name: &str) -> anyhow::Result<Option<Totals>> {
        Ok(reading::totals_at_end(&self.origin_of(name).tail(TAIL_BYTES)?))
    }
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(cannot)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let names: Vec<Option<String>> = names.collect::<std::io::Result<_>>().with_context(cannot)?;
    Ok(names.into_iter().flatten().collect())
}

/// Locks a file, so that only this process writes it, if its file system has locks.
pub fn lock(file: &File, path: &Path) -> anyhow::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => bail!("another export writes {}", path.display()),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

impl Last {
    /// Checks that an export with these totals may become the newest.
    pub fn check_successor(&self, totals: &Totals) -> anyhow::Result<()> {
        let Some(less) = totals.less_than(&self.totals) else { return Ok(()) };
        let why = "Nothing ever leaves a store: is this the right one, and has it all its money? Nothing was exported. \
                   Where it is right, as after an older export was restored, export once with --accept-loss";
        Err(ExitError::Refused(format!("the store has {less} that are in {}. {why}", self.name)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-28T02:15:00.123Z";
    const END: &str = r#"{"kind":"end","lines":1,"sha256":"x"}"#;

    /// The end of an export with so many wallets.
    fn ending(wallets: u64) -> String {
        let totals = Totals { wallets, ..Totals::default() };
        let sums = backup::line::ExportTotals { ended: NOW.to_owned(), totals };
        let sums = backup::Line::Totals(Box::new(sums)).encode();
        format!("{}{END}\n", String::from_utf8(sums).unwrap())
    }

    fn of(files: &[(&str, String)]) -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().to_owned();
        (folder, Folder::Files(path))
    }

    #[test]
    fn only_what_an_export_named_is_one() {
        assert!(is_export_name(&name(NOW)));
        for other in
            ["bank-before.jsonl", "bank-20261128T021500.123Z.jsonl.partial", "bank-.jsonl", "x.jsonl"]
        {
            assert!(!is_export_name(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_file_is_no_export_whatever_its_name() {
        let (path, folder) = of(&[("bank-20261127T000000.000Z.jsonl", ending(3))]);
        std::fs::create_dir(path.path().join("bank-20261128T000000.000Z.jsonl")).unwrap();
        assert!(folder.last(&name(NOW)).unwrap().is_some());
        assert!(folder.newest().unwrap().name().ends_with("bank-20261127T000000.000Z.jsonl"));
    }

    #[test]
    fn an_export_with_fewer_wallets_than_the_newest_whole_one_does_not_follow_it() {
        let (_folder, folder) = of(&[
            ("bank-20261127T000000.000Z.jsonl", ending(3)),
            ("bank-20261128T000000.000Z.jsonl", ending(9).replace(END, "")),
            ("bank-20261128T000000.000Z.jsonl.partial", ending(9)),
            ("bank-z.jsonl", ending(9)),
        ]);
        let last = folder.last(&name(NOW)).unwrap().unwrap();
        assert!(last.check_successor(&Totals { wallets: 3, ..Totals::default() }).is_ok());
        let why = last.check_successor(&Totals { wallets: 2, ..Totals::default() }).unwrap_err().to_string();
        assert!(why.contains("2 of 3 wallets that are in bank-20261127T000000.000Z.jsonl"), "{why}");
    }

    #[test]
    fn an_export_is_not_put_before_one_of_a_later_time() {
        let (_folder, folder) = of(&[("bank-20300101T000000.000Z.jsonl", ending(0))]);
        let why = folder.last(&name(NOW)).err().unwrap().to_string();
        assert!(why.contains("is of a later time than now"), "{why}");
    }

    #[test]
    fn the_newest_are_kept_and_other_files_are_nobodys() {
        let names = [
            "bank-20261126T000000.000Z.jsonl",
            "bank-20261127T000000.000Z.jsonl",
            "bank-20261128T021500.123Z.jsonl",
            "bank-20300101T000000.000Z.jsonl",
            "bank-before.jsonl",
        ];
        let (path, folder) = of(&names.map(|name| (name, ending(1))));
        folder.remove_older(&name(NOW), 1).unwrap();
        let mut left = super::names(path.path()).unwrap();
        left.sort();
        assert_eq!(left, names[2..]);
    }

    #[test]
    fn an_export_that_was_cut_off_is_not_kept_in_place_of_a_whole_one() {
        let (whole, cut) = (ending(1), ending(1).replace(END, ""));
        let (path, folder) = of(&[
            ("bank-20261125T000000.000Z.jsonl", whole.clone()),
            ("bank-20261126T000000.000Z.jsonl", whole.clone()),
            ("bank-20261127T000000.000Z.jsonl", cut),
            ("bank-20261128T021500.123Z.jsonl", whole),
        ]);
        folder.remove_older(&name(NOW), 2).unwrap();
        let mut left = super::names(path.path()).unwrap();
        left.sort();
        assert_eq!(left.first().unwrap(), "bank-20261126T000000.000Z.jsonl");
    }

    #[test]
    fn what_an_export_left_that_was_killed_is_removed_unless_it_is_written() {
        let names = ["bank-20261126T000000.000Z.jsonl.partial", "bank-20261127T000000.000Z.jsonl.partial"];
        let (path, folder) = of(&names.map(|name| (name, String::new())));
        let written = File::open(path.path().join(names[1])).unwrap();
        lock(&written, path.path()).unwrap();
        folder.remove_unfinished().unwrap();
        assert_eq!(super::names(path.path()).unwrap(), names[1..]);
    }
}
