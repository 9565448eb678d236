//! The network of a company, on loopback: a proxy that demands CONNECT and a password, and endpoints behind TLS whose
//! certificate only a private authority knows. Their names are known to the proxy alone, so going around it fails.
//! In: for each name the server that speaks plain HTTP. Out: what was asked of the proxy and of the endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::loopback;

/// The name of the endpoint of AWS, which only the proxy resolves.
pub(crate) const NAME: &str = "aws.example.test";

/// `user:password` in Base64.
const AUTHORIZATION: &str = "basic dxnlcjpwyxnzd29yza==";

/// What has come so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The first lines of what the proxy was asked.
    pub(crate) asked: Vec<String>,
    /// Connections that the proxy has opened to an endpoint.
    pub(crate) through: usize,
    /// Connections that the endpoints have taken.
    pub(crate) taken: usize,
}

/// The network; its threads end with the test's process.
pub(crate) struct CompanyNetwork {
    /// The proxy's port on loopback.
    pub(crate) proxy_port: u16,
    seen: Arc<Mutex<Seen>>,
    folder: tempfile::TempDir,
}

/// The servers behind TLS, by name.
type Endpoints = Arc<BTreeMap<String, SocketAddr>>;

impl CompanyNetwork {
    /// Puts proxy and TLS in front of the endpoint of AWS, a server on loopback.
    pub(crate) fn before(url: &str) -> Self {
        Self::of(&[(NAME, url)])
    }

    /// Puts proxy and TLS in front of servers on loopback.
    pub(crate) fn of(servers: &[(&str, &str)]) -> Self {
        let names: Vec<String> = servers.iter().map(|(name, _)| (*name).to_owned()).collect();
        let (authority, acceptor) = authority(&names);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let endpoints = servers.iter().map(|(name, url)| {
            let server = url.trim_start_matches("http://").parse().unwrap();
            let (seen, acceptor) = (Arc::clone(&seen), acceptor.clone());
            let endpoint = loopback::accept(move |stream| {
                seen.lock().unwrap().taken += 1;
                take(stream, acceptor.clone(), server)
            });
            ((*name).to_owned(), endpoint)
        });
        let endpoints: Endpoints = Arc::new(endpoints.collect());
        let proxy = loopback::accept({
            let seen = Arc::clone(&seen);
            move |stream| forward(stream, Arc::clone(&seen), Arc::clone(&endpoints))
        });
        Self {
            proxy_port: proxy.port(),
            seen,
            folder,
        }
    }

    /// The proxy's URL, with user and password.
    pub(crate) fn proxy(&self) -> String {
        format!("http://user:password@127.0.0.1:{}", self.proxy_port)
    }

    /// The certificate of the private authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Insists that every connection that an endpoint took came through the proxy, by CONNECT.
    pub(crate) fn assert_that_nothing_went_around_it(&self) {
        let seen = self.seen();
        assert_eq!(seen.taken, seen.through, "requests around the proxy");
        assert!(seen.asked.iter().all(|line| line.starts_with("CONNECT ")));
    }

    /// What has come so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

/// Makes an authority, and a certificate of it for these names. Returns the authority's own in PEM, and the server's side.
fn authority(names: &[String]) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(names).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (authority, TlsAcceptor::from(Arc::new(config)))
}

/// Takes TLS off a connection. A peer that does not believe the certificate goes away.
async fn take(stream: TcpStream, acceptor: TlsAcceptor, server: SocketAddr) -> Option<()> {
    let mut inner = acceptor.accept(stream).await.ok()?;
    let mut server = TcpStream::connect(server).await.ok()?;
    copy_bidirectional(&mut inner, &mut server).await.ok()?;
    Some(())
}

async fn forward(
    mut stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    endpoints: Endpoints,
) -> Option<()> {
    let head = read_head(&mut stream).await?;
    let first = head.lines().next().unwrap_or_default().to_owned();
    seen.lock().unwrap().asked.push(first.clone());
    let endpoint = match endpoint(&first, &head, &endpoints) {
        Ok(endpoint) => endpoint,
        Err(refusal) => {
            let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.ok()?;
            return Some(());
        }
    };
    seen.lock().unwrap().through += 1;
    let mut server = TcpStream::connect(endpoint).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    Some(())
}

fn endpoint(first: &str, head: &str, endpoints: &Endpoints) -> Result<SocketAddr, &'static str> {
    let target = first
        .strip_prefix("CONNECT ")
        .ok_or("405 Method Not Allowed")?;
    if !head.to_ascii_lowercase().contains(AUTHORIZATION) {
        return Err("407 Proxy Authentication Required");
    }
    let host = target.split(':').next().unwrap_or_default();
    endpoints.get(host).copied().ok_or("502 Bad Gateway")
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
