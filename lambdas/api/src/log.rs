//! The request log: one JSON line per request on standard output, readable alone and searchable by a query.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};

/// The log line of one request. It has the pattern of the route, never a path, a name or a body.
#[derive(Debug)]
pub struct RequestLog {
    started: Instant,
    method: Method,
    route: String,
}

impl RequestLog {
    /// Starts to measure the duration of a request.
    pub fn start(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            route: route.map_or_else(|| "unmatched".to_owned(), |route| route.as_str().to_owned()),
        }
    }

    /// Writes the log line.
    pub fn write(self, status: StatusCode, request_id: &str) {
        let milliseconds = self.started.elapsed().as_secs_f64() * 1_000.0;
        tracing::info!(
            method = self.method.as_str(),
            route = self.route,
            status = status.as_u16(),
            milliseconds = (milliseconds * 10.0).round() / 10.0,
            request_id,
            "request"
        );
    }
}
