//! The middleware of every request: request id, who may write, problem documents, CORS, security headers and the log line.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::app::App;
use crate::cors::{self, Tokens};
use crate::log::RequestLog;
use crate::problem::{self, Problem, ProblemKind};
use crate::sign_in::{self, Author};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Handles one request, and completes its response. It responds to preflights itself, on any path.
pub async fn wrap_response<S>(
    State(app): State<App<S>>,
    mut request: Request,
    next: Next,
) -> Response {
    let log = RequestLog::start(&request);
    let request_id = request_id(&request, app.random);
    let is_preflight = request.method() == Method::OPTIONS;
    let is_allowed = cors::is_allowed(request.headers(), &app.allowed_origin);

    let response = if is_preflight {
        cors::preflight()
    } else {
        match admit(&request, &app, is_allowed) {
            Err(refusal) => refusal.into_response(),
            Ok(author) => {
                request.extensions_mut().insert(author);
                next.run(request).await
            }
        }
    };

    let mut response = problem::render(response, &request_id);
    let headers = response.headers_mut();
    cors::vary(headers);
    if is_allowed {
        cors::allow(headers, &app.allowed_origin);
    }
    if is_allowed && is_preflight {
        let tokens = match app.sign_in {
            Some(_) => Tokens::Sent,
            None => Tokens::Unknown,
        };
        cors::allow_preflight(headers, tokens);
    }
    add_security_headers(headers);
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    log.write(response.status(), &request_id);
    response
}

/// Returns the author of a request, or why the request goes no further, whatever its path says.
fn admit<S>(request: &Request, app: &App<S>, is_allowed: bool) -> Result<Author, Problem> {
    let author = sign_in::author(request, app.sign_in.as_deref())?;
    match refusal(request, is_allowed) {
        Some(refusal) => Err(refusal),
        None => Ok(author),
    }
}

fn refusal(request: &Request, is_allowed: bool) -> Option<Problem> {
    // The gateway decodes the path; what follows such a character would be taken for a query or a fragment.
    if request.raw_http_path().contains(['?', '#']) {
        let detail = "there is nothing at this path";
        return Some(Problem::new(ProblemKind::NotFound, detail));
    }
    // A browser asks before most writes, but not before one without a body. Programs name no origin.
    let is_foreign = request.headers().contains_key(ORIGIN) && !is_allowed;
    (is_foreign && !request.method().is_safe()).then(|| {
        Problem::new(
            ProblemKind::ForeignOrigin,
            "a page of another origin may not change the tree",
        )
    })
}

/// Returns the gateway's request id, which its access log has too, or a random id outside Lambda.
fn request_id(request: &Request, random: fn() -> Result<u64, getrandom::Error>) -> String {
    let gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway.unwrap_or_else(|| format!("{:016x}", random().unwrap_or_default()))
}

/// Adds headers for responses that programs read and that no browser shows as a page. If the handler has set no
/// cache policy, no cache may store the response.
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
