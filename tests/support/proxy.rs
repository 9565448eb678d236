//! The network of a company, on loopback: a proxy that demands CONNECT and a password, and an endpoint behind TLS whose
//! certificate only a private authority knows. The endpoint's name is known to the proxy alone, so going around it fails.
//! In: an endpoint that speaks plain HTTP. Out: what was asked of the proxy and of the endpoint.
//!
//! The files in `tls/` were made by `openssl req -x509` and `openssl x509 -req`, valid for a hundred years; the authority's
//! key was thrown away.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The name that only the proxy resolves.
pub(crate) const NAME: &str = "aws.example.test";

/// `user:password` in Base64.
const AUTHORIZATION: &str = "basic dxnlcjpwyxnzd29yza==";

/// What has come so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The first lines of what the proxy was asked.
    pub(crate) asked: Vec<String>,
    /// Connections that the proxy has opened to the endpoint.
    pub(crate) through: usize,
    /// Connections that the endpoint has taken.
    pub(crate) taken: usize,
}

/// The network; its threads end with the test's process.
pub(crate) struct CompanyNetwork {
    /// The proxy's port on loopback.
    pub(crate) proxy_port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl CompanyNetwork {
    /// Puts proxy and TLS in front of a server on loopback.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let endpoint = serve({
            let seen = Arc::clone(&seen);
            let acceptor = acceptor();
            move |stream| {
                seen.lock().unwrap().taken += 1;
                take(stream, acceptor.clone(), server)
            }
        });
        let proxy = serve({
            let seen = Arc::clone(&seen);
            move |stream| forward(stream, Arc::clone(&seen), endpoint)
        });
        Self {
            proxy_port: proxy.port(),
            seen,
        }
    }

    /// The proxy's URL, with user and password.
    pub(crate) fn proxy(&self) -> String {
        format!("http://user:password@127.0.0.1:{}", self.proxy_port)
    }

    /// The certificate of the private authority.
    pub(crate) fn authority() -> PathBuf {
        tls_file("ca.pem")
    }

    /// What has come so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

fn tls_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support/tls")
        .join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificates = CertificateDer::pem_file_iter(tls_file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls_file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Answers every connection by a future of its own, on a thread.
fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream));
            }
        });
    });
    address
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
    endpoint: SocketAddr,
) -> Option<()> {
    let head = read_head(&mut stream).await?;
    let first = head.lines().next().unwrap_or_default().to_owned();
    seen.lock().unwrap().asked.push(first.clone());
    let answer = refusal(&first, &head);
    if let Some(refusal) = answer {
        let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
        return Some(());
    }
    seen.lock().unwrap().through += 1;
    let mut server = TcpStream::connect(endpoint).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    Some(())
}

fn refusal(first: &str, head: &str) -> Option<&'static str> {
    let Some(target) = first.strip_prefix("CONNECT ") else {
        return Some("405 Method Not Allowed");
    };
    if !head.to_ascii_lowercase().contains(AUTHORIZATION) {
        return Some("407 Proxy Authentication Required");
    }
    let host = target.split(':').next().unwrap_or_default();
    let is_known = host == NAME || host.ends_with(&format!(".{NAME}"));
    (!is_known).then_some("502 Bad Gateway")
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
