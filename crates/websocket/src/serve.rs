//! Serves connections on a listener until told to stop, and lets them go in random slices.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::routes;
use crate::server::Server;

/// The longest time that a client may take to send its request.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The largest size of a request's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// The largest number of clients in the middle of a request.
const MAX_HANDSHAKES: usize = 1_024;

/// How long one closed connection stretches the end: a thousand take twenty seconds.
const PER_CONNECTION: Duration = Duration::from_millis(20);

/// The longest time that the last connections may take after the last slice.
const GRACE: Duration = Duration::from_secs(6);

/// The pause after the listener failed, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then until every connection is closed.
///
/// While connections are being closed `/readyz` answers no, and nobody new is let in.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()>, server: Arc<Server>) {
    let accepting = tokio::spawn(accept(listener, routes::router(Arc::clone(&server))));
    shutdown.await;
    drain(&server).await;
    accepting.abort();
}

async fn drain(server: &Server) {
    let open = server.limits.open();
    let window = window(open, server.drain);
    tracing::info!(
        connections = open,
        seconds = window.as_secs_f64(),
        "closing connections"
    );
    server.readiness.drain();
    server.closing.send_replace(Some(window));
    if tokio::time::timeout(window + GRACE, server.limits.empty())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = server.limits.open(),
            "connections did not close in time"
        );
    }
}

/// Returns over how long to close so many connections.
fn window(connections: usize, limit: Duration) -> Duration {
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    PER_CONNECTION.saturating_mul(connections).min(limit)
}

async fn accept(listener: TcpListener, router: Router) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(serve_request(stream, peer, router.clone(), permit));
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request; an upgraded connection goes on by itself.
///
/// Every connection carries one request only: a load balancer never meets one that is just closing.
async fn serve_request(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    _permit: OwnedSemaphorePermit,
) {
    // A client that is gone already needs no low latency.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        answer(router.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a request broke off");
    }
}

async fn answer(router: Router, request: Request) -> Result<Response, Infallible> {
    let mut response = router.oneshot(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_connections_close_at_once_and_many_over_the_whole_time() {
        let limit = Duration::from_secs(20);

        assert_eq!(window(0, limit), Duration::ZERO);
        assert_eq!(window(5, limit), Duration::from_millis(100));
        assert_eq!(window(100_000, limit), limit);
    }
}
