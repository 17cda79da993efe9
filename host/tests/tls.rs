//! `bank` serves TLS itself: what a client that trusts one certificate sees, while the files change as Kubernetes
//! changes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::http::{self, Connection, Response};
use common::{Bank, bank, manifest, refused, within};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

type Secured = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// `bank` looks at its files every second.
const SOON: Duration = Duration::from_secs(10);

/// A volume of a Secret, as the kubelet makes it: `tls.crt` leads to `..data/tls.crt`, and `..data` is replaced at
/// once.
struct Volume(TempDir);

impl Volume {
    /// With this certificate in it.
    fn new(certificate: &str) -> Self {
        let volume = Self(tempfile::tempdir().unwrap());
        volume.make(certificate);
        symlink(certificate, volume.path("..data")).unwrap();
        for file in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{file}"), volume.path(file)).unwrap();
        }
        volume
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A self-signed certificate and its key, in a folder of that name.
    fn make(&self, name: &str) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(folder.join("tls.key"))
            .arg("-out")
            .arg(folder.join("tls.crt"))
            .output();
        let made = made.expect("openssl is needed: apt-get install openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Puts another folder in the place of the one that is shown.
    fn shows(&self, name: &str) {
        symlink(name, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }

    fn bank(&self, arguments: &[&str]) -> Bank {
        let (certificate, key) = (self.path("tls.crt"), self.path("tls.key"));
        let flags = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        bank(&manifest(""), &[&flags[..], arguments].concat())
    }

    /// A connection of a client that trusts nothing but the certificate of that name.
    fn connect(&self, bank: &Bank, trusted: &str) -> Result<Secured, String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path(trusted).join("tls.crt")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = http::connect(&bank.address);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(|error| error.to_string())?;
        }
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
        Ok(Connection::over(StreamOwned::new(connection, stream)))
    }

    fn is_shown(&self, bank: &Bank, name: &str) -> bool {
        self.connect(bank, name).is_ok()
    }
}

fn ask(connection: &mut Secured, path: &str) -> Response {
    connection.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
    connection.response(true).expect("no answer")
}

fn wait_for_stderr_soon(bank: &Bank, text: &str) {
    assert!(within(SOON, || bank.stderr().contains(text)), "{text:?} is not in {}", bank.stderr());
}

#[test]
fn it_serves_https_and_components_see_that() {
    let volume = Volume::new("one");
    let mut bank = volume.bank(&[]);
    assert!(bank.announced.starts_with("\nServing https://127.0.0.1:"), "{}", bank.announced);
    let mut kept = volume.connect(&bank, "one").unwrap();
    let answer = ask(&mut kept, "/");
    let mut lines = answer.body.lines();
    assert_eq!(lines.next(), Some("GET https://localhost/"));
    assert!(lines.any(|line| line == "spin-full-url: https://localhost/"), "{}", answer.body);
    let body = "x".repeat(500_000);
    kept.send(
        format!("POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500000\r\n\r\n{body}").as_bytes(),
    );
    assert!(kept.response(true).unwrap().body == body);
    bank.signal("TERM");
    assert!(within(Duration::from_secs(1), || TcpStream::connect(&bank.address).is_err()));
    assert_eq!(ask(&mut kept, "/").header("connection"), Some("close"));
    assert_eq!(bank.exit_code(Duration::from_secs(4)), Some(0));
}

#[test]
fn a_changed_certificate_is_shown_to_new_connections_and_breaks_no_other() {
    let volume = Volume::new("one");
    let bank = volume.bank(&[]);
    let mut kept = volume.connect(&bank, "one").unwrap();
    volume.make("two");
    assert!(!volume.is_shown(&bank, "two"));
    volume.shows("two");
    let until = Instant::now();
    while !volume.is_shown(&bank, "two") {
        assert!(until.elapsed() < SOON, "{}", bank.stderr());
        assert_eq!(ask(&mut kept, "/sleep?ms=1").body, "slept");
    }
    assert!(!volume.is_shown(&bank, "one"));
    assert_eq!(ask(&mut kept, "/sleep?ms=1").body, "slept");
    wait_for_stderr_soon(&bank, "Serving with the new certificate of ");
}

