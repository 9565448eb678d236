//! Serves connections on a listener until a stop signal, and then closes them at random times.

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
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::metered::Metered;
use crate::routes;
use crate::server::Server;

/// The time limit for a client to send the head of its request.
const REQUEST_HEAD_LIMIT: Duration = Duration::from_secs(5);

/// The most bytes of a request's head.
const MAX_REQUEST_HEAD: usize = 16 * 1024;

/// The most requests in progress at the same time.
const MAX_HANDSHAKES: usize = 1_024;

/// The drain time for each open connection: a thousand connections take twenty seconds.
const DRAIN_PER_CONNECTION: Duration = Duration::from_millis(20);

/// The time limit for the last connections to close after the drain time.
const CLOSE_LIMIT: Duration = Duration::from_secs(6);

/// The wait after the listener failed, for example because there are no free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes, and then until every connection is closed.
///
/// While it closes connections, `/readyz` reports that the server is not ready, and new connections are refused.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()>, server: Arc<Server>) {
    let mut tasks = JoinSet::new();
    let _sending = server.broadcaster.start(&server.hub, &server.metrics);
    tasks.spawn(accept(listener, routes::router(Arc::clone(&server))));
    shutdown.await;
    drain(&server).await;
    tasks.shutdown().await;
}

async fn drain(server: &Server) {
    let open = server.limits.open_connections();
    let time = drain_time(open, server.drain);
    tracing::info!(
        connections = open,
        seconds = time.as_secs_f64(),
        "closing connections"
    );
    server.readiness.start_draining();
    server.closing.send_replace(Some(time));
    if tokio::time::timeout(time + CLOSE_LIMIT, server.limits.wait_until_empty())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = server.limits.open_connections(),
            "connections did not close in time"
        );
    }
}

/// Returns the time over which to close this number of connections.
fn drain_time(connections: usize, limit: Duration) -> Duration {
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    DRAIN_PER_CONNECTION.saturating_mul(connections).min(limit)
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

/// Responds to one request; an upgraded connection continues in a task of its own.
///
/// Every connection carries only one request, so a load balancer never reuses a connection that is about to close.
async fn serve_request(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    _permit: OwnedSemaphorePermit,
) {
    // An error means that the client has disconnected already.
    let _ = stream.set_nodelay(true);
    // The reader of heads takes 8 KiB for each connection. Of a crowd that connects at once, most have sent nothing yet.
    let Ok(Ok(())) = tokio::time::timeout(REQUEST_HEAD_LIMIT, stream.readable()).await else {
        return;
    };
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        respond(router.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_LIMIT)
        .max_buf_size(MAX_REQUEST_HEAD)
        .serve_connection(TokioIo::new(Metered::new(stream)), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a request broke off");
    }
}

async fn respond(router: Router, request: Request) -> Result<Response, Infallible> {
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

        assert_eq!(drain_time(0, limit), Duration::ZERO);
        assert_eq!(drain_time(5, limit), Duration::from_millis(100));
        assert_eq!(drain_time(100_000, limit), limit);
    }
}
