//! TLS of `bank` itself: one certificate, from `--tls-cert` and `--tls-key`, as in Spin.
//!
//! Both files are checked regularly. When they change, new connections get the new certificate, and open
//! connections stay as they are. A pair that cannot be served (no certificate, or a key of another one) is reported
//! once, and the old one stays. Only HTTP/1.1 is offered, as without TLS.

use anyhow::{Context as _, anyhow};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// How often the files are checked. Kubernetes takes a minute to bring a new Secret into a pod.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often files are read again that change while they are read.
const MOST_READS: usize = 5;

/// Where the certificate and its key are.
#[derive(Clone)]
struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
}

/// The contents of the files when they were read.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate for new connections.
#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

/// Accepts TLS connections. Must be called inside a Tokio runtime, in which the files are checked from then on.
pub fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let files = CertificateFiles { certificate: certificate.to_owned(), key: key.to_owned() };
    let provider = Arc::new(ring::default_provider());
    let contents = files.read()?;
    let current = Arc::new(CurrentCertificate(RwLock::new(Arc::new(files.certified(&contents, &provider)?))));
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tokio::spawn(follow(files, contents, current, provider));
    Ok(Arc::new(config).into())
}

/// Follows the files, for ever.
async fn follow(
    files: CertificateFiles,
    first: Contents,
    current: Arc<CurrentCertificate>,
    provider: Arc<CryptoProvider>,
) {
    // The last contents, whether they could be served or not.
    let mut last = Ok(first);
    loop {
        sleep(CHECK_EVERY).await;
        let now = files.read().map_err(|error| format!("{error:#}"));
        if now == last {
            continue;
        }
        let certified = match &now {
            Ok(contents) => files.certified(contents, &provider),
            Err(error) => Err(anyhow!("{error}")),
        };
        match certified {
            Ok(certified) => {
                *current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                eprintln!("Serving with the new certificate of {}.", files.certificate.display());
            }
            Err(error) => {
                eprintln!(
                    "Warning: the certificate stays as it was, since the new one cannot be served: {error:#}"
                );
            }
        }
        last = now;
    }
}

impl CertificateFiles {
    /// Both files as of one moment: the certificate is read before and after the key, and must be the same.
    fn read(&self) -> anyhow::Result<Contents> {
        let mut certificate = read(&self.certificate)?;
        for _ in 0..MOST_READS {
            let key = read(&self.key)?;
            let after = read(&self.certificate)?;
            if after == certificate {
                return Ok(Contents { certificate, key });
            }
            certificate = after;
        }
        Err(anyhow!("{} changes all the time", self.certificate.display()))
    }

    fn certified(&self, contents: &Contents, provider: &CryptoProvider) -> anyhow::Result<CertifiedKey> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{certificate} is no certificate in PEM"))?;
        anyhow::ensure!(!chain.is_empty(), "{certificate} holds no certificate in PEM");
        // The error may quote the file.
        let secret =
            PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| anyhow!("{key} holds no key in PEM"))?;
        CertifiedKey::from_der(chain, secret, provider)
            .with_context(|| format!("{certificate} and {key} do not go together"))
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
