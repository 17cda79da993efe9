//! Compiled components, kept in files that later starts map into memory.
//!
//! A mapped file is read only where code runs, takes no memory of the process's own, and is shared by all processes
//! that map it. wasmtime's own cache keeps compiled code packed, and each start would unpack it into memory of its
//! own: 30 MB.
//!
//! A file is named after the component's bytes and the engine's settings, so it never changes: it is written beside
//! its place and renamed, and never written to again. Only the newest [`MOST_FILES`] stay. The folder must be on a
//! local file system: on NFS, a file that is replaced or removed elsewhere is gone for the processes that have mapped
//! it.

use std::fs::{DirBuilder, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

/// How many files are kept: those of some ten versions of this application, 200 MB.
const MOST_FILES: usize = 100;

/// A folder of compiled components.
pub struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// The cache in `folder`, which is created if it is missing.
    ///
    /// # Errors
    /// The folder cannot be created or written to, or somebody else may write to it: its files are run as code.
    pub fn open(folder: PathBuf) -> anyhow::Result<Self> {
        let name = folder.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make the folder {name}"))?;
        let me = tempfile::tempfile_in(&folder)
            .and_then(|file| file.metadata())
            .with_context(|| format!("cannot write to {name}"))?
            .uid();
        // The path without links, which could lead elsewhere later.
        let folder = folder.canonicalize().with_context(|| format!("cannot look at {name}"))?;
        for above in folder.ancestors() {
            let found = above.metadata().with_context(|| format!("cannot look at {}", above.display()))?;
            let is_safe = if above == folder { is_private } else { protects_entries };
            ensure!(
                is_safe(me, found.uid(), found.mode()),
                "others may write to {}, and what is in {} is run",
                above.display(),
                folder.display()
            );
        }
        Ok(Self { folder })
    }

    /// The component of `wasm`: from its file, or compiled now and kept. One that cannot be kept is used all the same,
    /// after a warning.
    ///
    /// # Errors
    /// `wasm` is no valid component.
    pub fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let file = self.folder.join(file_name(engine, wasm));
        if let Some(component) = mapped(engine, &file) {
            return Ok(component);
        }
        let code = engine.precompile_component(wasm)?;
        if let Err(error) = self.keep(&file, &code) {
            eprintln!("Warning: a compiled component is not kept: {error:#}");
        } else if let Some(component) = mapped(engine, &file) {
            return Ok(component);
        }
        // SAFETY: this engine has just made `code`.
        #[allow(unsafe_code, reason = "see above")]
        unsafe {
            Component::deserialize(engine, code)
        }
    }

    fn keep(&self, file: &Path, code: &[u8]) -> anyhow::Result<()> {
        let name = self.folder.display();
        let mut beside =
            NamedTempFile::new_in(&self.folder).with_context(|| format!("cannot write to {name}"))?;
        beside.write_all(code).with_context(|| format!("cannot write to {name}"))?;
        // A file must be whole, even after a power cut: little of it is verified when it is mapped.
        beside.as_file().sync_all().with_context(|| format!("cannot write to {name}"))?;
        beside.persist(file).with_context(|| format!("cannot name {}", file.display()))?;
        self.forget_all_but(MOST_FILES).with_context(|| format!("cannot remove old files from {name}"))
    }

    /// Removes the files that were used longest ago. A process that has mapped one keeps it.
    fn forget_all_but(&self, newest: usize) -> std::io::Result<()> {
        let mut files = Vec::new();
        for file in self.folder.read_dir()? {
            let file = file?;
            // Another process may have removed it meanwhile.
            if let Ok(used) = file.metadata().and_then(|metadata| metadata.modified()) {
                files.push((used, file.path()));
            }
        }
        files.sort_by(|one, other| other.cmp(one));
        for (_, file) in files.iter().skip(newest) {
            let _ = std::fs::remove_file(file);
        }
        Ok(())
    }
}

/// Whether nobody but the user `me` can write to a folder of this owner and mode.
fn is_private(me: u32, owner: u32, mode: u32) -> bool {
    owner == me && mode & 0o022 == 0
}

/// Whether nobody but the user `me` and root can replace a file of `me` in a folder of this owner and mode.
fn protects_entries(me: u32, owner: u32, mode: u32) -> bool {
    const STICKY: u32 = 0o1000;
    (owner == me || owner == 0) && (mode & 0o002 == 0 || mode & STICKY != 0)
}

/// The name of a file: it depends on the component, the version of wasmtime, and the engine's settings.
fn file_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let content: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{content}-{:016x}.cwasm", settings.finish())
}

/// The component in `file`; none if there is none, or if it is not this engine's.
fn mapped(engine: &Engine, file: &Path) -> Option<Component> {
    // Marks when it was last used, for `forget_all_but`. Somebody else's file cannot be marked, and is used anyway.
    let _ = File::open(file).ok()?.set_modified(SystemTime::now());
    // SAFETY: only its owner can write to the folder, and `keep` alone does: what `Engine::precompile_component` made,
    // whole, under a name for exactly that. The file is never written to again, and a process that has mapped it
    // keeps it when it is removed.
    #[allow(unsafe_code, reason = "see above")]
    unsafe {
        Component::deserialize_file(engine, file)
            // Where nothing may be run from, such as a mount with `noexec`, it is copied into memory.
            .or_else(|_| Component::deserialize(engine, std::fs::read(file)?))
            .ok()
    }
}

#[cfg(test)]
mod tests;
