//! Exports in a bucket of any S3 service: `s3://BUCKET/PREFIX/`.
//!
//! Credentials and address come from the variables that every S3 tool reads: `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` for
//! a service that is not Amazon's, whose buckets are addressed by path. An export is uploaded in parts, so memory
//! does not grow with it. The object exists once all parts have arrived; an upload that broke off is never listed.

mod upload;

pub use upload::Upload;

use crate::exit::ExitError;
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RANGE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use url::Url;

/// The beginning of every place in a bucket.
const SCHEME: &str = "s3://";
/// How long the signature of a request is valid.
const SIGNATURE_LIFETIME: Duration = Duration::from_secs(900);
/// How long to wait for an answer, or for the next part of it. An uploaded part has to arrive within this time too.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a request without an answer, or answered with an error of the server, is tried, and the pauses between.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// A bucket, and how it is reached.
#[derive(Clone)]
pub struct S3(Rc<BucketClient>);

struct BucketClient {
    bucket: Bucket,
    credentials: Option<Credentials>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Runtime,
}

/// The bucket and the key of an `s3://` URL; `None` for any other place.
pub fn split_s3_url(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(SCHEME)?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// The folder of a key: a prefix that is empty or ends in a slash.
pub fn folder(key: &str) -> String {
    if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") }
}

/// The bucket of this name, configured by the process's environment.
pub fn of_environment(bucket: &str) -> anyhow::Result<S3> {
    S3::open(bucket, |name| std::env::var(name).ok())
}

impl S3 {
    /// The bucket of this name, configured by `environment`.
    pub fn open(name: &str, environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let value = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let region = value("AWS_REGION").or_else(|| value("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let given = value("AWS_ENDPOINT_URL_S3").or_else(|| value("AWS_ENDPOINT_URL"));
        // A certificate for all buckets does not cover a bucket name with a dot.
        let is_path = given.is_some() || name.contains('.');
        let style = if is_path { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let endpoint = given.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let endpoint: Url = endpoint.trim().parse().context("AWS_ENDPOINT_URL is no address")?;
        let bucket = Bucket::new(endpoint, style, name.to_owned(), region)
            .map_err(|error| anyhow!("{SCHEME}{name}: {error}"))?;
        let credentials = value("AWS_ACCESS_KEY_ID").zip(value("AWS_SECRET_ACCESS_KEY"));
        let credentials = credentials.map(|(key, secret)| match value("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self(Rc::new(BucketClient { bucket, credentials, client: client()?, runtime })))
    }

    /// The name of an object in messages.
    pub fn name(&self, key: &str) -> String {
        format!("{SCHEME}{}/{key}", self.0.bucket.name())
    }

    /// The names of the objects in a folder.
    pub fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let (mut names, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut list = self.0.bucket.list_objects_v2(self.0.credentials.as_ref());
            list.with_prefix(folder.to_owned());
            list.with_delimiter("/");
            if let Some(next) = &next {
                list.with_continuation_token(next.as_str());
            }
            let answer =
                self.send_for_text(&S3Request::new(Method::GET), || list.sign(SIGNATURE_LIFETIME), folder)?;
            let listed = ListObjectsV2::parse_response(&answer)
                .map_err(|error| anyhow!("{}: no list of objects: {error}", self.name(folder)))?;
            let keys = listed.contents.iter().filter_map(|object| object.key.strip_prefix(folder));
            names.extend(keys.map(str::to_owned));
            let last = next.take();
            next = listed.next_continuation_token.filter(|next| !next.is_empty());
            if next.is_some() && next == last {
                return Err(anyhow!("{}: a list of objects that never ends", self.name(folder)));
            }
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// The size of an object in bytes, if it exists.
    pub fn size(&self, key: &str) -> anyhow::Result<Option<u64>> {
        let head = self.0.bucket.head_object(self.0.credentials.as_ref(), key);
        let answer =
            self.send_with_retries(&S3Request::new(Method::HEAD), || head.sign(SIGNATURE_LIFETIME), key)?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.succeeded(answer, key)?;
        let length =
            answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        length.map(Some).with_context(|| format!("{}: an object without a length", self.name(key)))
    }

    /// The last `bytes` bytes of an object, or all if it has fewer.
    pub fn tail(&self, key: &str, bytes: u64) -> anyhow::Result<Vec<u8>> {
        let get = self.0.bucket.get_object(self.0.credentials.as_ref(), key);
        let ask = S3Request { range: Some(format!("bytes=-{bytes}")), ..S3Request::new(Method::GET) };
        let answer = self.send_with_retries(&ask, || get.sign(SIGNATURE_LIFETIME), key)?;
        // An empty object has no last bytes.
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(Vec::new());
        }
        let answer = self.succeeded(answer, key)?;
        Ok(self.text(answer).map_err(|why| self.unavailable(key, &why))?.into_bytes())
    }

    /// An object from its first byte.
    pub fn read(&self, key: &str) -> anyhow::Result<Box<dyn BufRead>> {
        let get = self.0.bucket.get_object(self.0.credentials.as_ref(), key);
        let answer =
            self.send_for_success(&S3Request::new(Method::GET), || get.sign(SIGNATURE_LIFETIME), key)?;
        let body = ObjectBody { s3: self.clone(), body: answer.into_body(), some: Bytes::new() };
        Ok(Box::new(BufReader::with_capacity(1 << 18, body)))
    }

    pub fn remove(&self, key: &str) -> anyhow::Result<()> {
        let delete = self.0.bucket.delete_object(self.0.credentials.as_ref(), key);
        self.send_for_text(&S3Request::new(Method::DELETE), || delete.sign(SIGNATURE_LIFETIME), key).map(drop)
    }

    /// Sends a request that must succeed, and returns the answer.
    fn send_for_text(&self, ask: &S3Request, sign: impl Fn() -> Url, key: &str) -> anyhow::Result<String> {
        let answer = self.send_for_success(ask, sign, key)?;
        self.text(answer).map_err(|why| self.unavailable(key, &why))
    }

    /// A request that must succeed.
    fn send_for_success(
        &self,
        ask: &S3Request,
        sign: impl Fn() -> Url,
        key: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        self.succeeded(self.send_with_retries(ask, sign, key)?, key)
    }

    fn succeeded(&self, answer: Response<Incoming>, key: &str) -> anyhow::Result<Response<Incoming>> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let said = self.text(answer).unwrap_or_default();
        Err(anyhow!("{}: {}", self.name(key), format!("{status} {}", code(&said)).trim_end()))
    }

    /// Sends a request until the answer is not a temporary error.
    fn send_with_retries(
        &self,
        ask: &S3Request,
        sign: impl Fn() -> Url,
        key: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut tries = 0_u32;
        loop {
            tries = tries.saturating_add(1);
            let why = match self.send(ask, &sign()) {
                Ok(answer) if !is_temporary(answer.status()) => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status();
                    format!("{status} {}", code(&self.text(answer).unwrap_or_default()))
                }
                Err(why) => why,
            };
            if tries >= TRIES {
                return Err(self.unavailable(key, &why));
            }
            std::thread::sleep(PAUSE.saturating_mul(tries));
        }
    }

    fn send(&self, ask: &S3Request, url: &Url) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder().method(&ask.method).uri(url.as_str());
        if let Some(range) = &ask.range {
            request = request.header(RANGE, range);
        }
        let request = request.body(Full::new(ask.body.clone())).map_err(|error| error.to_string())?;
        let answer =
            self.0.runtime.block_on(async { timeout(PATIENCE, self.0.client.request(request)).await });
        let answer = answer.map_err(|_| format!("no answer in {PATIENCE:?}"))?;
        answer.map_err(|error| format!("{:#}", anyhow::Error::new(error)))
    }

    fn text(&self, answer: Response<Incoming>) -> Result<String, String> {
        let body = async { timeout(PATIENCE, answer.into_body().collect()).await };
        let body = self.0.runtime.block_on(body).map_err(|_| format!("no answer in {PATIENCE:?}"))?;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn unavailable(&self, key: &str, why: &str) -> anyhow::Error {
        ExitError::Unavailable(format!("{}: {}", self.name(key), why.trim_end())).into()
    }
}

/// A request; its address is signed anew for each try.
struct S3Request {
    method: Method,
    body: Bytes,
    range: Option<String>,
}

impl S3Request {
    fn new(method: Method) -> Self {
        Self { method, body: Bytes::new(), range: None }
    }
}

/// Whether the server may answer differently a moment later.
fn is_temporary(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// An object as it arrives.
struct ObjectBody {
    s3: S3,
    body: Incoming,
    some: Bytes,
}

impl Read for ObjectBody {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.some.is_empty() {
            let frame = async { timeout(PATIENCE, self.body.frame()).await };
            match self.s3.0.runtime.block_on(frame)? {
                Some(frame) => {
                    let frame = frame.map_err(std::io::Error::other)?;
                    self.some = frame.into_data().unwrap_or_default();
                }
                None => return Ok(0),
            }
        }
        let some = self.some.split_to(buffer.len().min(self.some.len()));
        if let Some(place) = buffer.get_mut(..some.len()) {
            place.copy_from_slice(&some);
        }
        Ok(some.len())
    }
}

/// The error code in an answer of S3.
fn code(said: &str) -> &str {
    let code = said.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or("", |(code, _)| code)
}

/// Trusts the authorities of webpki, those of the machine, and those that `SSL_CERT_FILE` names.
fn client() -> anyhow::Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(https))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_key_in_it() {
        assert_eq!(split_s3_url("s3://b/a/bank.jsonl"), Some(("b", "a/bank.jsonl")));
        assert_eq!(split_s3_url("s3://b/"), Some(("b", "")));
        assert_eq!(split_s3_url("s3://b"), Some(("b", "")));
        assert_eq!(split_s3_url("backups/"), None);
        assert_eq!(
            [folder(""), folder("a"), folder("a/")],
            ["".to_owned(), "a/".to_owned(), "a/".to_owned()]
        );
    }

    #[test]
    fn where_a_bucket_is_follows_from_the_environment() {
        let url = |name: &str, settings: &[(&str, &str)]| {
            let of = |name: &str| {
                settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            S3::open(name, of).unwrap().0.bucket.object_url("k").to_string()
        };
        assert_eq!(url("b", &[]), "https://b.s3.us-east-1.amazonaws.com/k");
        assert_eq!(url("b", &[("AWS_REGION", "eu-central-1")]), "https://b.s3.eu-central-1.amazonaws.com/k");
        assert_eq!(url("a.b", &[]), "https://s3.us-east-1.amazonaws.com/a.b/k");
        let own = [("AWS_ENDPOINT_URL", "http://minio:9000"), ("AWS_ENDPOINT_URL_S3", "https://s3.local")];
        assert_eq!(url("b", &own), "https://s3.local/b/k");
        assert_eq!(url("b", &own[..1]), "http://minio:9000/b/k");
    }
}
