//! Counters: `GET` and `POST /v1/bitcoins`, `/v1/counters/{name}`.
//!
//! A post without a key is one atomic increment. Under an `Idempotency-Key` it is a swap of a document: it counts once,
//! and the first answer is given again. Both answer the total. A post that would pass the limit is refused with 422
//! `limit-exceeded`; the total never wraps. With `auth = jwt` a post needs a token of any user, and reading needs none.
//! Imports the store with its settings, `identity` by its name, and the settings that `spin.toml` lists.

mod bitcoins;
mod named;

use api::{Answer, Code, Method, Problem, Request, clock, limits};
use store::keys::{self, CounterKeys};
use teller::tally::{self, KeyedPost};

api::component!("counter", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/v1/bitcoins" => match request.route_method()? {
            Method::Get => bitcoins().await,
            Method::Post => add_bitcoins(request).await,
        },
        _ => match request.route_method()? {
            Method::Get => counter(request).await,
            Method::Post => add_to_counter(request).await,
        },
    }
}

async fn bitcoins() -> Result<Answer, Problem> {
    let store = store::spin::open().await;
    Ok(bitcoins::answer(tally::total(&store, &keys::bitcoins()).await?))
}

async fn add_bitcoins(request: Request) -> Result<Answer, Problem> {
    request.token().await?;
    let satoshis = bitcoins::parameter(&request)?;
    post(request, &keys::bitcoins(), satoshis, i64::MAX, bitcoins::answer).await
}

async fn counter(request: Request) -> Result<Answer, Problem> {
    let name = named::name(&request)?;
    let store = store::spin::open().await;
    Ok(named::answer(&name, tally::total(&store, &keys::counter(&name)).await?))
}

async fn add_to_counter(request: Request) -> Result<Answer, Problem> {
    request.token().await?;
    let (name, by) = (named::name(&request)?, named::by(&request)?);
    post(request, &keys::counter(&name), by, limits::MAX_COUNTER_VALUE, |total| named::answer(&name, total))
        .await
}

async fn post(
    request: Request,
    counter: &CounterKeys,
    by: i64,
    limit: i64,
    show: impl Fn(i64) -> Answer,
) -> Result<Answer, Problem> {
    let key = request.idempotency_key()?;
    request.body().await?;
    let store = store::spin::open().await;
    let answer = match key {
        None => tally::add(&store, counter, by, limit).await?,
        Some(key) => {
            let post = KeyedPost { key, by, request: clock::fresh_id() };
            tally::add_once(&store, counter, &post, limit).await?
        }
    };
    let passed =
        || Problem::new(Code::LimitExceeded, "The total would pass its limit.").replayed(answer.replayed);
    answer.total.map(|total| show(total).replayed(answer.replayed)).ok_or_else(passed)
}