#[test]
fn an_invalid_certificate_is_reported_once_and_the_old_one_stays() {
    let volume = Volume::new("one");
    let bank = volume.bank(&[]);
    volume.make("two");
    volume.make("torn");
    std::fs::copy(volume.path("two").join("tls.key"), volume.path("torn").join("tls.key")).unwrap();
    volume.shows("torn");
    wait_for_stderr_soon(&bank, "do not go together");
    assert!(volume.is_shown(&bank, "one"));
    std::fs::write(volume.path("torn").join("tls.crt"), "nonsense").unwrap();
    wait_for_stderr_soon(&bank, "holds no certificate in PEM");
    std::fs::remove_file(volume.path("torn").join("tls.crt")).unwrap();
    wait_for_stderr_soon(&bank, "cannot read ");
    // Longer than until it looks again.
    std::thread::sleep(Duration::from_secs(3));
    assert!(volume.is_shown(&bank, "one"));
    assert_eq!(bank.stderr().matches("the certificate stays as it was").count(), 3, "{}", bank.stderr());
    volume.shows("two");
    assert!(within(SOON, || volume.is_shown(&bank, "two")), "{}", bank.stderr());
}

#[test]
fn a_client_that_does_not_finish_the_handshake_is_disconnected_and_delays_nobody() {
    let volume = Volume::new("one");
    let bank = volume.bank(&["--head-timeout", "2"]);
    let began = Instant::now();
    let mut stalled = http::connect(&bank.address);
    stalled.write_all(&[0x16, 3, 1]).unwrap();
    let mut other = volume.connect(&bank, "one").unwrap();
    assert_eq!(ask(&mut other, "/sleep?ms=1").body, "slept");
    let _ = stalled.read_to_end(&mut Vec::new());
    assert!((1..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    // The handshake is over: it may wait for its next request longer than a head may take.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(ask(&mut other, "/sleep?ms=1").body, "slept");
}

#[test]
fn a_client_without_tls_gets_no_answer() {
    let volume = Volume::new("one");
    let bank = volume.bank(&[]);
    let mut plain = http::connect(&bank.address);
    plain.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut answered = Vec::new();
    let _ = plain.read_to_end(&mut answered);
    assert!(!answered.starts_with(b"HTTP"), "{answered:?}");
}

#[test]
fn bank_health_detects_tls_and_need_not_trust_the_certificate() {
    let volume = Volume::new("one");
    let bank = volume.bank(&[]);
    let complaint = |path: &str| {
        let asked = Command::new(env!("CARGO_BIN_EXE_bank"))
            .args(["health", "--listen", &bank.address, "--path", path])
            .output()
            .unwrap();
        assert_eq!(asked.status.success(), asked.stderr.is_empty());
        String::from_utf8(asked.stderr).unwrap()
    };
    assert_eq!(complaint("/exact/healthz"), "");
    let unknown = "/.well-known/spin/else";
    assert_eq!(complaint(unknown), format!("Error: https://{}{unknown} answers 404\n", bank.address));
}

#[test]
fn it_does_not_start_with_an_invalid_certificate() {
    let volume = Volume::new("one");
    volume.make("two");
    let file = |path: &str| volume.path(path).to_str().unwrap().to_owned();
    let start = |certificate: &str, key: &str| {
        refused(&manifest(""), &["--tls-cert", &file(certificate), "--tls-key", &file(key)])
    };
    for (certificate, key, said) in [
        ("none", "tls.key", "cannot read "),
        ("tls.key", "tls.key", "holds no certificate in PEM"),
        ("tls.crt", "tls.crt", "holds no key in PEM"),
        ("tls.crt", "two/tls.key", "do not go together"),
    ] {
        let error = start(certificate, key);
        assert!(error.contains(said), "{certificate} {key}: {error}");
    }
}
