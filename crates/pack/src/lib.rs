//! Packs the files that a component serves: its `build.rs` writes `assets.rs`, a table of `api::Asset`.
//!
//! Each file is stored as gzip, and named by the hash of its plain bytes. The same files give the same bytes.

use std::fmt::Write as _;
use std::io::{Error, Result, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The files of a component.
#[derive(Debug)]
pub struct Table {
    folder: PathBuf,
    rows: String,
}

impl Table {
    /// An empty table, for the component that is being built.
    ///
    /// # Errors
    ///
    /// Cargo is not building anything.
    pub fn begin() -> Result<Self> {
        let folder = env::var_os("OUT_DIR").ok_or_else(|| Error::other("OUT_DIR is not set"))?;
        Ok(Self { folder: folder.into(), rows: String::new() })
    }

    /// Adds a file of the component's folder, and lets cargo watch it for changes.
    ///
    /// # Errors
    ///
    /// It cannot be read, or its name does not tell its media type.
    pub fn add_file(&mut self, path: &str, file: &Path) -> Result<()> {
        println!("cargo::rerun-if-changed={}", file.display());
        self.add(path, &fs::read(file)?)
    }

    /// Adds what is served at this path; its last segment tells the media type, which is HTML if it is empty.
    ///
    /// # Errors
    ///
    /// It cannot be written, or its name does not tell its media type.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let media_type = media_type(path).ok_or_else(|| Error::other(format!("what is {path}?")))?;
        let file = format!("{}.gz", path.replace('/', "_"));
        let mut encoder = GzEncoder::new(fs::File::create(self.folder.join(&file))?, Compression::best());
        encoder.write_all(bytes)?;
        encoder.finish()?;
        let hash: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // Only the name, which rustc looks for beside `assets.rs`: the target folder may be moved.
        let row = format!("::api::Asset::new({path:?}, {media_type:?}, {hash:?}, include_bytes!({file:?})),");
        writeln!(self.rows, "{row}").map_err(Error::other)
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(self) -> Result<()> {
        fs::write(self.folder.join("assets.rs"), format!("&[{}]", self.rows))
    }
}

fn media_type(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending) {
        None | Some("html") => Some("text/html; charset=utf-8"),
        Some("css") => Some("text/css; charset=utf-8"),
        Some("js") => Some("text/javascript; charset=utf-8"),
        Some("json") => Some("application/json"),
        Some("svg") => Some("image/svg+xml"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_is_told_by_the_name_it_is_served_under() {
        for (path, expected) in [
            ("/", Some("text/html; charset=utf-8")),
            ("/docs", Some("text/html; charset=utf-8")),
            ("/assets/main.js", Some("text/javascript; charset=utf-8")),
            ("/style.css", Some("text/css; charset=utf-8")),
            ("/openapi.json", Some("application/json")),
            ("/assets/mark.svg", Some("image/svg+xml")),
            ("/assets/mark.bmp", None),
        ] {
            assert_eq!(media_type(path), expected, "{path}");
        }
    }
}
