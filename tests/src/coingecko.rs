//! A stand-in for CoinGecko that serves its documented `GET /api/v3/exchange_rates` and misbehaves on command: `PUT
//! /control {"mode":"slow"}`. `GET /control` shows the requests that it got.
//!
//! Modes: `ok`; any status (`500`, `429`); `late` (right, after half a second); `slow` (right, after 5 s); `drip`
//! (right, a byte at a time); `hang`; `reset`; `cut` (ends in the middle); `redirect`; `nonsense`; `empty`; `huge`;
//! and `body`, with any document. `retry_after` and `date` go with a status. `rates` replaces the usual values.

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

pub mod document;

pub const LATE: Duration = Duration::from_millis(500);
pub const SLOW: Duration = Duration::from_secs(5);
const HUGE_BYTES: usize = 48 << 20;

type Body = BoxBody<Bytes, std::io::Error>;

/// How to behave from now on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub mode: String,
    /// Other values, each the exact characters of a JSON number.
    #[serde(default)]
    pub rates: BTreeMap<String, String>,
    /// The document of the mode `body`.
    #[serde(default)]
    pub body: String,
    /// The header `retry-after` of a status.
    #[serde(default)]
    pub retry_after: String,
    /// Its header `date`, for a clock that is wrong.
    #[serde(default)]
    pub date: String,
}

/// The requests that it got so far.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Requests {
    pub hits: u64,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

#[derive(Default)]
struct Server {
    control: Mutex<Control>,
    requests: Mutex<Requests>,
}

/// Serves for ever.
pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let server = Arc::new(Server::default());
    loop {
        let (stream, _) = listener.accept().await?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(|request| server.answer(request));
            let connection = hyper::server::conn::http1::Builder::new();
            // A connection that ends early is what `reset` is for.
            let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
        match (request.method(), request.uri().path()) {
            (&Method::PUT, "/control") => self.obey(request).await,
            (&Method::GET, "/control") => {
                let seen = serde_json::to_vec(&*self.requests.lock().unwrap())?;
                Ok(json(200, seen))
            }
            (&Method::GET, "/api/v3/exchange_rates") => {
                self.note(&request);
                let control = self.control.lock().unwrap().clone();
                rates(&control).await
            }
            _ => Ok(json(404, r#"{"error":"no such path"}"#)),
        }
    }

    async fn obey(&self, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
        let body = request.into_body().collect().await;
        let body = body.map_err(std::io::Error::other)?.to_bytes();
        match serde_json::from_slice(&body) {
            Ok(control) => *self.control.lock().unwrap() = control,
            Err(problem) => return Ok(json(400, problem.to_string())),
        }
        Ok(json(200, body))
    }

    fn note(&self, request: &Request<Incoming>) {
        let mut seen = self.requests.lock().unwrap();
        seen.hits += 1;
        seen.path = request.uri().to_string();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let headers = request.headers().iter();
        seen.headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    }
}

async fn rates(control: &Control) -> std::io::Result<Response<Body>> {
    let document = document::with(&control.rates);
    Ok(match control.mode.as_str() {
        "" | "ok" => json(200, document),
        "body" => json(200, control.body.clone()),
        "nonsense" => json(200, "<html><h1>It works!</h1></html>"),
        "empty" => json(200, ""),
        "huge" => json(200, huge()),
        "drip" => streamed(&document, Duration::from_millis(100)),
        "late" => {
            tokio::time::sleep(LATE).await;
            json(200, document)
        }
        "slow" => {
            tokio::time::sleep(SLOW).await;
            json(200, document)
        }
        "hang" => std::future::pending().await,
        "reset" => return Err(std::io::ErrorKind::ConnectionReset.into()),
        "cut" => cut(&document),
        "redirect" => {
            let mut response = json(302, "");
            let elsewhere = http::HeaderValue::from_static("/api/v3/exchange_rates?again");
            response.headers_mut().insert("location", elsewhere);
            response
        }
        status => {
            let mut response = json(status.parse().unwrap_or(501), r#"{"status":{"error_code":1}}"#);
            for (name, value) in [("retry-after", &control.retry_after), ("date", &control.date)] {
                if let Some(value) = http::HeaderValue::from_str(value).ok().filter(|value| !value.is_empty())
                {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
    })
}

fn json(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    respond(status, body)
}

fn respond(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    let media_type = http::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert("content-type", media_type);
    response
}

/// The document, one byte at a time, without a length.
fn streamed(document: &str, pause: Duration) -> Response<Body> {
    let bytes: Vec<u8> = document.bytes().collect();
    let frames = futures::stream::iter(bytes).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(Bytes::copy_from_slice(&[byte])))
    });
    respond(200, BodyExt::boxed(StreamBody::new(frames)))
}

/// Half of the document; then the connection breaks.
fn cut(document: &str) -> Response<Body> {
    let half = Bytes::copy_from_slice(&document.as_bytes()[..document.len() / 2]);
    let frames = [Ok(Frame::data(half)), Err(std::io::ErrorKind::ConnectionReset.into())];
    respond(200, BodyExt::boxed(StreamBody::new(futures::stream::iter(frames))))
}

/// A valid document that is far too long.
fn huge() -> String {
    let padding = " ".repeat(HUGE_BYTES);
    document::with(&BTreeMap::new()).replacen('{', &format!("{{{padding}"), 1)
}
