//! Where an export is written: to a file, an object in a bucket, or stdout. A file or an object gets its name once
//! it is complete.

use super::cli::ExportArguments;
use super::folder::{self, Folder, Last, PARTIAL};
use super::s3::{self, Upload};
use anyhow::{Context as _, ensure};
use backup::Totals;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// An export that is being written.
pub struct ExportTarget {
    sink: Sink,
    /// The folder that it is written to, if the target is a folder.
    into: Option<InFolder>,
}

enum Sink {
    Stdout(BufWriter<std::io::Stdout>),
    File(Partial),
    Object(Upload),
}

/// A folder, and what happens there when the export is complete.
struct InFolder {
    folder: Folder,
    name: String,
    keep: Option<u32>,
    /// The export whose totals it must reach.
    last: Option<Last>,
}

/// A file that gets its name only when it is complete.
struct Partial {
    file: BufWriter<File>,
    written: PathBuf,
    path: PathBuf,
    done: bool,
}

impl ExportTarget {
    /// Begins to write at the place that the options name. `now` is the time in a generated name.
    pub fn create(options: &ExportArguments, now: &str) -> anyhow::Result<Self> {
        let place = &*options.to;
        let is_folder = place != "-" && !folder::names_one_export(place);
        ensure!(options.keep.is_none() || is_folder, "--keep is for a folder");
        if is_folder {
            let folder = Folder::at(place)?;
            folder.create()?;
            let name = folder::name(now);
            let last = folder.last(&name)?.filter(|_| !options.accept_loss);
            let sink = Sink::create(&folder.name_of(&name))?;
            folder.remove_unfinished()?;
            return Ok(Self { sink, into: Some(InFolder { folder, name, keep: options.keep, last }) });
        }
        let sink =
            if place == "-" { Sink::Stdout(BufWriter::new(std::io::stdout())) } else { Sink::create(place)? };
        Ok(Self { sink, into: None })
    }

    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.sink {
            Sink::Stdout(out) => out.write_all(bytes).context("cannot write the export"),
            Sink::File(partial) => partial.file.write_all(bytes).with_context(|| partial.failure_context()),
            Sink::Object(upload) => upload.write(bytes),
        }
    }

    /// Completes the export, whose totals are `totals`, and returns its name. Older exports are removed only now.
    pub fn finish(self, totals: &Totals) -> anyhow::Result<String> {
        let Self { sink, into } = self;
        if let Some(last) = into.as_ref().and_then(|into| into.last.as_ref()) {
            last.check_successor(totals)?;
        }
        let name = sink.finish()?;
        if let Some(InFolder { folder, name, keep: Some(keep), .. }) = &into {
            folder.remove_older(name, *keep)?;
        }
        Ok(name)
    }
}

impl Sink {
    fn create(place: &str) -> anyhow::Result<Self> {
        let Some((bucket, key)) = s3::split_s3_url(place) else {
            return Partial::create(PathBuf::from(place)).map(Self::File);
        };
        let s3 = s3::of_environment(bucket)?;
        ensure!(s3.size(key)?.is_none(), "{place} is there already");
        Upload::create(&s3, key.to_owned()).map(Self::Object)
    }

    fn finish(self) -> anyhow::Result<String> {
        match self {
            Self::Stdout(mut out) => {
                out.flush().context("cannot write the export")?;
                Ok("stdout".to_owned())
            }
            Self::File(partial) => partial.finish(),
            Self::Object(upload) => upload.finish(),
        }
    }
}

impl Partial {
    fn create(path: PathBuf) -> anyhow::Result<Self> {
        let mut written = path.clone().into_os_string();
        written.push(PARTIAL);
        let written = PathBuf::from(written);
        let cannot = || format!("cannot write {}", written.display());
        // Writing would follow the link to wherever somebody else points it.
        ensure!(!written.is_symlink(), "{} is a link", written.display());
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&written);
        let file = file.with_context(cannot)?;
        folder::lock(&file, &path)?;
        // Another export may have finished in between: then its file has this name, and no longer the one that we
        // locked.
        let is_still_named =
            || Ok::<_, std::io::Error>(std::fs::symlink_metadata(&written)?.ino() == file.metadata()?.ino());
        ensure!(is_still_named().unwrap_or(false), "another export writes {}", path.display());
        let partial = Self { file: BufWriter::with_capacity(1 << 18, file), written, path, done: false };
        ensure!(!partial.path.exists(), "{} is there already", partial.path.display());
        // What an interrupted export left is overwritten. Nobody else may see names and balances.
        let file = partial.file.get_ref();
        file.set_len(0).with_context(|| partial.failure_context())?;
        file.set_permissions(Permissions::from_mode(0o600)).with_context(|| partial.failure_context())?;
        Ok(partial)
    }

    fn failure_context(&self) -> String {
        format!("cannot write {}", self.written.display())
    }

    fn finish(mut self) -> anyhow::Result<String> {
        self.file.flush().with_context(|| self.failure_context())?;
        self.file.get_ref().sync_all().with_context(|| self.failure_context())?;
        std::fs::rename(&self.written, &self.path).with_context(|| self.failure_context())?;
        self.done = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The name is on the disk too.
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).with_context(|| self.failure_context())?;
        Ok(self.path.display().to_string())
    }
}

/// Removes an unfinished file.
impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_exports_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.jsonl");
        let first = Partial::create(path.clone()).unwrap();
        let why = Partial::create(path.clone()).err().unwrap().to_string();
        assert!(why.contains("another export writes "), "{why}");
        first.finish().unwrap();
        let why = Partial::create(path).err().unwrap().to_string();
        assert!(why.contains("is there already"), "{why}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "gold").unwrap();
        std::os::unix::fs::symlink(&precious, folder.path().join("bank.jsonl.partial")).unwrap();
        let why = Partial::create(folder.path().join("bank.jsonl")).err().unwrap().to_string();
        assert!(why.ends_with("bank.jsonl.partial is a link"), "{why}");
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "gold");
    }
}
