//! A multipart upload of one object.

use super::{S3, S3Request, SIGNATURE_LIFETIME};
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, StatusCode};
use rusty_s3::S3Action as _;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};

/// A part has at least 5 MiB, and there are 10,000 of them at most: 160 GB.
const PART_BYTES: usize = 16 << 20;

/// An upload. The object does not exist before [`Upload::finish`], and never if that was not reached.
pub struct Upload {
    s3: S3,
    key: String,
    id: String,
    part: Vec<u8>,
    bytes: u64,
    /// The entity tags of the parts that S3 has.
    tags: Vec<String>,
    done: bool,
}

impl Upload {
    /// Begins one.
    pub fn create(s3: &S3, key: String) -> anyhow::Result<Self> {
        let create = s3.0.bucket.create_multipart_upload(s3.0.credentials.as_ref(), &key);
        let answer =
            s3.send_for_text(&S3Request::new(Method::POST), || create.sign(SIGNATURE_LIFETIME), &key)?;
        let id = CreateMultipartUpload::parse_response(&answer)
            .map_err(|error| anyhow!("{}: no upload: {error}", s3.name(&key)))?;
        let (id, part) = (id.upload_id().to_owned(), Vec::with_capacity(PART_BYTES));
        Ok(Self { s3: s3.clone(), key, id, part, bytes: 0, tags: Vec::new(), done: false })
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        while let Some((now, later)) = bytes.split_at_checked(PART_BYTES.saturating_sub(self.part.len())) {
            self.part.extend_from_slice(now);
            self.send()?;
            bytes = later;
        }
        self.part.extend_from_slice(bytes);
        Ok(())
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let part = Bytes::from(std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES)));
        self.bytes = self.bytes.saturating_add(u64::try_from(part.len())?);
        let number = u16::try_from(self.tags.len().saturating_add(1)).context("too many parts")?;
        let (bucket, credentials) = (&self.s3.0.bucket, self.s3.0.credentials.as_ref());
        let upload = bucket.upload_part(credentials, &self.key, number, &self.id);
        let answer = self.s3.send_for_success(
            &S3Request { body: part, ..S3Request::new(Method::PUT) },
            || upload.sign(SIGNATURE_LIFETIME),
            &self.key,
        )?;
        let tag = answer.headers().get(http::header::ETAG).and_then(|tag| tag.to_str().ok());
        self.tags.push(tag.with_context(|| format!("{}: a part without a tag", self.name()))?.to_owned());
        Ok(())
    }

    /// Completes the upload: the object exists under this name.
    pub fn finish(mut self) -> anyhow::Result<String> {
        if !self.part.is_empty() {
            self.send()?;
        }
        let (bucket, credentials) = (&self.s3.0.bucket, self.s3.0.credentials.as_ref());
        let tags = self.tags.iter().map(String::as_str);
        let complete = bucket.complete_multipart_upload(credentials, &self.key, &self.id, tags);
        let ask = S3Request { body: complete.clone().body().into(), ..S3Request::new(Method::POST) };
        let answer = self.s3.send_with_retries(&ask, || complete.sign(SIGNATURE_LIFETIME), &self.key)?;
        // If S3 does not know the upload any more, it may have been completed although the answer was lost. And a 200
        // may carry an error in its body, or something that only this service says.
        if answer.status() != StatusCode::NOT_FOUND || self.s3.size(&self.key)? != Some(self.bytes) {
            let answer = self.s3.succeeded(answer, &self.key)?;
            let said = self.s3.text(answer).map_err(|why| self.s3.unavailable(&self.key, &why))?;
            let is_said = CompleteMultipartUploadResponse::parse(&said).is_ok();
            if !is_said && self.s3.size(&self.key)? != Some(self.bytes) {
                return Err(self
                    .s3
                    .unavailable(&self.key, &format!("not completed: {}", super::code(&said))));
            }
        }
        self.done = true;
        Ok(self.name())
    }

    /// The name of the object in messages.
    fn name(&self) -> String {
        self.s3.name(&self.key)
    }
}

/// Aborts an unfinished upload. If the process is killed, S3 keeps the parts, invisibly, until a lifecycle rule of
/// the bucket removes them.
impl Drop for Upload {
    fn drop(&mut self) {
        if !self.done {
            let (bucket, credentials) = (&self.s3.0.bucket, self.s3.0.credentials.as_ref());
            let abort = bucket.abort_multipart_upload(credentials, &self.key, &self.id);
            let _ = self.s3.send_for_text(
                &S3Request::new(Method::DELETE),
                || abort.sign(SIGNATURE_LIFETIME),
                &self.key,
            );
        }
    }
}
