//! Health: `GET /healthz`, which never touches storage, and `GET /readyz`, which asks the store.
//!
//! A store that does not answer within `storage_deadline_ms` is 503 `storage-unavailable`. Imports the
//! key-value store and that setting.

use api::view::{AliveView, ChecksView, ReadyView};
use api::{Answer, Problem, Request};

api::component!("health", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/healthz" => alive(&request),
        "/readyz" => ready(&request).await,
        _ => Err(Problem::not_found()),
    }
}

fn alive(request: &Request) -> Result<Answer, Problem> {
    request.get()?;
    Ok(Answer::json(&AliveView { status: "ok" }))
}

async fn ready(request: &Request) -> Result<Answer, Problem> {
    request.get()?;
    store::spin::ready().await?;
    Ok(Answer::json(&ReadyView { status: "ready", checks: ChecksView { store: "ok" } }))
}
