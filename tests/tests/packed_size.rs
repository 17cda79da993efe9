//! The components stay small: packed together, each alone, and in what they are made of. `docs`, which
//! carries Swagger UI packed, is only measured alone: it serves people who read, not money.
//!
//! Scenario: somebody adds a dependency. Mechanism: the files that `spin.toml` names are measured, and
//! packed with `tar | gzip`; cargo lists the crates in them; the limits are in `budgets.toml`. Needs: the
//! built components, `tar`, `gzip`, `cargo`.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{budgets::Budgets, paint};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const DOCS: &str = "docs";

/// The components' files by name; without them there is nothing to measure, and that is a failure.
fn sources() -> BTreeMap<String, String> {
    let manifest = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let components = manifest["component"].as_table().unwrap().iter();
    let source = |table: &toml::Value| table["source"].as_str().unwrap().to_owned();
    let sources: BTreeMap<_, _> = components.map(|(name, table)| (name.clone(), source(table))).collect();
    for source in sources.values() {
        let missing = format!("{source} is not there. Build the components first: make build");
        assert!(root().join(source).is_file(), "{}", paint::red(&missing));
    }
    sources
}

#[test]
fn all_components_packed_stay_under_the_limit() {
    let mut sources = sources();
    assert!(sources.remove(DOCS).is_some(), "{DOCS} is not in the manifest");
    let files: BTreeSet<_> = sources.values().collect();
    let packed = Command::new("tar").args(["-cz", "-C"]).arg(root()).args(files).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let (bytes, limit) = (packed.stdout.len() as u64, Budgets::load().bytes.packed);
    println!("packed: {bytes} bytes of {limit}");
    assert!(bytes < limit, "{bytes} bytes packed");
}

#[test]
fn every_component_alone_stays_under_its_line() {
    let limits = Budgets::load().bytes.components;
    let sources = sources();
    assert!(sources.keys().eq(limits.keys()), "budgets.toml has a line for each component and no other");
    for (name, source) in sources {
        let bytes = std::fs::metadata(root().join(&source)).unwrap().len();
        println!("{name}: {bytes} bytes of {}", limits[&name]);
        assert!(bytes < limits[&name], "{name}: {bytes} bytes");
    }
}

#[test]
fn components_are_made_of_no_more_crates_than_the_limit() {
    let mut tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.current_dir(root()).args(["tree", "--locked", "--offline", "--target", "wasm32-wasip2"]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    for source in sources().values() {
        tree.arg("--package").arg(Path::new(source).file_stem().unwrap());
    }
    let listed = tree.output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    // Ours show the folder that they are in.
    let crates: BTreeSet<&str> =
        listed.lines().filter(|line| !line.is_empty() && !line.contains('(')).collect();
    let limit = Budgets::load().dependencies.components;
    println!("{} crates of {limit}", crates.len());
    assert!(crates.len() <= limit, "{} crates: {crates:?}", crates.len());
}
