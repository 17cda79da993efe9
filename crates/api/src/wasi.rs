//! `wasi:http` in and out: requests as a host gives them, responses as it takes them.
//!
//! Not by `#[http_service]`: it makes an `http::Request` of each request, which costs every `.wasm` a fifth of
//! its size, and every request more than it takes to look at the few things that are asked of it. Only the
//! black-box suites see this module; everything else of the crate runs natively too.

use std::cell::OnceCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use eventlog::Level;
use futures::future::{Either, select};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::{Fields, Method, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, yield_async};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

pub use spin_sdk::wasip3::exports::http::handler::Guest;
pub use spin_sdk::wasip3::http::service::export;
pub use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

use crate::body::Cut;
use crate::cors::{self, Origins};
use crate::headers::Headers;
use crate::identity::Said;
use crate::{Answer, Problem, answer};

/// How long `identity` may take, which may have to ask the issuer of a token for its keys.
const IDENTITY_TIME: Duration = Duration::from_secs(5);

/// Answers `request` to the `component` that its path leads to with what `handler` makes of it.
pub async fn serve(
    component: fn(&str) -> &'static str,
    request: Request,
    handler: impl AsyncFnOnce(crate::Request) -> Result<Answer, Problem>,
) -> Response {
    let request = received(request);
    eventlog::begin(component(request.path()), settings::log_level).await;
    let origins = origins().await;
    let id = request.id().to_owned();
    response(answer(request, &origins, handler).await, &id)
}

thread_local! {
    static ORIGINS: OnceCell<Rc<Origins>> = const { OnceCell::new() };
}

/// `cors_origins`, read once by an instance. What is no origin in it is named in the log.
async fn origins() -> Rc<Origins> {
    if let Some(known) = ORIGINS.with(|known| known.get().cloned()) {
        return known;
    }
    let setting = spin_sdk::variables::get("cors_origins").await.unwrap_or_default();
    let (origins, bad) = Origins::parse(&setting);
    let origins = Rc::new(origins);
    // Requests that came meanwhile have read it too; one of them names what is bad.
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

/// What the component `identity` says to a value of the header `authorization`; `None` where it does not answer in time.
pub(crate) async fn identified(authorization: String, request_id: &str) -> Option<Said> {
    let fields = [
        ("authorization".to_owned(), authorization.into_bytes()),
        ("x-request-id".to_owned(), request_id.as_bytes().to_vec()),
    ];
    let asked = outbound::head("identity.spin.internal", &fields);
    if let Either::Left((Ok((status, fields)), _)) = select(pin!(asked), pin!(sleep(IDENTITY_TIME))).await {
        return Some((status, Headers::new(fields)));
    }
    let members = [("cause", "no answer from identity.spin.internal".into())];
    eventlog::event(Level::Error, "identity-not-asked", members);
    None
}

fn received(request: Request) -> crate::Request {
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
    let body = Body { unread: Some(request), read: None };
    crate::Request::of(method, &target, headers, body)
}

/// A request's body. It is not asked for before somebody reads.
pub struct Body {
    unread: Option<Request>,
    read: Option<Reading>,
}

struct Reading {
    parts: StreamReader<u8>,
    trailers: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// Tells the host, when it is dropped, that nothing was wrong with the request.
    _result: FutureWriter<Result<(), ErrorCode>>,
}

impl Body {
    /// What comes next, at most `most` bytes; nothing at the end.
    pub async fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>, Cut> {
        if let Some(request) = self.unread.take() {
            let (result, told) = wit_future::new(|| Ok(()));
            let (parts, trailers) = Request::consume_body(request, told);
            self.read = Some(Reading { parts, trailers: Some(trailers), _result: result });
        }
        let reading = self.read.as_mut().ok_or(Cut::BrokenOff)?;
        let (result, part) = reading.parts.read(Vec::with_capacity(most)).await;
        if !part.is_empty() {
            return Ok(Some(part));
        }
        match (result, reading.trailers.take()) {
            // Only what comes behind a body tells whether it was whole.
            (StreamResult::Dropped, Some(trailers)) => {
                trailers.await.map(|_| None).map_err(|error| match error {
                    ErrorCode::ConnectionReadTimeout => Cut::Late,
                    _ => Cut::BrokenOff,
                })
            }
            (StreamResult::Dropped, None) => Ok(None),
            _ => Err(Cut::BrokenOff),
        }
    }
}

fn response(answer: Answer, request_id: &str) -> Response {
    let (status, fields, mut body) = answer.into_parts(request_id);
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned().into_bytes()));
    // Names and values are the bank's own and well formed, and a request's id is a sane one.
    let fields = Fields::from_list(&fields.collect::<Vec<_>>()).unwrap_or_else(|_| Fields::new());
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (parts, reader) = (!body.is_empty()).then(wit_stream::new).unzip();
    let (response, _) = Response::new(fields, reader, no_trailers);
    // Only a number that is no status is refused.
    let _ = response.set_status_code(status.as_u16());
    spawn(async move {
        if let Some(mut parts) = parts {
            while let Some(piece) = next_piece(&mut body).await {
                // Something is left over when the host takes no more, as when the client has gone.
                if !parts.write_all(piece).await.is_empty() {
                    break;
                }
            }
        }
        let _ = trailers.write(Ok(None)).await;
    });
    response
}

/// What comes next of `body`. Other requests get the processor before a piece is made, since hundreds of clients may ask
/// for one at the same moment.
async fn next_piece(body: &mut answer::Body) -> Option<Vec<u8>> {
    if let answer::Body::Pieces(..) = body {
        yield_async().await;
    }
    body.next_piece()
}
