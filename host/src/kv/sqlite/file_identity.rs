//! Which file is open, whatever its name leads to later.

use anyhow::Context as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The open file. If it was removed or replaced, it is not used any more: nobody would find what is acknowledged
/// there, and a bank that cannot keep what it acknowledges is not ready.
#[derive(Clone)]
pub struct FileIdentity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// The file at `path`, as it is now.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::metadata(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), device: file.dev(), inode: file.ino() })
    }

    /// Why the file is not used any more, if it is gone.
    pub fn gone(&self) -> Option<String> {
        let is_there = |file: std::fs::Metadata| (file.dev(), file.ino()) == (self.device, self.inode);
        let path = self.path.display();
        (!std::fs::metadata(&self.path).is_ok_and(is_there))
            .then(|| format!("SQLite: {path} was removed or replaced. Start the bank anew"))
    }
}
