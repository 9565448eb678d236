//! The layers around every response: a request id, problem documents, CORS, security headers, a log line.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::app::App;
use crate::cors;
use crate::log::RequestLine;
use crate::problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps one request. Preflights end here, on any path.
pub async fn envelope<S>(State(app): State<App<S>>, request: Request, next: Next) -> Response {
    let line = RequestLine::start(&request);
    let request_id = request_id(&request, app.random);
    let is_preflight = request.method() == Method::OPTIONS;
    let is_allowed = cors::is_allowed(request.headers(), &app.allowed_origin);

    let response = if is_preflight {
        cors::preflight()
    } else {
        next.run(request).await
    };

    let mut response = problem::rendered(response, &request_id);
    let headers = response.headers_mut();
    cors::vary(headers);
    if is_allowed {
        cors::allow(headers, &app.allowed_origin);
    }
    if is_allowed && is_preflight {
        cors::allow_preflight(headers);
    }
    add_security_headers(headers);
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    line.write(response.status(), &request_id);
    response
}

/// Returns the gateway's id, which its access log has too; outside Lambda a random one.
fn request_id(request: &Request, random: fn() -> Result<u64, getrandom::Error>) -> String {
    let gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway.unwrap_or_else(|| format!("{:016x}", random().unwrap_or_default()))
}

/// Answers are read by programs, never shown as pages; those of handlers that say nothing else are
/// not kept by any cache.
fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains"),
    );
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
