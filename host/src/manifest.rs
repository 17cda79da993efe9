//! `spin.toml`, version 2, read as Spin reads it, and checked: routes lead to components, templates name variables,
//! stores have labels. If `bank` does not support something, it is refused, with file and line.
//!
//! What Spin itself ignores (`tool`, `targets`, `watch`, descriptions of variables) is accepted.
//! `[application.tool.bank]` is for `bank`: it holds what Spin does not need to know. Whether `.wasm` files, values
//! of variables and stores exist is checked at `up`, not here.

mod model;
mod reader;
mod schema;

pub use model::{Build, Component, Manifest, Route, Variable};

use crate::source::Source;
use anyhow::Context as _;
use reader::Reader;
use std::path::Path;

impl Manifest {
    /// Reads `spin.toml`, or the one in a folder.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let file = if path.is_dir() { path.join("spin.toml") } else { path.to_owned() };
        let absolute =
            std::path::absolute(&file).with_context(|| format!("{} is no path", file.display()))?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::read(&Source::read(&file)?, folder)
    }

    /// Reads a manifest; its paths are relative to `folder`.
    pub fn read(source: &Source, folder: &Path) -> anyhow::Result<Self> {
        Reader { source, folder }.manifest()
    }
}
