//! The responses of the edge itself: that it is ready, or why it cannot forward a request, with the cure.

use axum::body::Body;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use super::routes::Routes;

pub(super) fn ready(routes: &Routes) -> Response<Body> {
    let hosts: Vec<&String> = routes.hosts.keys().collect();
    let mut response = text(
        StatusCode::OK,
        serde_json::json!({ "ready": true, "hosts": hosts }).to_string(),
    );
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

pub(super) fn unknown_host(host: &str, routes: &Routes, stage: &str) -> Response<Body> {
    let asked = if host.is_empty() {
        "The request names no host.".to_owned()
    } else {
        format!("There is no host `{host}` here.")
    };
    let known: Vec<&str> = routes.hosts.keys().map(String::as_str).collect();
    let known = if known.is_empty() {
        format!("Stage `{stage}` has no hosts yet: run `factory-tree deploy --stage {stage}`.")
    } else {
        format!("The hosts of stage `{stage}` are: {}.", known.join(", "))
    };
    text(StatusCode::NOT_FOUND, format!("{asked}\n{known}\n"))
}

pub(super) fn no_page(host: &str) -> Response<Body> {
    let problem =
        format!("There is nothing at this path of `{host}`: it has the pages for signing in.\n");
    text(StatusCode::NOT_FOUND, problem)
}

pub(super) fn unreachable(part: &str, port: u16, cause: &str, stage: &str) -> Response<Body> {
    let problem = format!("The {part} of stage `{stage}` does not answer on port {port}: {cause}.");
    text(
        StatusCode::BAD_GATEWAY,
        format!("{problem}\n{}", cure(stage)),
    )
}

pub(super) fn too_slow(part: &str, port: u16, seconds: u64, stage: &str) -> Response<Body> {
    let problem = format!(
        "The {part} of stage `{stage}` has not answered on port {port} within {seconds} s."
    );
    text(
        StatusCode::GATEWAY_TIMEOUT,
        format!("{problem}\n{}", cure(stage)),
    )
}

pub(super) fn not_understood(problem: &str) -> Response<Body> {
    text(StatusCode::BAD_REQUEST, format!("{problem}\n"))
}

fn cure(stage: &str) -> String {
    format!(
        "`factory-tree status --stage {stage}` shows what is down, `factory-tree deploy --stage {stage}` starts it again.\n"
    )
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    // A browser must not cache an error that a person cures.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
