//! The paths of the server: the live channel at `/`, its last heartbeat at `/heartbeat`, and its state at `/livez`,
//! `/readyz` and `/metrics`. Of these the load balancer makes the first two public (`templates/websocket.yaml`).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::clock;
use crate::connection::Connection;
use crate::connection_limits::{ConnectionPermit, Refusal, client_address};
use crate::handshake::{self, HandshakeError, Parameters};
use crate::metered::Metered;
use crate::metrics::{Gauges, increment};
use crate::server::Server;

/// Returns the router with all paths.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(connect))
        .route("/heartbeat", get(heartbeat))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(server)
}

async fn connect(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    on_upgrade: Option<Extension<OnUpgrade>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if headers.contains_key(UPGRADE)
        && let Err(error) = handshake::check(&headers)
    {
        increment(&server.metrics.refused);
        return no_handshake(error);
    }
    let on_upgrade = match (upgrade, on_upgrade) {
        (Ok(_), Some(Extension(on_upgrade))) => on_upgrade,
        (Err(rejection), _) => return rejection.into_response(),
        (Ok(_), None) => return StatusCode::UPGRADE_REQUIRED.into_response(),
    };
    let permit = match admit(&server, &headers, peer) {
        Ok(permit) => permit,
        Err((status, reason)) => {
            increment(&server.metrics.refused);
            return text_response(status, &reason);
        }
    };
    increment(&server.metrics.accepted);
    let connection = Connection {
        hub: Arc::clone(&server.hub),
        broadcaster: Arc::clone(&server.broadcaster),
        metrics: Arc::clone(&server.metrics),
        timing: server.timing,
        closing: server.closing.subscribe(),
    };
    let parameters = handshake::parameters(&query);
    tokio::spawn(continue_as_connection(
        on_upgrade, connection, parameters, permit,
    ));
    handshake::response(&headers)
}

/// Serves the connection once its handshake is written.
///
/// In a task of its own: a task keeps the room that its largest step needs, and this one needs twice as much.
async fn continue_as_connection(
    on_upgrade: OnUpgrade,
    connection: Connection,
    parameters: Parameters,
    permit: ConnectionPermit,
) {
    // Otherwise the client left during the handshake.
    if let Ok(upgraded) = on_upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<Metered<TcpStream>>>()
    {
        let stream = parts.io.into_inner();
        tokio::spawn(connection.open(stream, &parts.read_buf, &parameters, permit));
    }
}

/// Returns the response to a request that is no handshake.
fn no_handshake(error: HandshakeError) -> Response {
    let status = match error {
        HandshakeError::Version => StatusCode::UPGRADE_REQUIRED,
        HandshakeError::Key => StatusCode::BAD_REQUEST,
    };
    let mut response = text_response(status, &error.to_string());
    if error == HandshakeError::Version {
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, handshake::VERSION);
    }
    response
}

/// Returns a permit for a page of the allowed origin if the server is ready and below its limits.
fn admit(
    server: &Server,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<ConnectionPermit, (StatusCode, String)> {
    if !handshake::is_from(headers, &server.allowed_origin) {
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
    let address = client_address(headers, peer);
    let permit = server.limits.admit(address, clock::now());
    permit.map_err(|refusal| {
        let status = match refusal {
            Refusal::Full => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::AddressFull | Refusal::AddressBusy => StatusCode::TOO_MANY_REQUESTS,
        };
        (status, refusal.to_string())
    })
}

/// The age of the last heartbeats, and the builds that they came through.
#[derive(Debug, Serialize)]
struct HeartbeatReport<'a> {
    /// The name of this run of the server.
    server: &'a str,
    /// The build id of the server.
    build: &'a str,
    /// How long ago this server wrote a heartbeat into the table, in milliseconds.
    written_ms_ago: Option<u64>,
    /// How long ago a heartbeat came, this server's or another's, in milliseconds.
    heard_ms_ago: Option<u64>,
    /// The build id of the publisher that it came through.
    publisher: Option<String>,
}

/// Returns what is known of the last heartbeat, and asks for a new one: who asks again soon learns how it is now. Heartbeats
/// that are asked for are no closer to each other than `FeedTiming::spacing`.
async fn heartbeat(State(server): State<Arc<Server>>) -> Response {
    let (now, readiness) = (clock::now(), &server.readiness);
    let age = |at| clock::milliseconds(now.saturating_duration_since(at));
    let heard = readiness.last_heard();
    let report = HeartbeatReport {
        server: &server.name,
        build: &server.build,
        written_ms_ago: readiness.last_written().map(age),
        heard_ms_ago: heard.as_ref().map(|heard| age(heard.at)),
        publisher: heard.map(|heard| heard.publisher),
    };
    readiness.want_heartbeat();
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Json(report)).into_response()
}

async fn livez() -> Response {
    text_response(StatusCode::OK, "alive")
}

async fn readyz(State(server): State<Arc<Server>>) -> Response {
    match server.readiness.check(clock::now()) {
        Ok(()) => text_response(StatusCode::OK, "ready"),
        Err(reason) => text_response(StatusCode::SERVICE_UNAVAILABLE, &reason.to_string()),
    }
}

/// Returns the metrics to requests from the machine and its network, but not to those through the load balancer.
async fn metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if headers.contains_key("x-forwarded-for") {
        return text_response(StatusCode::NOT_FOUND, "nothing is here");
    }
    let gauges = Gauges {
        connections: server.limits.open_connections(),
        factories: server.hub.factories(),
        position: *server.hub.watch_position().borrow(),
        is_ready: server.readiness.check(clock::now()).is_ok(),
    };
    let mut response = text_response(StatusCode::OK, &server.metrics.render(gauges));
    let kind = axum::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn text_response(status: StatusCode, text: &str) -> Response {
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
