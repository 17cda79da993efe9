//! Exchange rates: `GET /v1/rates`, `/v1/rates/{code}`, `/v1/rates/history`, `/v1/convert`.
//!
//! The rates are CoinGecko's, kept in the store for `rates_ttl_seconds` and shared by all banks. While CoinGecko
//! fails, the last good ones are shown with `stale: true`, for up to `rates_max_stale_seconds`; after that the
//! answer is 503 `rates-unavailable`. Values keep every digit that they came with. Imports the key-value store,
//! outbound HTTP to `coingecko_origin`, and the settings named here.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod cache;
mod convert;
mod failure;
#[cfg(test)]
mod fuzz;
mod history;
mod number;
mod report;
mod settings;
mod sheet;
mod upstream;
mod view;

use api::{Answer, Problem, Request};

api::component!("rates", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/v1/rates" => rates(request).await,
        "/v1/rates/history" => history(request).await,
        "/v1/convert" => convert(request).await,
        _ => rate(request).await,
    }
}

async fn rates(request: Request) -> Result<Answer, Problem> {
    request.get()?;
    let kept = cache::current().await?;
    Ok(view::all(&request, &kept))
}

async fn rate(request: Request) -> Result<Answer, Problem> {
    let code = view::code_in_path(&request)?;
    request.get()?;
    let kept = cache::current().await?;
    let (code, currency, _) = kept.sheet.currency(&code)?;
    Ok(view::one(&request, &kept, &code, &currency))
}

async fn history(request: Request) -> Result<Answer, Problem> {
    request.get()?;
    Ok(Answer::file("application/json", cache::history().await?))
}

async fn convert(request: Request) -> Result<Answer, Problem> {
    request.get()?;
    let (amount, from, to) = view::conversion(&request)?;
    let kept = cache::current().await?;
    let (from, to) = (kept.sheet.currency(&from)?, kept.sheet.currency(&to)?);
    let conversion = convert::convert(amount, &from.2, &to.2);
    Ok(view::converted(&kept, amount, &from.0, &to.0, &conversion))
}
