//! The published document, checked by tools that have never seen the code.
//!
//! `tests/api/document.py` checks it against OpenAPI 3.1, and its examples against its schemas. schemathesis
//! (`tests/api/schemathesis.toml`) generates valid and invalid requests from it, and compares every answer with the
//! document: no 500, and no status, header, media type or member that is not documented. Both are in `build/venv`,
//! where `make api-tools` installs them; without them this fails.

use crate::prove::deployment::Deployment;
use anyhow::Context as _;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Where the tools are.
const TOOLS: &str = "build/venv/bin";
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The document is valid, and so are its examples.
pub async fn check_document(deployment: &Deployment) -> anyhow::Result<()> {
    run(Command::new(tool("python")?).arg("tests/api/document.py").arg(document(deployment)?)).await
}

/// Every answer is as documented, to this many requests of each kind for each operation; with a token, if the bank
/// uses tokens.
pub async fn check_answers(deployment: &Deployment, seed: u64, cases: u32) -> anyhow::Result<()> {
    let mut command = Command::new(tool("schemathesis")?);
    command.args([
        "--config-file",
        "tests/api/schemathesis.toml",
        "run",
        &document(deployment)?,
        "--checks",
        "all",
    ]);
    command.args(["--seed", &seed.to_string(), "--max-examples", &cases.to_string(), "--no-color"]);
    if let Some(mint) = deployment.mint() {
        command.arg("--header").arg(format!("Authorization: {}", mint.authorization(Some("alice"))));
    }
    run(command.env("HYPOTHESIS_STORAGE_DIRECTORY", "build/hypothesis")).await
}

fn document(deployment: &Deployment) -> anyhow::Result<String> {
    Ok(format!("{}/openapi.json", deployment.urls().first().context("no bank runs")?))
}

fn tool(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = Path::new(TOOLS).join(name);
    let missing = || format!("{} is not there. Install it: make api-tools", path.display());
    path.is_file().then_some(()).with_context(missing)?;
    Ok(path)
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let mut child = command.kill_on_drop(true).spawn()?;
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    let status = ended.with_context(|| format!("not done in {PATIENCE:?}"))??;
    anyhow::ensure!(status.success(), "ended with {status}");
    Ok(())
}
