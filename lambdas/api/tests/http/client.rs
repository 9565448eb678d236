//! Calls the router as a client would, without a socket.

use api::app::App;
use api::config::{Config, ServeMode, StoreChoice};
use api::router::router;
use api::sign_in::SignIn;
use api::store::FactoryStore;
use api::store::memory::MemoryStore;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

/// The origin that the tests' API allows.
pub(crate) const ORIGIN: &str = "https://factory-tree.com";

/// Seconds since 1970 by the tests' clock, so early that the first revision of a factory is 1.
pub(crate) const NOW: u64 = 0;

/// An id that nothing has at first.
pub(crate) const ID: &str = "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The slug of the problem, checked for all that every problem has.
    pub(crate) fn problem(&self) -> String {
        let json = self.json();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"));
        assert!(
            json["title"].is_string() && json["detail"].is_string(),
            "{json}"
        );
        let slug = json["type"]
            .as_str()
            .unwrap()
            .strip_prefix(api::problem::TYPE_PREFIX);
        slug.expect("a type of ours").to_owned()
    }
}

/// The API over a store in memory.
pub(crate) fn api() -> Router {
    api_over(MemoryStore::default())
}

/// The issuer of the tokens that count, and the client that they are made for.
pub(crate) const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool";
pub(crate) const CLIENT: &str = "client-1";

/// The API over a store in memory, where only editors may write.
pub(crate) fn signed_in_api() -> Router {
    let sign_in = SignIn {
        issuer: ISSUER.to_owned(),
        client: CLIENT.to_owned(),
    };
    api_with(MemoryStore::default(), Some(sign_in))
}

/// The API over any store, with a clock that stands still.
pub(crate) fn api_over(store: impl FactoryStore) -> Router {
    api_with(store, None)
}

fn api_with(store: impl FactoryStore, sign_in: Option<SignIn>) -> Router {
    let config = Config {
        store: StoreChoice::Memory,
        allowed_origin: HeaderValue::from_static(ORIGIN),
        sign_in,
        build: "build-1".to_owned(),
        serve_mode: ServeMode::Lambda,
    };
    router(App {
        now: || NOW,
        ..App::new(store, &config)
    })
}

/// Sends a request with headers (`name: value`) and a body, which is JSON unless the headers say otherwise.
pub(crate) async fn call(
    api: &Router,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> TestResponse {
    let json = ["content-type: application/json"];
    let is_typed = headers
        .iter()
        .any(|header| header.starts_with("content-type"));
    let headers = if is_typed || body.is_empty() {
        headers.to_vec()
    } else {
        [headers, &json].concat()
    };
    call_plainly(api, method, path, &headers, body).await
}

/// Sends a request with these headers (`name: value`) and no others.
pub(crate) async fn call_plainly(
    api: &Router,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path);
    for header in headers {
        let (name, value) = header.split_once(": ").expect("name: value");
        request = request.header(name, value);
    }
    send(api, request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Sends a request as it is, and reads the response to its end.
pub(crate) async fn send(api: &Router, request: Request<Body>) -> TestResponse {
    let response = api.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    TestResponse {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// A creation body for [`ID`].
pub(crate) fn creation(name: &str, count: u8) -> String {
    serde_json::json!({ "id": ID, "name": name, "lower": -3, "upper": 3, "count": count })
        .to_string()
}

/// Creates the factory [`ID`] with two numbers.
pub(crate) async fn create(api: &Router) -> TestResponse {
    call(api, "POST", "/factories", &[], &creation("mill", 2)).await
}

/// The path of [`ID`], with something after it.
pub(crate) fn path(rest: &str) -> String {
    format!("/factories/{ID}{rest}")
}
