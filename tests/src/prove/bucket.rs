//! Exports in a bucket: the newest is restored, the oldest are removed, and an upload that broke off never appears.
//!
//! Mechanism: moto plays S3, and Amazon's own command shows what is in the bucket. Needs: what `make test-backup`
//! installs, a deployment on SQLite, and one whose banks have stored nothing.

use crate::names::fresh;
use crate::prove::deployment::Deployment;
use crate::prove::exported::lines;
use crate::prove::interrupted::Files;
use crate::prove::process::Process;
use crate::prove::shards::deposit;
use anyhow::{Context as _, bail, ensure};
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const PROGRAMS: &str = "build/cloud/moto/bin";
const PATIENCE: Duration = Duration::from_secs(60);
const FOLDER: &str = "s3://money/exports/";
/// With this many wallets an export has more than one part.
const MANY_WALLETS: usize = 80_000;

const NO_SUCH_UPLOAD: &[u8] = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 40\r\n\r\n\
                                <Error><Code>NoSuchUpload</Code></Error>";

/// An S3, and a bucket in it.
struct S3 {
    url: String,
    _process: Process,
}

/// All scenarios, from one deployment into the other.
pub async fn run(from: &mut Deployment, into: &mut Deployment) -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let user = fresh("bucket");
    for n in 1..=3 {
        deposit(&from.client(), &user, n).await.is(200);
        s3.must_run(from, &["export", "--to", FOLDER, "--keep", "2"]).await?;
    }
    let kept = s3.keys().await?;
    ensure!(kept.len() == 2, "of three exports {kept:?} are kept");
    into.stop_banks().await?;
    into.wipe_store().await?;
    s3.must_run(into, &["import", FOLDER]).await?;
    let (there, restored) = (from.export_to("there.jsonl").await?, into.export_to("restored.jsonl").await?);
    ensure!(lines(&there)? == lines(&restored)?, "the newest was not restored");
    s3.must_run(into, &["import", "--check", &format!("s3://money/{}", kept[0])]).await?;
    assert_exit(
        &s3.run(from, &["export", "--to", &format!("s3://money/{}", kept[0])]).await?,
        1,
        "is there already",
    )?;
    assert_exit(&s3.run(from, &["import", "s3://nobodys/"]).await?, 1, "NoSuchBucket")?;
    assert_exit(
        &s3.run(from, &["import", "s3://money/nothing/"]).await?,
        1,
        "there is no export in s3://money/nothing/",
    )?;
    lose_answer_to_completion(&s3, from).await.context("a completion that is not answered")?;
    break_off_uploads(&s3, from, into, &user).await
}

/// The answer to the request that completes an upload is lost, and the upload is unknown when the request is
/// repeated: either it was completed, or a lifecycle rule has removed it.
async fn lose_answer_to_completion(s3: &S3, deployment: &Deployment) -> anyhow::Result<()> {
    let (done, aborted) = ("s3://money/done/bank.jsonl", "s3://money/aborted/bank.jsonl");
    let output = s3.run_unanswered(deployment, &["export", "--to", done], "POST").await?;
    assert_exit(&output, 0, "exported as of ")?;
    s3.must_run(deployment, &["import", "--check", done]).await?;
    let output = s3.run_unanswered(deployment, &["export", "--to", aborted], "DELETE").await?;
    assert_exit(&output, 1, "404 Not Found NoSuchUpload")?;
    ensure!(!s3.keys().await?.iter().any(|key| key.starts_with("aborted/")), "it is there");
    Ok(())
}

/// An export of several parts; one that is killed in the middle; one that ends at a break.
async fn break_off_uploads(
    s3: &S3,
    from: &mut Deployment,
    into: &mut Deployment,
    user: &str,
) -> anyhow::Result<()> {
    let files = Files::make(from, MANY_WALLETS).await?;
    into.wipe_store().await?;
    into.import_and_verify(&files.large).await?;
    let key = "s3://money/many/bank.jsonl";
    let mut killed = s3.command(into, &["export", "--to", key])?.spawn()?;
    s3.wait_for_uploads(1).await?;
    killed.kill().await?;
    ensure!(!s3.keys().await?.iter().any(|key| key.starts_with("many/")), "a part of an export is there");
    s3.must_run(into, &["export", "--to", key]).await?;
    s3.must_run(into, &["import", "--check", key]).await?;
    let bytes = std::fs::metadata(&files.large)?.len();
    ensure!(bytes > 16 << 20, "an export of {bytes} bytes is one part");
    // A broken wallet ends an export after it has begun: nothing of that one is left.
    let (before, uploads) = (s3.keys().await?, s3.uploads().await?);
    from.replace_stored(&format!("bank:{{{user}}}:wallet"), b"{}").await?;
    assert_exit(&s3.run(from, &["export", "--to", FOLDER]).await?, 3, user)?;
    ensure!(s3.keys().await? == before, "a broken export is there");
    ensure!(s3.uploads().await? == uploads, "a part of a broken export is kept");
    Ok(())
}

