//! HTTP as in the contract: everything that components share between a request and its answer.
//!
//! Only this crate knows statuses and headers. A component's route function does three things: it reads the
//! [`Request`], asks the rules, and returns an [`Answer`]; `?` turns every failure into a [`Problem`]. There are
//! four kinds of failures, which never mix: malformed (400s), refused (422), unknown outcome (503), ours (500).
//!
//! - [`request`]: method, path, query, idempotency key, body up to 4 KiB; [`identity`]: who the user is, and what
//!   they may do.
//! - [`money`]: amounts from raw JSON tokens; operations; their answers.
//! - [`problem`]: problem+json (RFC 9457), the catalogue of codes, and the conversion of every failure.
//! - [`answer`]: JSON and pages, with the headers that every response carries; [`asset`]: files, kept packed.
//! - [`cors`]: which pages may call from a browser.
//! - [`view`]: the documents that clients get; [`limits`]: the limits of requests.
//! - [`clock`]: the time and fresh identifiers.
//! - `wasi`: requests and responses as hosts have them; in components alone.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

pub mod answer;
pub mod asset;
mod body;
pub mod clock;
pub mod cors;
#[cfg(test)]
mod fuzz;
mod headers;
pub mod identity;
pub mod limits;
mod log;
pub mod money;
pub mod problem;
pub mod recent;
pub mod request;
#[cfg(feature = "openapi")]
pub mod schema;
mod scope;
pub mod view;
#[cfg(target_arch = "wasm32")]
pub mod wasi;

pub use answer::Answer;
pub use asset::Asset;
pub use problem::{Code, Problem};
pub use request::{Method, Request};
pub use scope::Scope;

/// Makes a crate the component of this name, which answers each request with `$handler`, an `async fn(Request) ->
/// Result<Answer, Problem>` in the same file. It takes the place of `#[http_service]`. Natively, where only tests
/// run, it does nothing. If a crate is several components, `of` names a function from a path to a component.
#[macro_export]
macro_rules! component {
    ($name:literal, $handler:ident) => {
        /// Whatever the path.
        fn component(_: &str) -> &'static str {
            $name
        }
        $crate::component!(of component, $handler);
    };
    (of $component:ident, $handler:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        mod component {
            use $crate::wasi::{ErrorCode, Guest, Request, Response, export, serve};

            struct Component;
            export!(Component);

            impl Guest for Component {
                async fn handle(request: Request) -> Result<Response, ErrorCode> {
                    Ok(serve(super::$component, request, super::$handler).await)
                }
            }
        }
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = ($component, $handler);
        };
    };
}

/// Answers `request` with `handler`, and logs it; pages of `origins` may read the answer. It never fails: a failure
/// is an answer too.
pub async fn answer(
    request: Request,
    origins: &cors::Origins,
    handler: impl AsyncFnOnce(Request) -> Result<Answer, Problem>,
) -> Answer {
    let line = log::RequestLine::begin(&request);
    let grant = origins.grant(&request);
    let answer = match grant.preflight(&request) {
        Some(answer) => answer,
        None => handler(request).await.unwrap_or_else(|problem| problem.into_answer(line.request_id())),
    };
    line.end(&answer);
    grant.add_headers(answer)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn an_answer_and_a_failure_both_carry_the_requests_id() {
        for (handled, status) in [(Ok(Answer::json(&1)), 200), (Err(Problem::not_found()), 404)] {
            let request = http::Request::get("/").header("x-request-id", "r-1").body(String::new());
            let handler = async |request: Request| {
                assert_eq!(request.id(), "r-1");
                handled
            };
            let origins = cors::Origins::default();
            let answer = block_on(answer(Request::new(request.unwrap()), &origins, handler));
            let response = answer.into_response("r-1");
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-request-id"], "r-1");
            assert!(response.headers().contains_key("content-length"));
        }
    }
}
