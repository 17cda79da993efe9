//! Pages: `GET /`, the dashboard, and its files; `GET /problems/{code}`, what a problem means; 404 for every other
//! path. Files are kept as gzip, and sent like that to clients that accept it.
//!
//! Imports the settings `log_level` and those of signing in (`crates/signin`), and nothing else of Spin: it has no
//! store and no hosts.

mod dashboard;
mod page;
mod retry;

use api::{Answer, Code, Problem, Request};

api::component!("web", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    let answer = match request.path() {
        path if path.starts_with("/problems/") => page::problem(code_in_path(path)?),
        _ => dashboard::file(&request).await.ok_or_else(Problem::not_found)?,
    };
    request.get()?;
    Ok(answer)
}

/// The code in `/problems/{code}`.
fn code_in_path(path: &str) -> Result<Code, Problem> {
    let name = path.strip_prefix("/problems/").ok_or_else(Problem::not_found)?;
    Code::ALL.iter().copied().find(|code| code.as_str() == name).ok_or_else(Problem::not_found)
}
