//! Pages: `GET /`, what is here; `GET /problems/{code}`, what a problem means; 404 for every other path.
//!
//! Imports nothing of Spin: it has no store, no settings and no hosts.

mod page;

use api::{Answer, Code, Problem, Request};
use spin_sdk::http::IntoResponse;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    api::serve(request, async |request| match request.path() {
        "/" => start(&request),
        path => problem(&request, path),
    })
    .await
}

fn start(request: &Request) -> Result<Answer, Problem> {
    request.get()?;
    Ok(page::answer(page::START.to_owned()))
}

fn problem(request: &Request, path: &str) -> Result<Answer, Problem> {
    let named = path.strip_prefix("/problems/");
    let code = Code::ALL.iter().find(|code| Some(code.as_str()) == named).ok_or_else(Problem::not_found)?;
    request.get()?;
    Ok(page::answer(page::problem(*code)))
}
