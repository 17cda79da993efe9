//! Service chaining: a component calls another one of the application by name, `http://NAME.spin.internal`, without
//! a connection. Its `allowed_outbound_hosts` must permit that, as for any other host.
//!
//! As in Spin, every component with a trigger can be called; with `route = { private = true }` this is the only way
//! to reach it. The path is the one that the caller chose, whatever routes exist. The called component sees the
//! caller's headers and those of Spin, with the route `/...` and the client address `0.0.0.0:0`. If there is no
//! such component, Spin ends the caller's instance, and `bank` returns an error to it.
//!
//! A call takes none of the places that clients' requests share: the request that makes it already holds one and
//! waits. Each component that can be called has places of its own for calls. If components call one another in a
//! circle and these places run out, they wait until the caller's first-byte timeout.

use crate::call::{call, empty_response};
use crate::guards::{ProcessGuard, RequestGuard};
use crate::outbound::Chained;
use crate::placement::Running;
use crate::places::CallPlaces;
use crate::spin_headers::{self, RouteHeaders};
use futures::future::BoxFuture;
use http::header::{HOST, HeaderValue};
use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use opentelemetry::Context as Trace;
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::WeakSender;
use tokio::time::{Sleep, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// The route under which components are called.
static ROUTE: LazyLock<RouteHeaders> = LazyLock::new(|| RouteHeaders::new("/..."));
/// As in Spin, and as for other hosts.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The components of an application that others may call.
#[derive(Default)]
pub struct Chain {
    /// Set once all components are ready.
    components: OnceLock<HashMap<String, Callee>>,
    process: OnceLock<WeakSender<Infallible>>,
}

struct Callee {
    running: Running,
    places: CallPlaces,
}

impl Chain {
    /// Sets the components that may be called.
    pub fn connect(&self, components: HashMap<String, Running>) {
        let called = components.len();
        let callee = |(name, running)| (name, Callee { running, places: CallPlaces::new(called) });
        let _ = self.components.set(components.into_iter().map(callee).collect());
    }

    /// From now on, calls are in flight like the requests that make them.
    pub fn hold_process(&self, process: &ProcessGuard) {
        let _ = self.process.set(process.downgrade());
    }

    async fn answer(
        &self,
        name: &str,
        request: Request<WasiBody>,
        trace: Option<Trace>,
    ) -> Result<Response<WasiBody>, Error> {
        let callee = self.components.get().and_then(|components| components.get(name));
        let callee = callee.ok_or_else(|| {
            let message = format!("there is no component `{name}` with a trigger to call");
            Error::InternalError(Some(message))
        })?;
        let process = self.process.get().and_then(WeakSender::upgrade);
        let process = process.ok_or(Error::ConnectionTerminated)?;
        let place = callee.places.call().await;
        let guard = RequestGuard { process, place, trace };
        match with_headers(request) {
            Some(request) => Ok(call(&callee.running, request, guard).await),
            None => Ok(empty_response(StatusCode::BAD_REQUEST)),
        }
    }
}

impl Chained for Chain {
    fn send(
        self: Arc<Self>,
        name: String,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        trace: Option<Trace>,
    ) -> BoxFuture<'static, Result<Response<WasiBody>, Error>> {
        let options = options.unwrap_or_default();
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        Box::pin(async move {
            let answered = timeout(first_byte, self.answer(&name, request, trace)).await;
            let response = answered.map_err(|_| Error::ConnectionReadTimeout)??;
            Ok(response.map(|body| Timed { body, between_bytes, late: None }.boxed_unsync()))
        })
    }
}

/// The request as the called component sees it.
fn with_headers(request: Request<WasiBody>) -> Option<Request<WasiBody>> {
    const CLIENT: HeaderValue = HeaderValue::from_static("0.0.0.0:0");
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(HOST);
    let path = parts.uri.path_and_query()?.as_str();
    spin_headers::add(
        &mut parts.headers,
        &Scheme::HTTP,
        path,
        parts.uri.path(),
        std::iter::empty(),
        &ROUTE,
        &CLIENT,
    );
    Some(Request::from_parts(parts, body))
}

/// A body that fails if nothing more arrives in time.
struct Timed {
    body: WasiBody,
    between_bytes: Duration,
    late: Option<Pin<Box<Sleep>>>,
}

impl Body for Timed {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Error>>> {
        if let Poll::Ready(frame) = pin!(&mut self.body).poll_frame(context) {
            self.late = None;
            return Poll::Ready(frame);
        }
        let between_bytes = self.between_bytes;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(between_bytes)));
        late.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
