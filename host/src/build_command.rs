//! `bank build`: runs the build commands of the manifest, one component after the other, in a shell, in the
//! manifest's folder or below it. The first command that fails ends the build, and the error names its component.

use crate::manifest::{Build, Component, Manifest};
use anyhow::{Context as _, ensure};
use std::process::Command;

/// Builds the components with these ids, or all if there are none.
pub fn build(manifest: &Manifest, ids: &[String]) -> anyhow::Result<()> {
    let unknown = ids.iter().find(|id| !manifest.components.iter().any(|known| known.id == **id));
    ensure!(unknown.is_none(), "no component is named `{}`", unknown.map_or("", String::as_str));
    let chosen = |component: &&Component| ids.is_empty() || ids.contains(&component.id);
    for component in manifest.components.iter().filter(chosen) {
        if let Some(build) = &component.build {
            build_one(&component.id, build)?;
        }
    }
    println!("Finished building all components");
    Ok(())
}

fn build_one(id: &str, build: &Build) -> anyhow::Result<()> {
    for command in &build.commands {
        println!("Building component {id} with `{command}`");
        let status =
            Command::new("/bin/sh").arg("-c").arg(command).current_dir(&build.folder).status().with_context(
                || format!("cannot run the build command of component `{id}` in {}", build.folder.display()),
            )?;
        ensure!(status.success(), "the build command of component `{id}` failed ({status}): {command}");
    }
    Ok(())
}
