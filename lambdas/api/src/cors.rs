//! Cross-origin requests: only pages of the site's own origin may send them.
//!
//! The template gives the same rule to the gateway, for the answers that it makes by itself; a test compares both.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// The time for which a browser may cache a preflight's response, in seconds: two hours, Chromium's limit.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Content-Type, If-Match, If-None-Match");
const REQUEST_HEADERS_WITH_TOKEN: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, If-Match, If-None-Match");
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("ETag, Location, Retry-After, X-Request-Id");

/// Returns the response to a preflight, without the headers that [`allow`] adds.
pub fn preflight() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Returns whether the request comes from a page of the allowed origin.
pub fn is_allowed(request: &HeaderMap, allowed: &HeaderValue) -> bool {
    let mut origins = request.get_all(ORIGIN).iter();
    origins.next() == Some(allowed) && origins.next().is_none()
}

/// Adds the headers that let a page of the allowed origin read a response.
pub fn allow(response: &mut HeaderMap, allowed: &HeaderValue) {
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
}

/// Whether requests may carry a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// The users of an identity provider send theirs.
    Sent,
    /// Nobody signs in.
    Unknown,
}

/// Adds the headers that let a page of the allowed origin send the request it asked about.
pub fn allow_preflight(response: &mut HeaderMap, tokens: Tokens) {
    let request_headers = match tokens {
        Tokens::Sent => REQUEST_HEADERS_WITH_TOKEN,
        Tokens::Unknown => REQUEST_HEADERS,
    };
    response.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    response.insert(ACCESS_CONTROL_ALLOW_HEADERS, request_headers);
    response.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// Adds the header that marks every response as dependent on the origin.
pub fn vary(response: &mut HeaderMap) {
    response.insert(VARY, HeaderValue::from_static("Origin"));
}
