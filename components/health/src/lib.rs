//! Health: `GET /healthz`, which never touches storage, and `GET /readyz`, which asks the store.
//!
//! A store that does not answer within `storage_deadline_ms` is 503 `storage-unavailable`. Imports the
//! key-value store and that setting.

use api::{Answer, Problem, Request};
use serde::Serialize;
use spin_sdk::http::IntoResponse;
use spin_sdk::http_service;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

#[derive(Serialize)]
struct Checks {
    store: &'static str,
}

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    api::serve(request, async |request| match request.path() {
        "/healthz" => alive(&request),
        "/readyz" => ready(&request).await,
        _ => Err(Problem::not_found()),
    })
    .await
}

fn alive(request: &Request) -> Result<Answer, Problem> {
    request.get()?;
    Ok(Answer::json(&Health { status: "ok", checks: None }))
}

async fn ready(request: &Request) -> Result<Answer, Problem> {
    request.get()?;
    store::spin::ready().await?;
    Ok(Answer::json(&Health { status: "ready", checks: Some(Checks { store: "ok" }) }))
}
