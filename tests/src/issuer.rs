//! An issuer of tokens that serves a discovery document and its keys, and misbehaves on command.

use crate::token::Key;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const DISCOVERY: &str = "/realm/.well-known/openid-configuration";
const KEYS: &str = "/realm/keys";

/// How it answers requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum IssuerMode {
    /// Correctly.
    #[default]
    Ok,
    /// Correctly, after half a second.
    Late,
    /// Never.
    Hangs,
    /// With this status and nothing else.
    Status(u16),
    /// With a redirect to this address.
    Redirect(String),
    /// Its discovery document names this issuer and this `jwks_uri`.
    Discovery(String, String),
    /// Its keys follow this much white space.
    Padded(usize),
    /// This document in place of its keys.
    Document(String),
}

/// A running issuer, which ends when it is dropped.
pub struct Issuer {
    origin: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    mode: Mutex<IssuerMode>,
    keys: Mutex<Vec<Value>>,
    hits: Mutex<BTreeMap<String, usize>>,
}

impl Issuer {
    /// Serves on a free port and publishes these keys.
    pub async fn start(keys: &[&Key]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State::default());
        let (served, at) = (state.clone(), origin.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, origin) = (served.clone(), at.clone());
                let service =
                    hyper::service::service_fn(move |request| answer(state.clone(), origin.clone(), request));
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let issuer = Self { origin, state, task };
        issuer.publish(keys);
        Ok(issuer)
    }

    /// Its `iss`.
    pub fn name(&self) -> String {
        format!("{}/realm", self.origin)
    }

    /// Where its keys are.
    pub fn keys_url(&self) -> String {
        format!("{}{KEYS}", self.origin)
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[&Key]) {
        *self.state.keys.lock().unwrap() = keys.iter().map(|key| key.published()).collect();
    }

    /// Sets how it answers from now on.
    pub fn set_mode(&self, mode: IssuerMode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// How often its keys were fetched.
    pub fn key_fetches(&self) -> usize {
        self.state.hits.lock().unwrap().get(KEYS).copied().unwrap_or_default()
    }

    /// How often it got any request.
    pub fn requests(&self) -> usize {
        self.state.hits.lock().unwrap().values().sum()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    state: Arc<State>,
    origin: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    *state.hits.lock().unwrap().entry(path.clone()).or_default() += 1;
    let mode = state.mode.lock().unwrap().clone();
    let keys = json!({ "keys": &*state.keys.lock().unwrap() }).to_string();
    match &mode {
        IssuerMode::Late => tokio::time::sleep(Duration::from_millis(500)).await,
        IssuerMode::Hangs => std::future::pending().await,
        _ => (),
    }
    let (issuer, jwks_uri) = match &mode {
        IssuerMode::Discovery(issuer, jwks_uri) => (issuer.clone(), jwks_uri.clone()),
        _ => (format!("{origin}/realm"), format!("{origin}{KEYS}")),
    };
    let body = match path.as_str() {
        DISCOVERY => json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string(),
        KEYS => match &mode {
            IssuerMode::Padded(bytes) => format!("{}{keys}", " ".repeat(*bytes)),
            IssuerMode::Document(document) => document.clone(),
            _ => keys,
        },
        _ => String::new(),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let status = match (&mode, path.as_str()) {
        (IssuerMode::Status(status), _) => *status,
        (IssuerMode::Redirect(to), _) => {
            let to = HeaderValue::from_str(&format!("{to}{path}")).unwrap();
            response.headers_mut().insert("location", to);
            302
        }
        (_, DISCOVERY | KEYS) => 200,
        _ => 404,
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}
