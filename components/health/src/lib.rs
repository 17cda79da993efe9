//! Health: `GET /healthz`, which never touches storage, and `GET /readyz`, which asks the store.
//!
//! `/readyz` is 503 `storage-unavailable` if the store does not answer within `storage_deadline_ms`, if it takes no
//! writes because it is a replica, or if fewer replicas than `redis_wait_replicas` have a write in time. Imports
//! the key-value store, Redis and their settings.

use api::view::{AliveView, ChecksView, ReadyView};
use api::{Answer, Problem, Request};
use store::spin::Readiness;

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
    match store::spin::ready().await {
        Ok(Readiness::All) => {
            Ok(Answer::json(&ReadyView { status: "ready", checks: ChecksView { store: "ok" } }))
        }
        Ok(Readiness::ReadOnly) => Err(Problem::not_ready("read-only")),
        Ok(Readiness::TooFewReplicas) => Err(Problem::not_ready("too-few-replicas")),
        Err(_) => Err(Problem::not_ready("unavailable")),
    }
}
