//! Spin's own paths below `/.well-known/spin/`: `health` and `info`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// The answers.
pub struct WellKnown {
    info: Bytes,
}

#[derive(serde::Serialize)]
struct Info<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

impl WellKnown {
    /// The answers for an application.
    pub fn new(name: &str, version: &str) -> anyhow::Result<Self> {
        let info = serde_json::to_vec_pretty(&Info { name, version })?;
        Ok(Self { info: info.into() })
    }

    /// The answer to what is behind `/.well-known/spin/`.
    pub fn answer(&self, rest: &str) -> Response<Bytes> {
        match rest {
            "health" => Response::new(Bytes::from_static(b"OK")),
            "info" => {
                let mut response = Response::new(self.info.clone());
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                response
            }
            _ => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }
}
