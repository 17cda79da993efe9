//! Where a bank is and how to talk to it: its base URLs, used in turn, one HTTP client, and tokens if it needs
//! them.

use crate::token::Mint;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

pub type Body = BoxBody<Bytes, Infallible>;

pub struct Endpoints {
    urls: Vec<String>,
    next: AtomicUsize,
    /// Makes a token for each request, if the bank uses tokens.
    pub mint: Option<Mint>,
    pub http: Client<HttpConnector, Body>,
}

impl Endpoints {
    pub fn at(urls: Vec<String>) -> Self {
        let urls = urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { urls, next: AtomicUsize::new(0), mint: None, http }
    }

    /// The next of the base URLs, in turn.
    pub fn next_url(&self) -> &str {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        &self.urls[next % self.urls.len()]
    }
}
