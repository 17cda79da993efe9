//! Pages: `GET /`, what is here; `GET /problems/{code}`, what a problem means; 404 for every other path.
//!
//! Imports the setting `log_level`, and nothing else of Spin: it has no store and no hosts.

mod page;

use api::{Answer, Code, Problem, Request};
use spin_sdk::http::IntoResponse;
use spin_sdk::http_service;

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    api::serve("web", request, async |request| match request.path() {
        "/" => page(&request, page::start),
        "/style.css" => page(&request, page::style),
        path => {
            let code = named(path)?;
            page(&request, || page::problem(code))
        }
    })
    .await
}

fn page(request: &Request, page: impl Fn() -> Answer) -> Result<Answer, Problem> {
    request.get()?;
    Ok(page())
}

/// The code in `/problems/{code}`.
fn named(path: &str) -> Result<Code, Problem> {
    let name = path.strip_prefix("/problems/").ok_or_else(Problem::not_found)?;
    Code::ALL.iter().copied().find(|code| code.as_str() == name).ok_or_else(Problem::not_found)
}
