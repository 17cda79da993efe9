//! Packs what the component serves: the dashboard, every file of `assets/`, and the stylesheet of all pages.

use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=assets");
    let mut table = pack::Table::begin()?;
    table.add_file("/style.css", Path::new("src/style.css"))?;
    let files = fs::read_dir("assets")?.map(|file| Ok(file?.path()));
    let mut files = files.collect::<io::Result<Vec<PathBuf>>>()?;
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let path = if name == "index.html" { "/".to_owned() } else { format!("/assets/{name}") };
        table.add_file(&path, &file)?;
    }
    table.write()
}
