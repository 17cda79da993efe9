//! HTTP as the contract has it: everything that components share between a request and its answer.
//!
//! The one place that knows statuses and headers (design section 7). A component's route function is
//! three moves: read the [`Request`], ask the rules, [`Answer`]; `?` leads every failure to one
//! [`Problem`]. Four kinds never mix: malformed (400s), refused (422), unknown outcome (503), ours (500).
//!
//! - [`request`]: method, path, query, identity, idempotency key, body up to 4 KiB.
//! - [`money`]: amounts from raw JSON tokens; operations; their answers.
//! - [`problem`]: problem+json (RFC 9457), the catalogue of codes, and every failure's way into it.
//! - [`answer`]: JSON and pages, with the headers that every response carries.
//! - [`view`]: what answers look like; [`limits`]: what requests run into.
//! - [`clock`]: the time and fresh identifiers.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

pub mod answer;
pub mod clock;
pub mod limits;
mod log;
pub mod money;
pub mod problem;
pub mod request;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod view;

use bytes::Bytes;
use http_body_util::Full;

pub use answer::Answer;
pub use problem::{Code, Problem};
pub use request::{Request, Verb};

/// Answers `request` with what `handler` of `component` makes of it, and logs it. Never fails: a failure is
/// an answer too.
pub async fn serve<B>(
    component: &'static str,
    request: http::Request<B>,
    handler: impl AsyncFnOnce(Request) -> Result<Answer, Problem>,
) -> http::Response<Full<Bytes>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    eventlog::begin(component).await;
    let request = Request::new(request);
    let line = log::Line::begin(&request);
    let id = request.id().to_owned();
    let answer = match handler(request).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_answer(&id),
    };
    line.end(&answer);
    answer.into_response(&id)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    fn served(handler: impl AsyncFnOnce(Request) -> Result<Answer, Problem>) -> http::Response<Full<Bytes>> {
        let request = http::Request::get("/").header("x-request-id", "r-1").body(Full::<Bytes>::default());
        block_on(serve("web", request.unwrap(), handler))
    }

    #[test]
    fn an_answer_and_a_failure_both_carry_the_requests_id() {
        for (handler, status) in [(Ok(Answer::json(&1)), 200), (Err(Problem::not_found()), 404)] {
            let response = served(async |request| {
                assert_eq!(request.id(), "r-1");
                handler
            });
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-request-id"], "r-1");
            assert!(response.headers().contains_key("content-length"));
        }
    }
}
