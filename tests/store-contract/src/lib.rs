//! The storage port's contract suite inside a component: `GET /contract` lists the cases, `POST
//! /contract/{case}?scope=…` runs one on the `kv` adapter, on whatever store its host has.
//!
//! 200 means that the adapter kept the promise; 422 says what it did instead. Not part of the bank.

use api::{Answer, Code, Problem, Request};
use serde_json::json;
use store::contract;

api::component!("store-contract", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/contract" => Ok(Answer::json(&json!({ "cases": contract::CASES }))),
        _ => case(request).await,
    }
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
