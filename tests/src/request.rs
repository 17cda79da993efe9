//! Requests that read like a sentence: `bank.post("/v1/deposit").user("ann").amount("1").await`.

use crate::answer::{Answer, Asked};
use crate::endpoints::{Body, Endpoints};
use crate::{limits, retry, rules};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Method};
use http_body_util::{BodyExt, Full, StreamBody};
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What may name the user.
const USER_HEADERS: [&str; 3] = ["user_id", "user-id", "x-user-id"];

#[derive(Clone)]
pub struct Request<'a> {
    to: &'a Endpoints,
    method: Method,
    path: String,
    headers: Vec<(&'static str, HeaderValue)>,
    body: Bytes,
    chunked: bool,
}

impl<'a> Request<'a> {
    pub fn new(to: &'a Endpoints, method: Method, path: impl Into<String>) -> Self {
        let (path, headers) = (path.into(), Vec::new());
        Self { to, method, path, headers, body: Bytes::new(), chunked: false }
    }

    /// Adds a header line; adding one twice sends it twice.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.push((name, value));
        self
    }

    pub fn user(self, user: &str) -> Self {
        self.header("user_id", user)
    }

    pub fn idempotency_key(self, idempotency_key: impl AsRef<[u8]>) -> Self {
        self.header("idempotency-key", idempotency_key)
    }

    /// A body as it is, without a content type.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A body that says it is JSON.
    pub fn json(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// `{"amount":"10.00"}`
    pub fn amount(self, amount: &str) -> Self {
        self.json(format!(r#"{{"amount":"{amount}"}}"#))
    }

    /// Sends the body in chunks, without a length.
    pub fn without_length(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Sends it; returns the answer, or why there was none. For tests that kill the other side.
    pub async fn send(self) -> Result<Answer, String> {
        let asked = self.asked();
        let begun = Instant::now();
        let answered = tokio::time::timeout(limits::ANSWER, self.exchange()).await;
        let (head, body) = answered
            .map_err(|_| format!("no answer within {:?}: {asked:?}", limits::ANSWER))?
            .map_err(|problem| format!("no answer ({problem}): {asked:?}"))?;
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Answer { asked, status, headers, body, took: begun.elapsed() })
    }

    /// Sends it under its idempotency key until the operation has ended, as the contract tells clients to.
    pub async fn settled(self) -> Answer {
        assert!(
            self.headers.iter().any(|(name, _)| *name == "idempotency-key"),
            "without a key it might count twice"
        );
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let tried = Ok(self.clone().await);
            match (retry::wait(&tried), tried) {
                (None, Ok(answer)) => return answer,
                (wait, _) => tokio::time::sleep(wait.unwrap_or_default()).await,
            }
        }
        panic!("not settled in {PATIENCE:?}: {:?}", self.asked());
    }

    fn asked(&self) -> Asked {
        let mut headers = self.headers.iter();
        let sent = headers.find(|(name, _)| *name == "x-request-id");
        let request_id = sent.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into());
        Asked { method: self.method.clone(), path: self.path.clone(), request_id }
    }

    /// The token for it: one of the user in its header, or of anybody for a post to a counter. A request with a token
    /// of its own, or without a user, gets none.
    fn authorization(&self) -> Option<String> {
        let mint = self.to.mint.as_ref()?;
        let mut named = self.headers.iter().filter(|(name, _)| USER_HEADERS.contains(name));
        let user = named.next().map(|(_, value)| value.to_str().unwrap_or_default());
        let counts = ["/v1/bitcoins", "/v1/counters/"].iter().any(|path| self.path.starts_with(path));
        let is_needed = user.is_some() || (counts && self.method == Method::POST);
        let brings_one = self.headers.iter().any(|(name, _)| *name == "authorization");
        (is_needed && !brings_one).then(|| mint.authorization(user))
    }

    async fn exchange(self) -> Result<(http::response::Parts, Bytes), String> {
        let authorization = self.authorization();
        let uri = format!("{}{}", self.to.next_url(), self.path);
        let mut request = http::Request::builder().method(self.method).uri(uri);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let body = if self.chunked { in_chunks(self.body) } else { Full::new(self.body).boxed() };
        let request = request.body(body).map_err(|problem| problem.to_string())?;
        let answered = self.to.http.request(request).await;
        let (head, body) = answered.map_err(|problem| format!("{problem:?}"))?.into_parts();
        let body = body.collect().await.map_err(|problem| format!("body: {problem:?}"))?;
        Ok((head, body.to_bytes()))
    }
}

fn in_chunks(body: Bytes) -> Body {
    let chunks: Vec<Bytes> = body.chunks(512).map(Bytes::copy_from_slice).collect();
    let frames = futures::stream::iter(chunks).map(|chunk| Ok(hyper::body::Frame::data(chunk)));
    BodyExt::boxed(StreamBody::new(frames))
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    /// Sends it, requires an answer, and checks the common rules.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.send().await.unwrap_or_else(|problem| panic!("{problem}"));
            rules::check(&answer);
            answer
        })
    }
}

/// How long a request is retried.
const PATIENCE: Duration = Duration::from_secs(60);

/// One crowd at a time, so that five hundred at once are not a thousand.
static CROWD: Mutex<()> = Mutex::const_new(());

/// Sends all of them at the same time; returns the answers in the order of the requests.
pub async fn at_once<'a>(requests: impl IntoIterator<Item = Request<'a>>) -> Vec<Answer> {
    let _alone = CROWD.lock().await;
    let requests = requests.into_iter().map(IntoFuture::into_future);
    futures::future::join_all(requests).await
}

/// Sends all of them at the same time, each until it is settled.
pub async fn settled_at_once<'a>(requests: impl IntoIterator<Item = Request<'a>>) -> Vec<Answer> {
    let _alone = CROWD.lock().await;
    futures::future::join_all(requests.into_iter().map(Request::settled)).await
}