fn assert_exit(output: &Output, code: i32, why: &str) -> anyhow::Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code) && said.contains(why), "{}: {said}", output.status);
    Ok(())
}

/// Head and body of a request.
async fn request(stream: &mut TcpStream) -> anyhow::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

impl S3 {
    async fn start() -> anyhow::Result<Self> {
        // It is free now, and nobody else on this machine is likely to take it in between.
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let mut command = Command::new(format!("{PROGRAMS}/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let process = Process::start("moto", &mut command).context("make test-backup installs it")?;
        let s3 = Self { url: format!("http://{address}"), _process: process };
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            ensure!(begun.elapsed() < PATIENCE, "moto does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        s3.aws(&["create-bucket", "--bucket", "money"]).await?;
        Ok(s3)
    }

    fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ACCESS_KEY_ID", "somebody"),
            ("AWS_SECRET_ACCESS_KEY", "a-secret"),
            ("AWS_REGION", "us-east-1"),
        ]
    }

    fn command(&self, deployment: &Deployment, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = deployment.command_to(words)?;
        command.envs(self.environment());
        Ok(command)
    }

    async fn run(&self, deployment: &Deployment, words: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(deployment, words)?.output().await?)
    }

    async fn must_run(&self, deployment: &Deployment, words: &[&str]) -> anyhow::Result<()> {
        let output = self.run(deployment, words).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "bank {}: {}: {said}", words.join(" "), output.status);
        Ok(())
    }

    /// The output of `bank` when its first completing request reaches S3 with this method and is not answered.
    async fn run_unanswered(
        &self,
        deployment: &Deployment,
        words: &[&str],
        method: &str,
    ) -> anyhow::Result<Output> {
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let mut command = self.command(deployment, words)?;
        command.env("AWS_ENDPOINT_URL", format!("http://{}", front.local_addr()?));
        let mut completions = 0;
        let output = tokio::select! {
            output = command.output() => output?,
            failed = self.forward_all_but_one(&front, method, &mut completions) => bail!("before S3: {failed:?}"),
        };
        ensure!(completions == 2, "it was asked to complete it {completions} times");
        Ok(output)
    }

    /// Each connection is one request, and the server closes it.
    async fn forward_all_but_one(
        &self,
        front: &TcpListener,
        method: &str,
        completions: &mut usize,
    ) -> anyhow::Result<()> {
        loop {
            let (mut client, _) = front.accept().await?;
            let (mut head, body) = request(&mut client).await?;
            let completes = head.starts_with("POST ") && head.contains("uploadId=");
            *completions += usize::from(completes);
            let is_lost = completes && *completions == 1;
            if is_lost {
                head = head.replacen("POST", method, 1);
            } else if completes {
                // S3 may answer like this. moto remembers completed uploads, and answers 500 for aborted ones.
                client.write_all(NO_SUCH_UPLOAD).await?;
                continue;
            }
            let mut moto = TcpStream::connect(self.url.trim_start_matches("http://")).await?;
            moto.write_all(&[head.as_bytes(), &body].concat()).await?;
            let mut answer = Vec::new();
            moto.read_to_end(&mut answer).await?;
            if !is_lost {
                client.write_all(&answer).await?;
            }
        }
    }

    async fn aws(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(format!("{PROGRAMS}/aws"));
        command.arg("s3api").args(words).args(["--output", "text"]).envs(self.environment());
        let output = command.kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "aws {}: {said}", words.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What is in the bucket.
    async fn keys(&self) -> anyhow::Result<Vec<String>> {
        let listed = ["list-objects-v2", "--bucket", "money", "--query", "Contents[].Key"];
        Ok(self.aws(&listed).await?.split_whitespace().map(str::to_owned).collect())
    }

    /// How many uploads are incomplete.
    async fn uploads(&self) -> anyhow::Result<usize> {
        let address = self.url.trim_start_matches("http://");
        let mut moto = TcpStream::connect(address).await?;
        moto.write_all(format!("GET /money?uploads HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut listed = String::new();
        moto.read_to_string(&mut listed).await?;
        ensure!(listed.starts_with("HTTP/1.") && listed.contains("ListMultipartUploadsResult"), "{listed}");
        Ok(listed.matches("<UploadId>").count())
    }

    async fn wait_for_uploads(&self, uploads: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.uploads().await? < uploads {
            ensure!(begun.elapsed() < PATIENCE, "nothing is uploaded");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}
