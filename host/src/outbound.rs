//! Outbound HTTP: `wasi:http/client`, only to the hosts that the component's manifest allows.
//!
//! A request to any other host is denied (`HTTP-request-denied`), with a hint on stderr. Redirects are not
//! followed; the component sees them. `http://NAME.spin.internal` is another component of the application
//! ([`Chained`]). Every other request has a connection of its own, with TLS by rustls and the roots of webpki. Spin
//! reuses connections; that is the only difference.

use crate::allowed_hosts::AllowedHosts;
use crate::imports::Imports;
use crate::internal_hosts;
use crate::telemetry::{Call, CallTracing};
use futures::future::BoxFuture;
use opentelemetry::Context;
use std::sync::Arc;
use url::Url;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, HasData, Linker, Resource};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p3::bindings::http::types::{Request, Response};
use wasmtime_wasi_http::p3::bindings::http::{client, types};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// What one instance may reach.
pub struct Outbound {
    /// The component's name, for hints.
    pub component: Arc<str>,
    /// Where it may connect to.
    pub allowed: Arc<AllowedHosts>,
    /// The application's components.
    pub chain: Arc<dyn Chained>,
    /// The requests that the instance works on, to which traces attribute its calls.
    pub call_tracing: CallTracing,
}

/// The components of an application that other components may call by name ([`crate::chain`]).
pub trait Chained: Send + Sync {
    /// Has the component `name` answer `request`, which belongs to `trace`. It fails if there is no such component,
    /// or if no component takes the call in time.
    fn send(
        self: Arc<Self>,
        name: String,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        trace: Option<Context>,
    ) -> BoxFuture<'static, Result<http::Response<WasiBody>, Error>>;
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type SendFuture = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> SendFuture {
        if !self.allows(request.uri()) {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let call = self.call_tracing.begin_request(&mut request);
        if let Some(name) = internal_hosts::component(request.uri()).map(str::to_owned) {
            let sent = self.chained(name, request, options, call.trace());
            return record(call, sent);
        }
        record(
            call,
            Box::new(async move {
                use http_body_util::BodyExt as _;
                let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
                Ok((response.map(|body| body.boxed_unsync()), Box::new(io) as Io))
            }),
        )
    }
}

impl Outbound {
    /// Calls the component `name`.
    fn chained(
        &self,
        name: String,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        trace: Option<Context>,
    ) -> SendFuture {
        let (chain, component) = (self.chain.clone(), self.component.clone());
        Box::new(async move {
            let response = chain.send(name.clone(), request, options, trace).await.inspect_err(|error| {
                eprintln!("[{component}] called `{name}` in vain: {error}");
            })?;
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }

    fn allows(&self, uri: &http::Uri) -> bool {
        match Url::parse(&uri.to_string()) {
            Ok(url) if self.allowed.allow(&url) => true,
            Ok(url) => {
                self.hint(&url);
                false
            }
            Err(_) => {
                eprintln!(
                    "[{}] tried to call its own application, which `bank` does not do.",
                    self.component
                );
                false
            }
        }
    }

    fn hint(&self, url: &Url) {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let destination = format!("{}://{host}{port}", url.scheme());
        eprintln!(
            "[{}] tried to connect to disallowed destination '{destination}'.\n\
             To allow this, add '{destination}' to allowed_outbound_hosts of [component.{}].",
            self.component, self.component
        );
    }
}

/// Returns `sent`, and records how it ends.
fn record(call: Call, sent: SendFuture) -> SendFuture {
    Box::new(async move {
        let result = Box::into_pin(sent).await;
        match &result {
            Ok((response, _)) => call.end_with_status(response.status()),
            Err(error) => call.end(Some(why(error).into())),
        }
        result
    })
}

/// Why there is no answer, in one word.
fn why(error: &Error) -> &'static str {
    match error {
        Error::DnsTimeout
        | Error::ConnectionTimeout
        | Error::ConnectionReadTimeout
        | Error::HttpResponseTimeout => "timeout",
        Error::ConnectionRefused => "refused",
        Error::DnsError { .. } | Error::DestinationNotFound => "not_found",
        _ => "_OTHER",
    }
}

/// wasmtime's `wasi:http`, except that sending a request first notes which request makes the call.
pub fn add_to_linker<T: Imports + WasiHttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    client::add_to_linker::<_, ClientInterface>(linker, T::http)?;
    types::add_to_linker::<_, WasiHttp>(linker, T::http)
}

/// Stands for `wasi:http/client` in linkers.
struct ClientInterface;

impl HasData for ClientInterface {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl<T: Imports + WasiHttpView> client::HostWithStore<T> for ClientInterface {
    async fn send(
        accessor: &Accessor<T, Self>,
        request: Resource<Request>,
    ) -> Result<Resource<Response>, TrappableError<types::ErrorCode>> {
        accessor.with(|mut access| {
            let call_tracing = access.data_mut().call_tracing().clone();
            call_tracing.note(access.as_context_mut());
        });
        // It reaches `send_request` before it first waits.
        let accessor = accessor.with_getter::<WasiHttp>(T::http);
        <WasiHttp as client::HostWithStore<T>>::send(&accessor, request).await
    }
}
