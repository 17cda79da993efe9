//! `bank health`: asks a bank on this machine whether it is alive, for images without curl. It reads one status
//! line. Of the application it knows nothing but the path.
//!
//! It tells from the answer whether the bank speaks TLS, so an image's health check needs no arguments. It verifies
//! no certificate: that is for the bank's public name, not for the loopback address that is asked. A kubelet's
//! probes verify none either.

use crate::arguments::HealthArguments;
use anyhow::{Context as _, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest status line that is read.
const LONGEST_STATUS_LINE: u64 = 200;
/// The first byte of a TLS server's answer to a plain request.
const TLS_ALERT: u8 = 0x15;

/// Succeeds if the answer is 200.
pub fn health(options: &HealthArguments) -> anyhow::Result<()> {
    let url = |scheme| format!("{scheme}://{}{}", options.listen, options.path);
    let context = |scheme| format!("{} does not answer", url(scheme));
    let plain = connect(options).and_then(|stream| ask(stream, options)).with_context(|| context("http"))?;
    let (url, line) = if plain.first() == Some(&TLS_ALERT) {
        (url("https"), ask_secured(options).with_context(|| context("https"))?)
    } else {
        (url("http"), plain)
    };
    match String::from_utf8_lossy(&line).split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("{url} answers {status}"),
        None => bail!("{url} answers no HTTP"),
    }
}

fn connect(options: &HealthArguments) -> io::Result<TcpStream> {
    let connection = TcpStream::connect_timeout(&options.listen, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// The first line of the answer.
fn ask(mut stream: impl Read + Write, options: &HealthArguments) -> io::Result<Vec<u8>> {
    let (path, host) = (&options.path, options.listen);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(stream.take(LONGEST_STATUS_LINE)).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn ask_secured(options: &HealthArguments) -> anyhow::Result<Vec<u8>> {
    let provider = Arc::new(ring::default_provider());
    let anybody = AcceptAnyCertificate(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    let server = ServerName::from(options.listen.ip());
    let connection = ClientConnection::new(Arc::new(config), server)?;
    Ok(ask(StreamOwned::new(connection, connect(options)?), options)?)
}

/// Accepts any certificate.
#[derive(Debug)]
struct AcceptAnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
