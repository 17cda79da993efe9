//! From a request to a response: Spin's own paths, the route, the component behind it.
//!
//! What no route matches is 404. A component that traps, or answers with an error instead of a response,
//! is 500 without a body, as in Spin, and the reason goes to stderr; so is a header that is not UTF-8.
//! Without a host, with two that differ, or with one of Spin's own it is 400, where Spin hangs up.

use crate::component::{InFlight, Turn};
use crate::instances::{Gone, Running};
use crate::lingering::Lingering;
use crate::manifest::Route;
use crate::router::{Router, WELL_KNOWN};
use crate::spin_headers::{self, RouteHeaders};
use crate::well_known::WellKnown;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, WasiBody};

/// More requests than this wait for their turn: each could need an instance of its own.
const MOST_AT_ONCE: usize = 512;

/// An application that is ready to answer.
pub struct App {
    router: Router<Endpoint>,
    well_known: WellKnown,
    places: Arc<Semaphore>,
}

struct Endpoint {
    component: Arc<str>,
    running: Running,
    headers: RouteHeaders,
}

impl App {
    /// An application with these routes.
    pub fn new(
        well_known: WellKnown,
        routes: impl IntoIterator<Item = (Route, Running)>,
    ) -> anyhow::Result<Self> {
        let endpoint = |(route, running): (Route, Running)| {
            let headers = RouteHeaders::new(&route.path);
            let component = route.component.as_str().into();
            (route, Endpoint { component, running, headers })
        };
        Ok(Self {
            router: Router::new(routes.into_iter().map(endpoint))?,
            well_known,
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        })
    }

    /// The routes as Spin lists them, each with its component's id.
    pub fn routes(&self) -> impl Iterator<Item = (String, &str)> {
        self.router.targets().map(|target| (target.to_string(), &*target.to.component))
    }

    /// Answers a request of `client`.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        client: &HeaderValue,
        in_flight: &InFlight,
    ) -> Response<WasiBody> {
        let (mut parts, body) = request.into_parts();
        if let Some(rest) = parts.uri.path().strip_prefix(WELL_KNOWN) {
            return self.well_known.answer(rest).map(full);
        }
        let Some(found) = self.router.find(parts.uri.path()) else {
            return empty(StatusCode::NOT_FOUND);
        };
        parts.headers.remove(CONNECTION);
        let Some(uri) = absolute(&parts.uri, &parts.headers) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let endpoint = &found.target.to;
        if let Some((name, _)) = parts.headers.iter().find(|(_, value)| !is_utf8(value)) {
            eprintln!("[{}] not called: the header {name} is not UTF-8", endpoint.component);
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        spin_headers::add(&mut parts.headers, path, &found, &endpoint.headers, client);
        parts.uri = uri;
        let request = Request::from_parts(parts, Lingering::new(body).map_err(Error::from).boxed_unsync());
        self.call(endpoint, request, in_flight.clone()).await
    }

    async fn call(
        &self,
        endpoint: &Endpoint,
        request: Request<WasiBody>,
        in_flight: InFlight,
    ) -> Response<WasiBody> {
        let place = self.places.clone().acquire_owned().await.ok();
        match endpoint.running.handle(Turn { in_flight, place }, request).await {
            Ok(response) => response,
            Err(error) => {
                // A trap has already been told, once for all the requests that it ended.
                if !error.is::<Gone>() {
                    eprintln!("[{}] failed: {error:#}", endpoint.component);
                }
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// The URI with scheme and host, which in HTTP/1.1 comes from the `Host` header. Names that Spin keeps
/// for calls between components are none.
fn absolute(uri: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let host = match headers.get(HOST) {
        Some(host) => Some(host.to_str().ok()?.parse::<Authority>().ok()?),
        None => None,
    };
    let authority = match (host, uri.authority()) {
        (Some(host), Some(authority)) if host != *authority => return None,
        (Some(host), _) => host,
        (None, authority) => authority?.clone(),
    };
    if authority.host().ends_with(".spin.internal") {
        return None;
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = Some(uri.path_and_query()?.clone());
    Uri::from_parts(parts).ok()
}

fn is_utf8(value: &HeaderValue) -> bool {
    std::str::from_utf8(value.as_bytes()).is_ok()
}

fn full(body: Bytes) -> WasiBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}
