//! The API explained: `GET /openapi.json`, the document generated from the code, and `GET /docs`, Swagger UI
//! with it, to read and to try.
//!
//! A component of its own, since Swagger UI weighs more than all the others. Files are kept packed, as
//! `build.rs` made them, and sent so to whoever takes gzip. Imports the setting `log_level`, and
//! nothing else of Spin: it has no store and no hosts.

mod asset;

use api::{Answer, Problem, Request};

use crate::asset::Asset;

api::component!("docs", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    if request.path() == "/docs/" {
        request.get()?;
        return Ok(Answer::moved("/docs"));
    }
    let asset = Asset::at(request.path()).ok_or_else(Problem::not_found)?;
    request.get()?;
    Ok(asset.answer(&request))
}
