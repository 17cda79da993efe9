//! A self-signed certificate for 127.0.0.1.

use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use tokio::process::Command;

#[derive(Clone)]
pub struct Certificate {
    pub file: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one in a folder.
    pub async fn make(folder: &Path) -> anyhow::Result<Self> {
        let made = Self { file: folder.join("certificate.pem"), key: folder.join("key.pem") };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=redis"]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        command.args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]);
        command.arg("-keyout").arg(&made.key).arg("-out").arg(&made.file);
        let output = command.output().await.context("openssl is needed: sudo apt-get install -y openssl")?;
        ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
        Ok(made)
    }
}
