//! The paths of the server: the live channel at `/`, and how it is at `/livez`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ORIGIN, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::clock;
use crate::hub::Resume;
use crate::limits::{Admission, Refusal, address_of};
use crate::metrics::{Gauges, count};
use crate::peer::Peer;
use crate::server::Server;

/// The most bytes that a client's message has. The page has next to nothing to say.
pub const MAX_INBOUND: usize = 4 * 1024;

/// 128 KiB by default, which costs twenty times the memory and twice the time of this.
const READ_BUFFER: usize = 4 * 1024;

/// From how many waiting bytes on they are written without waiting for more.
const WRITE_BUFFER: usize = 1024;

/// Returns all paths as a service.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(connect))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(server)
}

/// The query of a client that reconnects.
#[derive(Debug, Deserialize)]
struct ResumeQuery {
    server: Option<String>,
    position: Option<String>,
}

impl ResumeQuery {
    /// A query that cannot be read leads to a snapshot, which is always right.
    fn into_resume(self) -> Option<Resume> {
        Some(Resume {
            server: self.server?,
            position: self.position?.parse().ok()?,
        })
    }
}

async fn connect(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<ResumeQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let admission = match admit(&server, &headers, peer) {
        Ok(admission) => admission,
        Err((status, reason)) => {
            count(&server.metrics.refused);
            return plain(status, &reason);
        }
    };
    count(&server.metrics.accepted);
    let peer = Peer {
        hub: Arc::clone(&server.hub),
        metrics: Arc::clone(&server.metrics),
        timing: server.timing,
        closing: server.closing.subscribe(),
    };
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_INBOUND)
        .max_frame_size(MAX_INBOUND)
        .on_upgrade(move |socket| async move {
            peer.serve(socket, query.into_resume()).await;
            drop(admission);
        })
}

/// Lets a page of the site's own origin in, if there is room and something to tell.
fn admit(
    server: &Server,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<Admission, (StatusCode, String)> {
    if headers.get(ORIGIN) != Some(&server.allowed_origin) {
        return Err((
            StatusCode::FORBIDDEN,
            "only pages of the site may connect".to_owned(),
        ));
    }
    if server.readiness.is_draining() || !server.hub.is_loaded() {
        return Err((
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready; try again".to_owned(),
        ));
    }
    let admission = server.limits.admit(address_of(headers, peer));
    admission.map_err(|refusal| {
        let status = match refusal {
            Refusal::Full => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::AddressFull => StatusCode::TOO_MANY_REQUESTS,
        };
        (status, refusal.to_string())
    })
}

async fn livez() -> Response {
    plain(StatusCode::OK, "alive")
}

async fn readyz(State(server): State<Arc<Server>>) -> Response {
    match server.readiness.check(clock::now()) {
        Ok(()) => plain(StatusCode::OK, "ready"),
        Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, &reason.to_string()),
    }
}

/// Answers the machine itself and its network, but nobody who comes through the load balancer.
async fn metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if headers.contains_key("x-forwarded-for") {
        return plain(StatusCode::NOT_FOUND, "nothing is here");
    }
    let gauges = Gauges {
        connections: server.limits.open(),
        factories: server.hub.factories(),
        position: *server.hub.watch_position().borrow(),
        is_ready: server.readiness.check(clock::now()).is_ok(),
    };
    let mut response = plain(StatusCode::OK, &server.metrics.render(gauges));
    let kind = axum::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut response = (status, headers, format!("{}\n", text.trim_end())).into_response();
    if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    ) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, axum::http::HeaderValue::from_static("5"));
    }
    response
}
