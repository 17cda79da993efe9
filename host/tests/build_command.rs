//! `bank build`, run as a command.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "builds"
[[trigger.http]]
route = "/..."
component = "two"
[component.one]
source = "one.wasm"
[component.one.build]
command = ["pwd > one.txt", "echo again >> one.txt"]
[component.two]
source = "two.wasm"
build = { command = "pwd > two.txt", workdir = "below" }
[component.never-built]
source = "three.wasm"
"#;

fn build(folder: &Path, manifest: &str, arguments: &[&str]) -> Output {
    std::fs::write(folder.join("spin.toml"), manifest).unwrap();
    std::fs::create_dir_all(folder.join("below")).unwrap();
    let bank = env!("CARGO_BIN_EXE_bank");
    Command::new(bank).arg("build").arg("--from").arg(folder).args(arguments).output().unwrap()
}

#[test]
fn every_command_is_run_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = build(folder.path(), MANIFEST, &[]);
    assert!(output.status.success(), "{output:?}");
    let path = folder.path().canonicalize().unwrap();
    let one = std::fs::read_to_string(path.join("one.txt")).unwrap();
    assert_eq!(one, format!("{}\nagain\n", path.display()));
    let two = std::fs::read_to_string(path.join("below/two.txt")).unwrap();
    assert_eq!(two, format!("{}\n", path.join("below").display()));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("Building component one with `pwd > one.txt`"), "{told}");
}

#[test]
fn one_component_can_be_built_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(build(folder.path(), MANIFEST, &["-c", "two"]).status.success());
    assert!(!folder.path().join("one.txt").exists());
    let output = build(folder.path(), MANIFEST, &["-c", "nobody"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no component is named `nobody`"));
}

#[test]
fn a_command_that_fails_ends_it_and_names_its_component() {
    let folder = tempfile::tempdir().unwrap();
    let failing = MANIFEST.replace("pwd > one.txt", "exit 3");
    let output = build(folder.path(), &failing, &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("component `one` failed") && error.contains("exit 3"), "{error}");
    assert!(!folder.path().join("below/two.txt").exists());
}
