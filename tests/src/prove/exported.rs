//! Reads an export.

use anyhow::Context as _;
use std::path::Path;

/// All lines but the first and the last two.
pub fn lines(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let end = lines.len().checked_sub(2).context("no end")?;
    Ok(lines.get(1..end).context("no lines")?.to_vec())
}
