//! Has a component answer a request. There is always an answer: if the component trapped or returned an error, it
//! is 500 without a body, and the log gets the line of the request ([`crate::failed`]).

use crate::failed::RequestLine;
use crate::guards::RequestGuard;
use crate::lifetime::InstanceFailed;
use crate::placement::Running;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::WasiBody;

/// Has a component answer `request`, which holds `guard`.
pub async fn call(running: &Running, request: Request<WasiBody>, guard: RequestGuard) -> Response<WasiBody> {
    let line = RequestLine::of(&request);
    match running.handle(guard, request).await {
        Ok(response) => response,
        Err(error) => {
            let (component, status) = (running.component(), StatusCode::INTERNAL_SERVER_ERROR);
            // A trap has been logged already, once for all the requests that it ended.
            if !error.is::<InstanceFailed>() {
                eprintln!("[{}] failed: {error:#}", component.id);
            }
            line.log_failure(component, status);
            empty_response(status)
        }
    }
}

/// A whole body.
pub fn full_body(body: Bytes) -> WasiBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// An answer without a body.
pub fn empty_response(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(full_body(Bytes::new()));
    *response.status_mut() = status;
    response
}
