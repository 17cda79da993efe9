//! From a request to a response: Spin's own paths, then the route, then the component behind it.
//!
//! - 400: not a valid request ([`target`]).
//! - 404: no route matches.
//! - 500 without a body, as in Spin: the component trapped, or returned an error instead of a response. The reason
//!   goes to stderr ([`crate::call`]).
//! - 501: the body has a transfer coding other than chunked.
//! - 503 at once: too many other requests are waiting ([`crate::places`]).
//!
//! Header fields reach the component as the bytes that were sent. Spin answers 500 if one of them is not UTF-8.

use crate::body::{Arrived, is_decodable, read_small_body};
use crate::call::{call, empty_response, full_body};
use crate::chain::Chain;
use crate::failed::RequestLine;
use crate::guards::{ProcessGuard, RequestGuard};
use crate::limits::ClientLimits;
use crate::manifest::Route;
use crate::placement::Running;
use crate::places::{Crowded, OwnPlaces, Place, Places};
use crate::progress::Progress;
use crate::readiness::Readiness;
use crate::router::{Match, Router, WELL_KNOWN};
use crate::spin_headers::{self, RouteHeaders};
use crate::target;
use crate::telemetry::{RecordedRequest, Telemetry};
use crate::unavailable;
use crate::well_known::WellKnown;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// An application that is ready to answer.
pub struct App {
    router: Router<Endpoint>,
    well_known: WellKnown,
    readiness: Readiness,
    places: Places,
    chain: Arc<Chain>,
    telemetry: Arc<Telemetry>,
}

const CROWDED: &str = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Too many requests are waiting.","outcome":"none"}"#;

struct Endpoint {
    route: Arc<str>,
    component: Arc<str>,
    running: Running,
    headers: RouteHeaders,
    places: OwnPlaces,
}

/// The client at the other end of a connection.
pub struct Peer {
    scheme: Scheme,
    address: HeaderValue,
    /// The address that it connected to: the host of a request that names none.
    here: Option<Authority>,
    progress: Arc<Progress>,
}

impl Peer {
    /// The client of a connection between these two addresses.
    pub fn new(
        scheme: Scheme,
        here: io::Result<SocketAddr>,
        there: io::Result<SocketAddr>,
        progress: Arc<Progress>,
    ) -> Self {
        let here = here.ok().and_then(|address| address.to_string().parse().ok());
        let address = there.map_or(HeaderValue::from_static(""), spin_headers::client_addr);
        Self { scheme, address, here, progress }
    }
}

impl App {
    /// An application with these routes. `limits` say how many requests its components work on at once.
    pub fn new(
        well_known: WellKnown,
        readiness: Readiness,
        limits: &ClientLimits,
        routes: impl IntoIterator<Item = (Route, Running)>,
        chain: Arc<Chain>,
        telemetry: Arc<Telemetry>,
    ) -> anyhow::Result<Self> {
        let routes: Vec<(Route, Running)> = routes.into_iter().collect();
        let ids = routes.iter().map(|(route, _)| route.component.clone());
        let places = Places::new(limits, ids.clone().collect::<std::collections::HashSet<_>>().len());
        let own: HashMap<String, OwnPlaces> = ids.map(|id| (id, places.own())).collect();
        let endpoint = |(route, running): (Route, Running)| {
            let headers = RouteHeaders::new(&route.path);
            let component = route.component.as_str().into();
            let places = own.get(&route.component).cloned().unwrap_or_else(|| places.own());
            let path = route.path.as_str().into();
            (route, Endpoint { route: path, component, running, headers, places })
        };
        let router = Router::new(routes.into_iter().map(endpoint))?;
        Ok(Self { router, well_known, readiness, places, chain, telemetry })
    }

    /// The routes as Spin lists them, each with its component's id.
    pub fn routes(&self) -> impl Iterator<Item = (String, &str)> {
        self.router.targets().map(|target| (target.to_string(), &*target.to.component))
    }

    /// From now on, calls from component to component hold the `process` guard too.
    pub fn hold_process(&self, process: &ProcessGuard) {
        self.chain.hold_process(process);
    }

    /// The telemetry that it reports to.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// From now on it is not ready.
    pub fn stop(&self) {
        self.readiness.end();
    }

