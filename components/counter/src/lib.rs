//! Counters: `GET` and `POST /v1/bitcoins`, `/v1/counters/{name}`.
//!
//! A post is one atomic increment and answers the total after it. A total that would pass its limit is
//! 422 `limit-exceeded`, never a wrap. Imports the key-value store and the setting `storage_deadline_ms`.

mod bitcoins;
mod named;

use api::{Answer, Problem, Request, Verb};
use spin_sdk::http::IntoResponse;
use spin_sdk::http_service;
use store::{Store, keys};
use teller::tally;

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    api::serve(request, async |request| match request.path() {
        "/v1/bitcoins" => match request.verb()? {
            Verb::Get => bitcoins().await,
            Verb::Post => add_bitcoins(request).await,
        },
        _ => match request.verb()? {
            Verb::Get => counter(request).await,
            Verb::Post => add_to_counter(request).await,
        },
    })
    .await
}

async fn bitcoins() -> Result<Answer, Problem> {
    let store = store::spin::open().await;
    Ok(bitcoins::answer(store.count(&keys::bitcoins()).await?))
}

async fn add_bitcoins(request: Request) -> Result<Answer, Problem> {
    let satoshis = bitcoins::parameter(&request)?;
    request.body().await?;
    let store = store::spin::open().await;
    Ok(bitcoins::answer(tally::add(&store, &keys::bitcoins(), satoshis, i64::MAX).await?))
}

async fn counter(request: Request) -> Result<Answer, Problem> {
    let name = named::name(&request)?;
    let store = store::spin::open().await;
    Ok(named::answer(&name, store.count(&keys::counter(&name)).await?))
}

async fn add_to_counter(request: Request) -> Result<Answer, Problem> {
    let (name, by) = (named::name(&request)?, named::by(&request)?);
    request.body().await?;
    let store = store::spin::open().await;
    Ok(named::answer(&name, tally::add(&store, &keys::counter(&name), by, named::LARGEST).await?))
}
