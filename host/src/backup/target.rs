//! Where exports are written, and found again: a file, a folder, a bucket of S3, or stdout.

use super::s3::{self, S3, Upload};
use crate::exit::Fault;
use anyhow::{Context as _, bail, ensure};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What a name of an export that was given none begins and ends with. In between is the time.
const PREFIX: &str = "bank-";
const SUFFIX: &str = ".jsonl";
/// What a file is called that is being written.
const PARTIAL: &str = ".partial";

/// An export that is being written.
pub enum Target {
    Stdout(BufWriter<std::io::Stdout>),
    File(Partial),
    Object(Object),
}

/// An object of a bucket, which is only there when all of it is.
pub struct Object {
    upload: Upload,
    s3: S3,
    /// Of all exports in this folder so many are left.
    keep: Option<(String, u32)>,
}

/// A file that is only there under its name when all of it is.
pub struct Partial {
    file: BufWriter<File>,
    written: PathBuf,
    path: PathBuf,
    /// Of all exports in its folder so many are left.
    keep: Option<u32>,
    done: bool,
}

impl Target {
    /// Begins to write to `place`; `now` is what a name with the time in it is made of.
    pub fn create(place: &str, keep: Option<u32>, now: &str) -> anyhow::Result<Self> {
        if let Some((bucket, key)) = s3::place(place) {
            return Object::create(&bucket_of(bucket)?, key, keep, now).map(Self::Object);
        }
        let folder = place.ends_with('/') || Path::new(place).is_dir();
        ensure!(keep.is_none() || folder, "--keep is for a folder");
        if place == "-" {
            return Ok(Self::Stdout(BufWriter::new(std::io::stdout())));
        }
        let path = if folder { Path::new(place).join(name(now)) } else { PathBuf::from(place) };
        Partial::create(path, keep).map(Self::File)
    }

    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout(out) => out.write_all(bytes).context("cannot write the export"),
            Self::File(partial) => partial.file.write_all(bytes).with_context(|| partial.cannot()),
            Self::Object(object) => object.upload.write(bytes),
        }
    }

    /// All was written. Says where it is.
    pub fn finish(self) -> anyhow::Result<String> {
        match self {
            Self::Stdout(mut out) => {
                out.flush().context("cannot write the export").map(|()| "stdout".to_owned())
            }
            Self::File(partial) => partial.finish(),
            Self::Object(object) => object.finish(),
        }
    }
}

/// `bank-20261128T021500.123Z.jsonl`: by name in the order of time.
fn name(now: &str) -> String {
    format!("{PREFIX}{}{SUFFIX}", now.replace(['-', ':'], ""))
}

/// Whether a name is one that an export was given.
fn is_named(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.ends_with(SUFFIX))
}

/// The bucket of this name, as the environment of this process says.
fn bucket_of(name: &str) -> anyhow::Result<S3> {
    S3::open(name, |name| std::env::var(name).ok())
}

impl Object {
    fn create(s3: &S3, key: &str, keep: Option<u32>, now: &str) -> anyhow::Result<Self> {
        let is_folder = !key.ends_with(SUFFIX);
        ensure!(keep.is_none() || is_folder, "--keep is for a folder");
        let folder = s3::folder(key);
        let key = if is_folder { format!("{folder}{}", name(now)) } else { key.to_owned() };
        ensure!(!s3.has(&key)?, "{} is there already", s3.name(&key));
        let upload = Upload::create(s3, key)?;
        Ok(Self { upload, s3: s3.clone(), keep: keep.map(|keep| (folder, keep)) })
    }

    fn finish(self) -> anyhow::Result<String> {
        let name = self.upload.name();
        self.upload.finish()?;
        if let Some((folder, keep)) = self.keep {
            for export in too_old(objects(&self.s3, &folder)?, keep) {
                self.s3.remove(&format!("{folder}{export}"))?;
            }
        }
        Ok(name)
    }
}

/// The exports in a folder of a bucket, the oldest first.
fn objects(s3: &S3, folder: &str) -> anyhow::Result<Vec<String>> {
    Ok(s3.list(folder)?.into_iter().filter(|name| is_named(name)).collect())
}

/// All but the last `keep`.
fn too_old<T>(mut exports: Vec<T>, keep: u32) -> Vec<T> {
    exports.truncate(exports.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX)));
    exports
}

impl Partial {
    fn create(path: PathBuf, keep: Option<u32>) -> anyhow::Result<Self> {
        ensure!(!path.exists(), "{} is there already", path.display());
        let mut written = path.clone().into_os_string();
        written.push(PARTIAL);
        let written = PathBuf::from(written);
        // Names and balances are nobody else's business. What an interrupted export left is written over.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&written);
        let file = file.with_context(|| format!("cannot write {}", written.display()))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file), written, path, keep, done: false })
    }

    fn cannot(&self) -> String {
        format!("cannot write {}", self.written.display())
    }

    fn finish(mut self) -> anyhow::Result<String> {
        self.file.flush().with_context(|| self.cannot())?;
        self.file.get_ref().sync_all().with_context(|| self.cannot())?;
        std::fs::rename(&self.written, &self.path).with_context(|| self.cannot())?;
        self.done = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        // The name is on the disk too.
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| self.cannot())?;
        if let Some(keep) = self.keep {
            for export in too_old(exports(folder)?, keep) {
                std::fs::remove_file(&export)
                    .with_context(|| format!("cannot remove {}", export.display()))?;
            }
        }
        Ok(self.path.display().to_string())
    }
}

/// What was not finished is nothing.
impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.written);
        }
    }
}

/// The exports in a folder, the oldest first.
fn exports(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut exports = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        if entry.file_name().to_str().is_some_and(is_named) {
            exports.push(entry.path());
        }
    }
    exports.sort();
    Ok(exports)
}

/// An export that is there.
pub enum Origin {
    File(PathBuf),
    /// Of a bucket, under a key.
    Object(S3, String),
}

impl Origin {
    /// The export at `place`: of a folder the newest.
    pub fn of(place: &str) -> anyhow::Result<Self> {
        ensure!(place != "-", "an export is read twice: name a file");
        if let Some((bucket, key)) = s3::place(place) {
            let s3 = bucket_of(bucket)?;
            if key.ends_with(SUFFIX) {
                return Ok(Self::Object(s3, key.to_owned()));
            }
            let folder = s3::folder(key);
            return match objects(&s3, &folder)?.pop() {
                Some(newest) => Ok(Self::Object(s3, format!("{folder}{newest}"))),
                None => bail!("there is no export in {}", s3.name(&folder)),
            };
        }
        let path = PathBuf::from(place);
        if !path.is_dir() {
            return Ok(Self::File(path));
        }
        match exports(&path)?.pop() {
            Some(newest) => Ok(Self::File(newest)),
            None => bail!("there is no export in {}", path.display()),
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(s3, key) => s3.name(key),
        }
    }

    /// From its first byte.
    pub fn open(&self) -> anyhow::Result<Box<dyn BufRead>> {
        match self {
            Self::File(path) => {
                let file = File::open(path).map_err(|error| {
                    Fault::Unavailable(format!("cannot read {}: {error}", path.display()))
                })?;
                Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
            }
            Self::Object(s3, key) => s3.read(key),
        }
    }
}
