//! A folder of exports: a store that lost money adds no export and removes none, and other files are left alone.
//!
//! Mechanism: the store of a deployment is taken away, and its banks serve an empty one. The folder gets files that an
//! adversary, a wrong clock or a killed export would leave. Needs: a deployment with `store=sqlite`.

use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::prove::shards::deposit;
use anyhow::{Context as _, ensure};
use std::path::PathBuf;

/// Names in the folder: of an unrelated file, of what a killed export left, of an export of a later time.
const UNRELATED: &str = "bank-before-the-move.jsonl";
const UNFINISHED: &str = "bank-20200101T000000.000Z.jsonl.partial";
const OF_LATER_TIME: &str = "bank-20990101T000000.000Z.jsonl";

/// Runs all scenarios in one folder, one after the other.
pub async fn run(deployment: &mut Deployment) -> anyhow::Result<()> {
    let user = fresh("folder");
    deposit(&deployment.client(), &user, 1).await.is(200);
    let good = export_into_new_folder(deployment).await.context("a folder that is not there yet")?;
    export_from_lost_store(deployment, &good).await.context("a store that was lost")?;
    export_beside_later_file(deployment).await.context("a file of a later time")
}

/// The folder is created. What a killed export left is removed, and other files stay.
async fn export_into_new_folder(deployment: &Deployment) -> anyhow::Result<Vec<String>> {
    export(deployment, &[]).await?;
    for name in [UNRELATED, UNFINISHED] {
        std::fs::write(folder(deployment).join(name), "")?;
    }
    export(deployment, &["--keep", "1"]).await?;
    let mut there = names(deployment)?;
    ensure!(there.pop().as_deref() == Some(UNRELATED), "what is no export was removed");
    ensure!(there.len() == 1 && there[0] != UNFINISHED, "{there:?} are kept");
    deployment.must_run(&["import", "--check", &place(deployment)]).await?;
    Ok(there)
}

/// A store without the money that it had exports nothing into the folder, unless that is accepted; and it does not
/// pass a drill.
async fn export_from_lost_store(deployment: &mut Deployment, good: &[String]) -> anyhow::Result<()> {
    deployment.stop_banks().await?;
    deployment.wipe_store().await?;
    deployment.start_banks().await?;
    let why = deployment.must_fail(&["verify", "--all"], 5).await?;
    ensure!(why.contains("there are 0 wallets, and not 1 (--at-least)"), "{why}");
    deployment.must_run(&["verify", "--all", "--at-least", "0"]).await?;
    let why = deployment.must_fail(&["export", "--to", &place(deployment), "--keep", "1"], 5).await?;
    ensure!(why.contains("0 of 1 wallets, 0 of 1 deposits") && why.contains("--accept-loss"), "{why}");
    let there = names(deployment)?;
    ensure!(there[..there.len() - 1] == *good, "{there:?} are left of {good:?}");
    export(deployment, &["--accept-loss"]).await?;
    export(deployment, &[]).await?;
    let why = deployment.must_fail(&["import", "--check", &place(deployment)], 5).await?;
    ensure!(why.contains("it has 0 wallets, and not 1 (--at-least)"), "{why}");
    deployment.must_run(&["import", "--check", "--at-least", "0", &place(deployment)]).await?;
    Ok(())
}

/// A name that would always be the newest blocks exports, and removes none.
async fn export_beside_later_file(deployment: &Deployment) -> anyhow::Result<()> {
    std::fs::write(folder(deployment).join(OF_LATER_TIME), "")?;
    let before = names(deployment)?;
    let why = deployment.must_fail(&["export", "--to", &place(deployment), "--keep", "1"], 5).await?;
    ensure!(why.contains("is of a later time than now"), "{why}");
    ensure!(names(deployment)? == before, "{:?} are left of {before:?}", names(deployment)?);
    Ok(())
}

fn folder(deployment: &Deployment) -> PathBuf {
    deployment.path("kept/backups")
}

fn place(deployment: &Deployment) -> String {
    format!("{}/", folder(deployment).display())
}

async fn export(deployment: &Deployment, words: &[&str]) -> anyhow::Result<()> {
    let place = place(deployment);
    deployment.must_run(&[&["export", "--to", &place], words].concat()).await.map(drop)
}

fn names(deployment: &Deployment) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder(deployment))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}
