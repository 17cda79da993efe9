//! The documentation of the API: `GET /openapi.json`, the document generated from the code, and `GET /docs`,
//! Swagger UI with it. With `auth = jwt` the document names the issuer, and the page signs users in there.
//!
//! It is a component of its own because Swagger UI is larger than all other components. Files are kept as gzip, as
//! `build.rs` made them, and sent like that to clients that accept it. Imports the settings `log_level` and those
//! of signing in (`crates/signin`), and nothing else of Spin: it has no store and no hosts.

use api::{Answer, Asset, Problem, Request};
use signin::{Auth, SignIn};

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
/// The document of a bank that uses tokens, whose issuer is filled in when it is served. No path has this name.
const BY_TOKEN: &str = "by-token.json";
/// The text that stands for the issuer in that document.
const ISSUER: &str = include!(concat!(env!("OUT_DIR"), "/issuer.rs"));

api::component!("docs", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    if request.path() == "/docs/" {
        request.get()?;
        return Ok(Answer::moved("/docs"));
    }
    let sign_in = signin::current().await;
    let answer = match (request.path(), sign_in.auth()) {
        ("/docs/settings.js", _) => Some(sign_in.module(&request)),
        ("/openapi.json", Auth::Jwt) => by_token(&request, &sign_in),
        _ => file(&request, &sign_in),
    };
    let answer = answer.ok_or_else(Problem::not_found)?;
    request.get()?;
    Ok(answer.with("referrer-policy", "no-referrer"))
}

fn file(request: &Request, sign_in: &SignIn) -> Option<Answer> {
    let policy = sign_in.policy();
    let answer = Asset::find(ASSETS, request.path())?.answer_with(request, &policy.version());
    Some(answer.with("content-security-policy", policy.to_string()))
}

fn by_token(request: &Request, sign_in: &SignIn) -> Option<Answer> {
    Some(Asset::find(ASSETS, BY_TOKEN)?.answer_filled(request, ISSUER, sign_in.issuer()))
}
