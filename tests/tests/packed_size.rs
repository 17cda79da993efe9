//! The components stay small: packed together, and each alone. `docs`, which carries Swagger UI packed, is
//! measured alone: it serves people who read, not money.
//!
//! Scenario: somebody adds a dependency. Mechanism: the files that `spin.toml` names are measured, and
//! packed with `tar | gzip`; the limits are in `tests::limits`. Needs: the built components, `tar`, `gzip`.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic here is a test that fails"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{limits, red};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const DOCS: &str = "target/wasm32-wasip2/release/docs.wasm";

/// The files of all components but `docs`; without them there is nothing to measure, and that is a failure.
fn sources() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let components = manifest["component"].as_table().unwrap().values();
    let mut sources: Vec<String> = components.map(|table| table["source"].as_str().unwrap().into()).collect();
    assert!(sources.iter().any(|source| source == DOCS), "{DOCS} is not in the manifest");
    for source in &sources {
        let missing = format!("{source} is not there. Build the components first: make build");
        assert!(root().join(source).is_file(), "{}", red::line(&missing));
    }
    sources.retain(|source| source != DOCS);
    sources
}

#[test]
fn all_components_packed_stay_under_the_limit() {
    let packed = Command::new("tar").args(["-cz", "-C"]).arg(root()).args(sources()).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let bytes = packed.stdout.len() as u64;
    println!("packed: {bytes} bytes of {}", limits::PACKED_BYTES);
    assert!(bytes < limits::PACKED_BYTES, "{bytes} bytes packed");
}

#[test]
fn every_component_alone_stays_under_the_limit() {
    for source in sources() {
        let bytes = std::fs::metadata(root().join(&source)).unwrap().len();
        println!("{source}: {bytes} bytes of {}", limits::COMPONENT_BYTES);
        assert!(bytes < limits::COMPONENT_BYTES, "{source}: {bytes} bytes");
    }
}

#[test]
fn the_documentation_stays_under_its_own_limit() {
    let bytes = std::fs::metadata(root().join(DOCS)).unwrap().len();
    println!("{DOCS}: {bytes} bytes of {}", limits::DOCS_BYTES);
    assert!(bytes < limits::DOCS_BYTES, "{bytes} bytes");
}
