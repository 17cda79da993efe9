//! Golden files: every file in a `bad` folder is refused with exactly the words in the `.txt` beside it;
//! every file in a `good` folder is read as the `.txt` beside it shows.
//!
//! When words change on purpose: `BLESS=1 cargo test --profile native -p bank --test golden`, and read
//! the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bank::manifest::Manifest;
use bank::runtime_config::RuntimeConfig;
use bank::source::Source;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[test]
fn manifests_are_read_or_refused_as_written_down() {
    compare("manifest", |path, source| {
        Manifest::read(&source, Path::new("/app")).map(|manifest| show_manifest(&manifest, path))
    });
}

#[test]
fn runtime_configs_are_read_or_refused_as_written_down() {
    compare("runtime_config", |path, source| {
        let config = RuntimeConfig::read(&source, &Path::new("/config").join(path), Path::new("/app"), None)?;
        let stores = config.stores.iter().map(|(label, store)| format!("{label}: {store}\n"));
        Ok(stores.chain(config.providers.iter().map(|provider| format!("{provider}\n"))).collect())
    });
}

fn compare(kind: &str, read: impl Fn(&Path, Source) -> anyhow::Result<String>) {
    let mut wrong = Vec::new();
    for (folder, refused) in [("good", false), ("bad", true)] {
        let files =
            files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind).join(folder));
        assert!(!files.is_empty());
        for file in files {
            let name = Path::new(file.file_name().unwrap());
            let source = Source::new(name, std::fs::read_to_string(&file).unwrap());
            let (was_refused, text) = match read(name, source) {
                Ok(text) => (false, text),
                Err(error) => (true, format!("{error:#}\n")),
            };
            let golden = file.with_extension("txt");
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&golden, &text).unwrap();
            }
            let expected = std::fs::read_to_string(&golden).unwrap_or_default();
            if was_refused != refused || text != expected {
                wrong.push(format!("{}\nexpected: {expected}got: {text}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect();
    files.sort();
    files
}

fn show_manifest(manifest: &Manifest, path: &Path) -> String {
    let mut text = format!("{}: {} {:?}\n", path.display(), manifest.name, manifest.version);
    for variable in &manifest.variables {
        let secret = if variable.secret { ", secret" } else { "" };
        let rule = variable.rule.as_ref().map(|rule| format!("; {rule}")).unwrap_or_default();
        writeln!(text, "variable {}: {:?}{secret}{rule}", variable.name, variable.default).unwrap();
    }
    if let Some(path) = &manifest.readiness_path {
        writeln!(text, "ready at {path}").unwrap();
    }
    for route in &manifest.routes {
        writeln!(text, "route {} -> {}", route.path, route.component).unwrap();
    }
    for component in &manifest.private {
        writeln!(text, "private route -> {component}").unwrap();
    }
    for component in &manifest.components {
        writeln!(
            text,
            "component {}: {} {:?}",
            component.id,
            component.source.display(),
            component.description
        )
        .unwrap();
        for (name, value) in &component.environment {
            writeln!(text, "  environment {name} = {value:?}").unwrap();
        }
        for (name, value) in &component.variables {
            writeln!(text, "  variable {name} names {:?}", value.variables().collect::<Vec<_>>()).unwrap();
        }
        writeln!(text, "  stores {:?}", component.key_value_stores).unwrap();
        writeln!(text, "  {} allowed hosts", component.allowed_outbound_hosts.len()).unwrap();
        if let Some(build) = &component.build {
            writeln!(text, "  build in {}: {:?}", build.folder.display(), build.commands).unwrap();
        }
    }
    text
}
