//! The storage port's contract suite inside a component: `GET /contract` lists the cases, `POST
//! /contract/{case}?scope=…` runs one on the `kv` adapter, on whatever store its host has.
//!
//! 200 means that the adapter kept the promise; 422 says what it did instead. Not part of the bank.

use api::{Answer, Code, Problem, Request};
use serde_json::json;
use spin_sdk::http::IntoResponse;
use spin_sdk::http_service;
use store::contract;

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    api::serve("store-contract", request, async |request| match request.path() {
        "/contract" => Ok(Answer::json(&json!({ "cases": contract::CASES }))),
        _ => case(request).await,
    })
    .await
}

async fn case(request: Request) -> Result<Answer, Problem> {
    let name = request.path().strip_prefix("/contract/").ok_or_else(Problem::not_found)?;
    let scope = request.query("scope")?.ok_or_else(|| Problem::malformed("The scope is missing."))?;
    let store = store::spin::open().await;
    match contract::run(name, &store, &scope).await {
        Ok(()) => Ok(Answer::json(&json!({ "case": name }))),
        Err(broken) => Err(Problem::new(Code::LimitExceeded, broken)),
    }
}
