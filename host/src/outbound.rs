//! Outbound HTTP: `wasi:http/client`, only to the hosts that the component's manifest allows.
//!
//! A request to anywhere else is denied (`HTTP-request-denied`), with a hint on stderr. Redirects are
//! not followed: the component sees them. `http://NAME.spin.internal` is another component of the application
//! ([`chain`]). Each other request has a connection of its own, TLS by rustls with
//! the roots of webpki. Spin keeps connections; there is no other difference.

use crate::allowed_hosts::AllowedHosts;
use crate::chain::{self, Chain};
use std::sync::Arc;
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// What one instance may reach.
pub struct Outbound {
    /// The component's name, for hints.
    pub component: Arc<str>,
    /// Where it may connect to.
    pub allowed: Arc<AllowedHosts>,
    /// The application's components.
    pub chain: Arc<Chain>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Sent {
        if !self.allows(request.uri()) {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        if let Some(name) = chain::target(request.uri()).map(str::to_owned) {
            return self.chained(name, request, options);
        }
        Box::new(async move {
            use http_body_util::BodyExt as _;
            let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
            Ok((response.map(|body| body.boxed_unsync()), Box::new(io) as Io))
        })
    }
}

impl Outbound {
    /// Calls the component `name`.
    fn chained(
        &self,
        name: String,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Sent {
        let (chain, component) = (self.chain.clone(), self.component.clone());
        Box::new(async move {
            let response = chain.send(&name, request, options).await.inspect_err(|error| {
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
