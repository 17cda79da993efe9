//! `wasi:http` in and out: requests as a host passes them, responses as it expects them.
//!
//! Why not `#[http_service]`: it builds an `http::Request` of each request. That adds a fifth to the size of every
//! `.wasm`, and takes longer than to read the few things that a route needs. Only the black-box suites cover this
//! module; everything else of the crate also runs natively.

use std::cell::OnceCell;
use std::rc::Rc;

use eventlog::Level;
use http::StatusCode;
use spin_sdk::wasip3::http::types::{Fields, Method};
use spin_sdk::wasip3::wit_bindgen::yield_async;
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

pub use spin_sdk::wasip3::exports::http::handler::Guest;
pub use spin_sdk::wasip3::http::service::export;
pub use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

use crate::body::Body;
use crate::cors::{self, Origins};
use crate::headers::Headers;
use crate::{Answer, Problem, answer};

/// Answers `request` to the `component` of its path with `handler`.
pub async fn serve(
    component: fn(&str) -> &'static str,
    request: Request,
    handler: impl AsyncFnOnce(crate::Request) -> Result<Answer, Problem>,
) -> Response {
    let request = from_wasi(request);
    eventlog::begin(component(request.path()), settings::log_level).await;
    let origins = origins().await;
    let id = request.shared_id();
    to_wasi(answer(request, &origins, handler).await, &id)
}

thread_local! {
    static ORIGINS: OnceCell<Rc<Origins>> = const { OnceCell::new() };
}

/// The setting `cors_origins`, read once by each instance. Words that are not origins are logged.
async fn origins() -> Rc<Origins> {
    if let Some(known) = ORIGINS.with(|known| known.get().cloned()) {
        return known;
    }
    let setting = spin_sdk::variables::get("cors_origins").await.unwrap_or_default();
    let (origins, bad) = Origins::parse(&setting);
    let origins = Rc::new(origins);
    // Concurrent requests have read it too; only one of them logs bad words.
    if ORIGINS.with(|known| known.set(origins.clone())).is_ok() {
        for word in bad {
            let members = [
                ("setting", "cors_origins".into()),
                ("value", word.into()),
                ("allowed", cors::ALLOWED.into()),
            ];
            eventlog::event(Level::Error, "bad-setting", members);
        }
    }
    origins
}

fn from_wasi(request: Request) -> crate::Request {
    let method = match request.get_method() {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(method) => method,
    };
    let target = request.get_path_with_query().unwrap_or_default();
    let headers = Headers::new(request.get_headers().copy_all());
    crate::Request::of(method, &target, headers, Body::new(request))
}

fn to_wasi(answer: Answer, request_id: &str) -> Response {
    let (status, fields, mut body) = answer.into_parts(request_id);
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned().into_bytes()));
    // Names and values are the bank's own and valid, and so is a request's id.
    let fields = Fields::from_list(&fields.collect::<Vec<_>>()).unwrap_or_else(|_| Fields::new());
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (parts, reader) = (!body.is_empty()).then(wit_stream::new).unzip();
    let (response, _) = Response::new(fields, reader, no_trailers);
    // A new response has 200.
    if status != StatusCode::OK {
        // This fails only for a number that is not a status.
        let _ = response.set_status_code(status.as_u16());
    }
    spawn(async move {
        if let Some(mut parts) = parts {
            while let Some(piece) = next_piece(&mut body).await {
                // Bytes are left over if the host takes no more, such as when the client is gone.
                if !parts.write_all(piece).await.is_empty() {
                    break;
                }
            }
        }
        let _ = trailers.write(Ok(None)).await;
    });
    response
}

/// The next piece of `body`. Other requests may run before a piece is made, since hundreds of clients may ask for one
/// at the same moment.
async fn next_piece(body: &mut answer::AnswerBody) -> Option<Vec<u8>> {
    if let answer::AnswerBody::Pieces(..) = body {
        yield_async().await;
    }
    body.next_piece()
}
