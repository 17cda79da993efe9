//! `bank export`, `bank import` and `bank verify`, with the store settings of a deployment's banks.

use super::{Cluster, Deployment, Redis, StoreUnderTest, is_setting};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

/// Within this time a bank that starts has started.
const PATIENCE: Duration = Duration::from_secs(20);

impl Deployment {
    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `bank` with these words and the settings of its store; returns its output.
    pub async fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command_to(words)?.output().await?)
    }

    /// `bank` with these words and the settings of its store; it is killed when it is dropped.
    pub fn command_to(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.plan.runner);
        for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        command.args(words).arg("-f").arg(&self.plan.manifest).arg("--state-dir").arg(self.folder.path());
        match (self.plan.store.of(0), self.redis_url(0)) {
            (StoreUnderTest::RedisAdapter, Some(url)) => {
                command.args(["--variable", "store=redis", "--variable", &format!("redis_url={url}")]);
            }
            (_, Some(url)) => {
                command.arg("--runtime-config-file").arg(self.runtime_config(0, &url)?);
            }
            (_, None) => (),
        }
        command
            .envs(self.trusted_certificates.as_ref().map(|file| ("SSL_CERT_FILE", file)))
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs `bank`, which must succeed, and returns its stdout.
    pub async fn must_run(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.run(words).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "bank {}: {}: {said}", words.join(" "), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs `bank`, which must fail with this exit code, and returns what it printed to stderr.
    pub async fn must_fail(&self, words: &[&str], code: i32) -> anyhow::Result<String> {
        let output = self.run(words).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(code), "bank {}: {}: {said}", words.join(" "), output.status);
        Ok(said)
    }

    /// No bank starts on its store, since an import into it was interrupted.
    pub async fn assert_does_not_start(&self) -> anyhow::Result<()> {
        let up = self.must_fail(&["up", "--listen", "127.0.0.1:0", "--quiet"], 5);
        let why = tokio::time::timeout(PATIENCE, up).await.context("a bank serves half of an import")??;
        ensure!(why.contains("an import into this store was interrupted"), "{why}");
        Ok(())
    }

    /// Exports its store to a file of this name.
    pub async fn export_to(&self, name: &str) -> anyhow::Result<PathBuf> {
        let file = self.path(name);
        self.must_run(&["export", "--to", &file.display().to_string()]).await?;
        Ok(file)
    }

    /// Imports an export, and verifies the store.
    pub async fn import_and_verify(&self, file: &Path) -> anyhow::Result<()> {
        self.must_run(&["import", &file.display().to_string()]).await?;
        self.must_run(&["verify", "--all"]).await.map(drop)
    }

    /// From now on its banks, which do not run, use the Redis at this URL.
    pub fn use_redis_at(&mut self, redis_url: String) {
        self.redis_url_override = Some(redis_url);
    }

    /// Sets the trusted certificates, and returns the old ones.
    pub fn set_trusted_certificates(&mut self, file: Option<PathBuf>) -> Option<PathBuf> {
        std::mem::replace(&mut self.trusted_certificates, file)
    }

    /// From now on its banks, which do not run, use a Redis of their own.
    pub async fn switch_to_redis(&mut self) -> anyhow::Result<()> {
        self.plan.store = StoreUnderTest::RedisAdapter;
        self.redis = Some(Redis::start(&self.path("redis")).await?);
        Ok(())
    }

    /// A cluster that its banks do not use.
    pub async fn start_unused_cluster(&self) -> anyhow::Result<Cluster> {
        Cluster::start(&self.path("cluster"), None).await
    }

    /// Imports an export into a cluster, which its banks use when they start again.
    pub async fn import_into_cluster(&mut self, cluster: &Cluster, file: &Path) -> anyhow::Result<()> {
        self.redis_url_override = Some(cluster.url());
        self.import_and_verify(file).await
    }

    /// Removes what its banks, which do not run, have stored.
    pub async fn wipe_store(&mut self) -> anyhow::Result<()> {
        if self.redis.is_some() {
            return self.wipe_redis().await;
        }
        for name in ["", "-wal", "-shm"] {
            match std::fs::remove_file(self.path(&format!("sqlite_key_value.db{name}"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces Redis by a new one with an empty disk.
    pub async fn wipe_redis(&mut self) -> anyhow::Result<()> {
        let folder = self.path("redis");
        let redis = self.redis.as_mut().context("there is no Redis here")?;
        redis.kill().await?;
        std::fs::remove_dir_all(&folder)?;
        std::fs::create_dir_all(&folder)?;
        redis.start_again().await
    }
}
