//! Reads a user's money: `GET /v1/wallet`, now or `?at=SEQ`, and `GET /v1/wallet/entries`, newest first.
//!
//! A user who never moved money has `"0.00"`, entry 0 and a hash of zeros. Imports the store with its settings,
//! `identity` by its name, and the settings that `spin.toml` lists.

mod view;

use std::rc::Rc;

use api::{Answer, Problem, Request, Scope};
use teller::history;
use teller::verified::VerifiedMarks;

thread_local! {
    /// The wallets that this instance has verified, by their bytes.
    static MARKS: Rc<VerifiedMarks> = Rc::default();
}

api::component!("wallet", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/v1/wallet" => wallet(request).await,
        "/v1/wallet/entries" => entries(request).await,
        _ => Err(Problem::not_found()),
    }
}

async fn wallet(request: Request) -> Result<Answer, Problem> {
    request.get()?;
    let (user, at) = (request.user(Scope::Read).await?, view::at(&request)?);
    let store = store::spin::open().await;
    let mark = match at {
        None => history::current_cached(&store, &user, &MARKS.with(Rc::clone)).await?,
        Some(seq) => history::at(&store, &user, seq).await?.ok_or_else(|| view::no_such_entry(seq))?,
    };
    Ok(view::wallet(&user, &mark))
}

async fn entries(request: Request) -> Result<Answer, Problem> {
    request.get()?;
    let user = request.user(Scope::Read).await?;
    let (limit, before) = (view::limit(&request)?, view::cursor(&request)?);
    let store = store::spin::open().await;
    Ok(view::entries(&history::entries(&store, &user, before, limit).await?))
}
