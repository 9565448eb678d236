//! Requests over HTTP and WebSocket, with or without TLS. Each opens its own connection: what is asked
//! is whether a newcomer gets in. No check sends a body; the factories of a seed go this way too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Uri, header};
use futures_util::{SinkExt, StreamExt};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request as SocketRequest;
use tower_service::Service;

use crate::config::{Network, Proxy};
use crate::urls::loopback_address;

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// An answer over HTTP.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    pub(super) date: Option<String>,
    pub(super) body: Vec<u8>,
}

impl HttpResponse {
    pub(super) fn is(&self, content_type: &str) -> bool {
        self.content_type.starts_with(content_type)
    }
}

/// Gets a URL. Redirects are not followed. The error is worded for a person.
pub(super) async fn get(url: String, network: &Network) -> Result<HttpResponse, String> {
    request(Method::GET, url, None, network).await
}

/// Asks how a URL answers, without its body.
pub(super) async fn head(url: String, network: &Network) -> Result<HttpResponse, String> {
    request(Method::HEAD, url, None, network).await
}

/// Posts JSON to a URL, or a request that would write, if it had a body.
pub(super) async fn post(
    url: String,
    body: Option<&serde_json::Value>,
    network: &Network,
) -> Result<HttpResponse, String> {
    request(Method::POST, url, body, network).await
}

async fn request(
    method: Method,
    url: String,
    json: Option<&serde_json::Value>,
    network: &Network,
) -> Result<HttpResponse, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let stream = connect(&uri, network).await?;
    let words = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| words(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(
            header::HOST,
            uri.authority().map_or("", |authority| authority.as_str()),
        )
        .header(header::USER_AGENT, "factory-tree");
    let request = match json {
        Some(json) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json.to_string())),
        None => request.body(Body::empty()),
    };
    let request = request.map_err(|error| words(&error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| words(&error))?;
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MAX_BODY_BYTES).await;
    connection.abort();
    Ok(HttpResponse {
        status: head.status.as_u16(),
        content_type: text(&head.headers, header::CONTENT_TYPE).unwrap_or_default(),
        location: text(&head.headers, header::LOCATION),
        date: text(&head.headers, header::DATE),
        body: body.map_err(|error| words(&error))?.to_vec(),
    })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Opens a WebSocket as a page of `origin` would, and returns the first text that comes.
pub(super) async fn first_message(
    url: &str,
    origin: &str,
    network: &Network,
) -> Result<String, String> {
    let words = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let request = url.into_client_request().map_err(|error| words(&error))?;
    let mut socket = open_socket(request, origin, network).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message.map_err(|error| words(&error))? {
            // A polite end; whether it arrives does not matter any more.
            let _ = socket.send(Message::Close(None)).await;
            return Ok(text.to_string());
        }
    }
    Err(format!("{url}: closed without a message"))
}

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Pin<Box<dyn Connection>>>;

/// Opens a WebSocket as a page of `origin` would.
pub(super) async fn open_socket(
    mut request: SocketRequest,
    origin: &str,
    network: &Network,
) -> Result<Socket, String> {
    let uri = request.uri().clone();
    let origin = origin
        .parse()
        .map_err(|_| format!("`{origin}` is no origin"))?;
    request.headers_mut().insert(header::ORIGIN, origin);
    let stream = connect(&uri, network).await?;
    let opened = tokio_tungstenite::client_async(request, stream).await;
    let (socket, _) = opened.map_err(|error| format!("{uri}: {error}"))?;
    Ok(socket)
}

pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

async fn connect(uri: &Uri, network: &Network) -> Result<Pin<Box<dyn Connection>>, String> {
    let host = uri.host().ok_or_else(|| format!("{uri} names no host"))?;
    let secure = matches!(uri.scheme_str(), Some("https" | "wss"));
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = match network.proxy_to(host, port, secure) {
        Some(proxy) => open_through(proxy, host, port, network).await,
        None => open(host, port).await,
    };
    let words = |error: io::Error| format!("{host}:{port}: {error}");
    let stream = stream.map_err(words)?;
    if !secure {
        return Ok(stream);
    }
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| format!("`{host}` is no host name"))?;
    let config = Arc::new(tls_config(network).map_err(words)?);
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(words)?;
    Ok(Box::pin(stream))
}

async fn open(host: &str, port: u16) -> io::Result<Pin<Box<dyn Connection>>> {
    let stream = match loopback_address(host, port) {
        Some(address) => TcpStream::connect(address).await?,
        None => TcpStream::connect((host, port)).await?,
    };
    Ok(Box::pin(stream))
}

/// Has a proxy open the connection. What goes through it is not read by it.
async fn open_through(
    proxy: &Proxy,
    host: &str,
    port: u16,
    network: &Network,
) -> io::Result<Pin<Box<dyn Connection>>> {
    let wrong =
        |problem: &dyn std::fmt::Display| io::Error::other(format!("proxy {proxy}: {problem}"));
    let matcher = Matcher::builder().all(proxy.url()).build();
    let target: Uri = format!("http://{host}:{port}/")
        .parse()
        .map_err(|error| wrong(&error))?;
    let way = matcher
        .intercept(&target)
        .ok_or_else(|| wrong(&"is no proxy"))?;
    let to_proxy = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(network)?)
        .https_or_http()
        .enable_http1()
        .build();
    let mut tunnel = Tunnel::new(way.uri().clone(), to_proxy);
    if let Some(authorization) = way.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let stream = tunnel.call(target).await;
    let stream = stream.map_err(|error| wrong(&innermost(&error)))?;
    Ok(Box::pin(TokioIo::new(stream)))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn tls_config(network: &Network) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(authorities) = network.authorities() {
        roots.add_parsable_certificates(authorities.certificates.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
