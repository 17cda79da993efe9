//! A folder of exports: a store that lost money adds no export and removes none, and other files are left alone.
//!
//! Mechanism: the store of a house is taken away, and its banks serve an empty one. The folder gets files that an
//! adversary, a wrong clock or a killed export would leave. Needs: a house with `store=sqlite`.

use crate::names::fresh;
use crate::prove::house::House;
use crate::prove::shards::deposit;
use anyhow::{Context as _, ensure};
use std::path::PathBuf;

const BY_ANOTHER_HAND: &str = "bank-before-the-move.jsonl";
const LEFT: &str = "bank-20200101T000000.000Z.jsonl.partial";
const LATER: &str = "bank-20990101T000000.000Z.jsonl";

/// All of it, one after the other.
pub async fn keeps_what_is_good(house: &mut House) -> anyhow::Result<()> {
    let user = fresh("folder");
    deposit(&house.client(), &user, 1).await.is(200);
    let good = is_made_and_kept(house).await.context("a folder that is not there yet")?;
    is_not_replaced(house, &good).await.context("a store that was lost")?;
    is_not_the_future(house).await.context("a file of a later time")
}

/// The folder is created. What a killed export left is removed, and other files stay.
async fn is_made_and_kept(house: &House) -> anyhow::Result<Vec<String>> {
    exports(house, &[]).await?;
    for name in [BY_ANOTHER_HAND, LEFT] {
        std::fs::write(folder(house).join(name), "")?;
    }
    exports(house, &["--keep", "1"]).await?;
    let mut there = names(house)?;
    ensure!(there.pop().as_deref() == Some(BY_ANOTHER_HAND), "what is no export was removed");
    ensure!(there.len() == 1 && there[0] != LEFT, "{there:?} are kept");
    house.runs(&["import", "--check", &place(house)]).await?;
    Ok(there)
}

/// A store without the money that it had exports nothing into the folder, unless that is accepted; and it does not
/// pass a drill.
async fn is_not_replaced(house: &mut House, good: &[String]) -> anyhow::Result<()> {
    house.stop_banks().await?;
    house.loses_its_store().await?;
    house.start_banks().await?;
    let why = house.fails(&["verify", "--all"], 5).await?;
    ensure!(why.contains("there are 0 wallets, and not 1 (--at-least)"), "{why}");
    house.runs(&["verify", "--all", "--at-least", "0"]).await?;
    let why = house.fails(&["export", "--to", &place(house), "--keep", "1"], 5).await?;
    ensure!(why.contains("0 of 1 wallets, 0 of 1 deposits") && why.contains("--accept-loss"), "{why}");
    let there = names(house)?;
    ensure!(there[..there.len() - 1] == *good, "{there:?} are left of {good:?}");
    exports(house, &["--accept-loss"]).await?;
    exports(house, &[]).await?;
    let why = house.fails(&["import", "--check", &place(house)], 5).await?;
    ensure!(why.contains("it has 0 wallets, and not 1 (--at-least)"), "{why}");
    house.runs(&["import", "--check", "--at-least", "0", &place(house)]).await?;
    Ok(())
}

/// A name that would always be the newest blocks exports, and removes none.
async fn is_not_the_future(house: &House) -> anyhow::Result<()> {
    std::fs::write(folder(house).join(LATER), "")?;
    let before = names(house)?;
    let why = house.fails(&["export", "--to", &place(house), "--keep", "1"], 5).await?;
    ensure!(why.contains("is of a later time than now"), "{why}");
    ensure!(names(house)? == before, "{:?} are left of {before:?}", names(house)?);
    Ok(())
}

fn folder(house: &House) -> PathBuf {
    house.path("kept/backups")
}

fn place(house: &House) -> String {
    format!("{}/", folder(house).display())
}

async fn exports(house: &House, words: &[&str]) -> anyhow::Result<()> {
    let place = place(house);
    house.runs(&[&["export", "--to", &place], words].concat()).await.map(drop)
}

fn names(house: &House) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder(house))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}
