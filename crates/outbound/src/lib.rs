//! Outbound HTTP: `GET` by `wasi:http`. Without `http::Request`, which makes up a fifth of a `.wasm`, as in
//! `api::wasi`.

use spin_sdk::wasip3::http::client::send;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use spin_sdk::wasip3::wit_bindgen::StreamResult;
use spin_sdk::wasip3::wit_future;

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 14;

/// A response with its whole body.
#[derive(Debug)]
pub struct FullResponse {
    /// Its status.
    pub status: u16,
    /// Its header fields.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl FullResponse {
    /// The first value of a header.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        str::from_utf8(value).ok()
    }
}

/// Why there is no complete response.
#[derive(Debug)]
pub enum Error {
    /// A header field may not be sent.
    Field,
    /// The body is over the limit.
    TooLarge,
    /// The host's own error.
    Host(ErrorCode),
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::Host(code)
    }
}

impl Error {
    /// In words, for the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        use ErrorCode::{
            ConnectionReadTimeout, ConnectionRefused, ConnectionTimeout, DestinationIpProhibited,
            DestinationNotFound, DestinationUnavailable, DnsError, DnsTimeout, HttpRequestDenied,
            HttpResponseTimeout, TlsAlertReceived, TlsCertificateError, TlsProtocolError,
        };
        match self {
            Self::Field => "a header cannot be sent",
            Self::TooLarge => "the answer is too large",
            Self::Host(DnsTimeout | DnsError(_) | DestinationNotFound) => "the name leads to no address",
            Self::Host(ConnectionRefused | DestinationUnavailable) => "nobody takes connections there",
            Self::Host(ConnectionTimeout | ConnectionReadTimeout | HttpResponseTimeout) => {
                "no answer in time"
            }
            Self::Host(TlsCertificateError) => "the certificate is not accepted",
            Self::Host(TlsProtocolError | TlsAlertReceived(_)) => "no TLS handshake",
            Self::Host(HttpRequestDenied | DestinationIpProhibited) => {
                "the host does not let this component connect there"
            }
            Self::Host(_) => "the connection broke off, or it is no HTTP",
        }
    }
}

/// Gets `path` from `origin` with these header fields; the body may have `limit` bytes. Redirects are not followed.
///
/// # Errors
///
/// Why there is no complete answer.
pub async fn get(
    origin: &str,
    path: &str,
    fields: &[(String, Vec<u8>)],
    limit: usize,
) -> Result<FullResponse, Error> {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
    let scheme = if scheme.eq_ignore_ascii_case("https") { Scheme::Https } else { Scheme::Http };
    let response = response(&scheme, authority.trim_end_matches('/'), path, fields).await?;
    let (status, fields) = (response.get_status_code(), response.get_headers().copy_all());
    let body = body(response, limit).await?;
    Ok(FullResponse { status, fields, body })
}

/// Calls another component of the application by its name, and reads no body: status and header fields. It does not
/// use [`get`], which parses an origin: 1 KB in each `.wasm`.
///
/// # Errors
///
/// Why there is no answer.
pub async fn head(
    authority: &str,
    fields: &[(String, Vec<u8>)],
) -> Result<(u16, Vec<(String, Vec<u8>)>), Error> {
    let response = response(&Scheme::Http, authority, "/", fields).await?;
    Ok((response.get_status_code(), response.get_headers().copy_all()))
}

async fn response(
    scheme: &Scheme,
    authority: &str,
    path: &str,
    fields: &[(String, Vec<u8>)],
) -> Result<Response, Error> {
    let fields = Fields::from_list(fields).map_err(|_| Error::Field)?;
    let (no_trailers, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(fields, None, trailers, None);
    request
        .set_scheme(Some(scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    let response = send(request).await?;
    drop(no_trailers);
    Ok(response)
}

async fn body(response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    let (_result, told) = wit_future::new(|| Ok(()));
    let (mut parts, trailers) = Response::consume_body(response, told);
    let mut body = Vec::new();
    loop {
        let (result, part) = parts.read(Vec::with_capacity(CHUNK_BYTES)).await;
        body.extend_from_slice(&part);
        match result {
            _ if body.len() > limit => return Err(Error::TooLarge),
            StreamResult::Complete(_) => (),
            StreamResult::Dropped => break,
            StreamResult::Cancelled => return Err(ErrorCode::HttpResponseIncomplete.into()),
        }
    }
    // Only the trailers tell whether the body was complete.
    trailers.await?;
    Ok(body)
}