    /// Answers a request of `client`.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        client: &Peer,
        limits: &ClientLimits,
        process: &ProcessGuard,
    ) -> Response<AnswerBody> {
        client.progress.note_request();
        let mut recorded =
            RecordedRequest::begin(&self.telemetry, request.method(), request.headers(), &client.scheme);
        let answer = self.answer_request(request, client, limits, process, recorded.as_deref_mut()).await;
        if let Some(recorded) = &mut recorded {
            recorded.note_answer(answer.status());
        }
        answer.map(|body| AnswerBody { body, progress: client.progress.clone(), _recorded: recorded })
    }

    /// The answer of the server itself, if `path` is one of its own.
    fn own_answer(&self, path: &str) -> Option<Response<Bytes>> {
        let well_known = || path.strip_prefix(WELL_KNOWN).map(|rest| self.well_known.answer(rest));
        self.readiness.refusal(path).or_else(well_known)
    }

    async fn answer_request(
        &self,
        request: Request<Incoming>,
        client: &Peer,
        limits: &ClientLimits,
        process: &ProcessGuard,
        mut recorded: Option<&mut RecordedRequest>,
    ) -> Response<WasiBody> {
        let (mut parts, body) = request.into_parts();
        if let Some(own) = self.own_answer(parts.uri.path()) {
            return own.map(full_body);
        }
        let Some(found) = self.router.find(parts.uri.path()) else {
            return empty_response(StatusCode::NOT_FOUND);
        };
        if !is_decodable(&parts.headers) {
            return empty_response(StatusCode::NOT_IMPLEMENTED);
        }
        parts.headers.remove(CONNECTION);
        let here = (client.scheme.clone(), client.here.as_ref());
        let Some(uri) = target::absolute(&parts.uri, parts.version, &mut parts.headers, here) else {
            return empty_response(StatusCode::BAD_REQUEST);
        };
        add_spin_headers(&mut parts.headers, &parts.uri, &found, client);
        let endpoint = &found.target.to;
        parts.uri = uri;
        if let Some(recorded) = &mut recorded {
            recorded.note_component(&endpoint.route, &endpoint.component, &mut parts.headers);
        }
        let (arrived, body) = read_small_body(&parts.headers, body, limits.body_timeout).await;
        client.progress.note_request_complete();
        let request = Request::from_parts(parts, body);
        let mut response = match self.place(&arrived, endpoint).await {
            Ok(place) => {
                let trace = recorded.map(|recorded| recorded.trace());
                call(&endpoint.running, request, RequestGuard { process: process.clone(), place, trace })
                    .await
            }
            Err(Crowded) => refuse_crowded(&request, endpoint),
        };
        if arrived.is_late() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// A place for a request to `endpoint`; which kind depends on how much of it has arrived.
    async fn place(&self, arrived: &Arrived, endpoint: &Endpoint) -> Result<Option<Place>, Crowded> {
        match arrived {
            Arrived::Whole | Arrived::Late => self.places.for_complete(&endpoint.places).await,
            Arrived::Streamed(_) => Ok(self.places.for_streaming().await),
        }
    }
}

/// The answer to a `request` that would have to wait behind too many others for `endpoint`. No component sees it.
fn refuse_crowded(request: &Request<WasiBody>, endpoint: &Endpoint) -> Response<WasiBody> {
    let response = unavailable::response(CROWDED);
    RequestLine::of(request).log_failure(endpoint.running.component(), response.status());
    response.map(full_body)
}

/// Adds Spin's header fields: which route was matched, and the client's address.
fn add_spin_headers(headers: &mut HeaderMap, uri: &Uri, found: &Match<'_, '_, Endpoint>, client: &Peer) {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (info, route) = (found.trailing_wildcard(), &found.target.to.headers);
    spin_headers::add(headers, &client.scheme, path, &info, found.named(), route, &client.address);
}

/// The body of an answer. When it is dropped, the connection waits for the next request.
pub struct AnswerBody {
    body: WasiBody,
    progress: Arc<Progress>,
    /// Ends when the answer is dropped.
    _recorded: Option<Box<RecordedRequest>>,
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.progress.note_answer();
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
