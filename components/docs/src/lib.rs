//! The API explained: `GET /openapi.json`, the document generated from the code, and `GET /docs`, Swagger UI
//! with it, to read and to try.
//!
//! A component of its own, since Swagger UI weighs more than all the others. Files are kept packed, as
//! `build.rs` made them, and sent so to whoever takes gzip. Imports the setting `log_level`, and
//! nothing else of Spin: it has no store and no hosts.

use api::{Answer, Asset, Problem, Request};

/// Only what the bank itself serves. Swagger UI's stylesheet has its pictures in `data:` addresses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

api::component!("docs", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    if request.path() == "/docs/" {
        request.get()?;
        return Ok(Answer::moved("/docs"));
    }
    let asset = Asset::find(ASSETS, &request).ok_or_else(Problem::not_found)?;
    request.get()?;
    let answer = asset.answer(&request);
    Ok(answer.with("content-security-policy", POLICY).with("referrer-policy", "no-referrer"))
}
