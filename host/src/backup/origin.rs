//! Where an import reads from: a file, or an object in a bucket.

use super::s3::{self, S3};
use crate::exit::ExitError;
use anyhow::{Context as _, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A place that an export is read from, twice.
pub enum ExportOrigin {
    File(PathBuf),
    Object(S3, String),
}

impl ExportOrigin {
    /// The export at a place.
    pub fn at(place: &str) -> anyhow::Result<Self> {
        if let Some((bucket, key)) = s3::split_s3_url(place) {
            return Ok(Self::Object(s3::of_environment(bucket)?, key.to_owned()));
        }
        let path = PathBuf::from(place);
        ensure!(
            path.is_file() || !path.exists(),
            "{place} is no file. An export is checked before any of it is stored, so it is read twice: write what a pipe gives \
             into a file first"
        );
        Ok(Self::File(path))
    }

    pub fn open(&self) -> anyhow::Result<Box<dyn BufRead>> {
        match self {
            Self::File(path) => {
                let file = File::open(path).map_err(|error| {
                    ExitError::Unavailable(format!("cannot open {}: {error}", path.display()))
                })?;
                Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
            }
            Self::Object(s3, key) => s3.read(key),
        }
    }

    /// Its last `bytes` bytes, or all if it has fewer.
    pub fn tail(&self, bytes: u64) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::File(path) => {
                end_of(path, bytes).with_context(|| format!("cannot read {}", path.display()))
            }
            Self::Object(s3, key) => s3.tail(key, bytes),
        }
    }

    pub fn remove(&self) -> anyhow::Result<()> {
        match self {
            Self::File(path) => Ok(std::fs::remove_file(path)?),
            Self::Object(s3, key) => s3.remove(key),
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(s3, key) => s3.name(key),
        }
    }
}

fn end_of(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut tail = Vec::new();
    file.take(bytes).read_to_end(&mut tail)?;
    Ok(tail)
}
