//! The refusals of the API, and the headers of every response.

use std::future::Future;

use crate::client::{ORIGIN, api, api_over, call, create, path};
use anyhow::anyhow;
use api::store::{CreateOutcome, FactoryStore, Page, Removal, StoreError, WriteOutcome};
use axum::http::StatusCode;
use domain::{Factory, FactoryId, NewFactory, UserName};
use serde_json::json;

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_refused_by_field() {
    for (body, slug, field) in [
        (
            r#"{"name":" ","lower":0,"upper":1,"count":0}"#,
            "invalid-field",
            "name",
        ),
        (
            r#"{"name":"a","lower":2,"upper":1,"count":0}"#,
            "invalid-field",
            "lower",
        ),
        (
            r#"{"name":"a","lower":0,"upper":1000000001,"count":0}"#,
            "invalid-field",
            "upper",
        ),
        (
            r#"{"name":"a","lower":0,"upper":1,"count":16}"#,
            "invalid-field",
            "count",
        ),
        (
            r#"{"id":"1","name":"a","lower":0,"upper":1,"count":0}"#,
            "invalid-field",
            "id",
        ),
        (
            r#"{"name":"a","lower":0,"upper":1}"#,
            "invalid-field",
            "count",
        ),
        (
            r#"{"name":"a","lower":0,"upper":1,"count":0,"revision":9}"#,
            "unknown-field",
            "revision",
        ),
    ] {
        let response = call(&api(), "POST", "/factories", &[], body).await;
        assert_eq!(
            (response.status.as_u16(), response.problem().as_str()),
            (422, slug),
            "{body}"
        );
        assert_eq!(response.json()["field"], field, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_malformed() {
    for body in ["", "{", "[]", "\"name\""] {
        let json = ["content-type: application/json"];
        let response = call(&api(), "POST", "/factories", &json, body).await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (400, "malformed-json".to_owned())
        );
    }
}

#[tokio::test]
async fn a_body_may_have_eight_kibibytes_and_not_one_more() {
    let filled = |length: usize| {
        format!(
            "{:<length$}",
            r#"{"name":"a","lower":0,"upper":1,"count":0}"#
        )
    };

    let fits = call(&api(), "POST", "/factories", &[], &filled(8192)).await;
    assert_eq!(fits.status, StatusCode::CREATED);
    for headers in [&[][..], &["content-length: 8193"]] {
        let over = call(&api(), "POST", "/factories", headers, &filled(8193)).await;
        assert_eq!(
            (over.status.as_u16(), over.problem()),
            (413, "too-large".to_owned())
        );
    }
}

#[tokio::test]
async fn unknown_ids_paths_and_methods_are_problems_too() {
    let api = api();
    for request in [
        "/",
        "/factories/",
        &path(""),
        "/factories/x",
        "/factories/%ff",
        "/nothing",
    ] {
        let response = call(&api, "GET", request, &[], "").await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (404, "not-found".to_owned()),
            "{request}"
        );
    }
    let response = call(&api, "PUT", "/factories", &[], "").await;
    assert_eq!(
        (response.status.as_u16(), response.problem()),
        (405, "method-not-allowed".to_owned())
    );
    assert_eq!(response.header("allow"), Some("GET,HEAD,POST"));
}

#[tokio::test]
async fn a_wrong_cursor_is_refused_by_name() {
    for query in ["cursor=zzz", "cursor=%ff", "cursor=a&cursor=b"] {
        let response = call(&api(), "GET", &format!("/factories?{query}"), &[], "").await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (422, "invalid-field".to_owned())
        );
        assert_eq!(response.json()["field"], "cursor");
    }
}

#[tokio::test]
async fn a_name_comes_back_as_text_and_never_as_a_page() {
    let name = "<img src=x onerror=alert(1)>";
    let body = json!({ "name": name, "lower": 0, "upper": 1, "count": 0 }).to_string();

    let response = call(&api(), "POST", "/factories", &[], &body).await;

    assert_eq!(response.json()["name"], name);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        response.header("content-security-policy"),
        Some("default-src 'none'; frame-ancestors 'none'")
    );
}

#[tokio::test]
async fn pages_of_the_sites_origin_may_read_every_answer_and_others_none() {
    let api = api();
    create(&api).await;
    for (method, request) in [
        ("GET", "/factories"),
        ("GET", "/nothing"),
        ("PUT", "/health"),
    ] {
        let own = call(&api, method, request, &[&format!("origin: {ORIGIN}")], "").await;
        assert_eq!(
            own.header("access-control-allow-origin"),
            Some(ORIGIN),
            "{method} {request}"
        );
        let exposed = own.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("ETag") && exposed.contains("Location"));

        for origin in [
            "https://factory-tree.com.evil.example",
            "null",
            "http://factory-tree.com",
        ] {
            let other = call(&api, method, request, &[&format!("origin: {origin}")], "").await;
            assert_eq!(
                other.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
            assert_eq!(other.header("vary"), Some("Origin"));
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_on_any_path() {
    for request in ["/factories", &path("/numbers"), "/nothing"] {
        let headers = [
            &format!("origin: {ORIGIN}"),
            "access-control-request-method: PATCH",
            "access-control-request-headers: content-type,if-match",
        ];
        let response = call(&api(), "OPTIONS", request, &headers, "").await;
        assert_eq!(
            (response.status, response.text.as_str()),
            (StatusCode::NO_CONTENT, "")
        );
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(
            response.header("access-control-allow-methods"),
            Some("GET, HEAD, POST, PATCH, DELETE, OPTIONS")
        );
        assert_eq!(
            response.header("access-control-allow-headers"),
            Some("Content-Type, If-Match, If-None-Match")
        );
        assert_eq!(response.header("access-control-max-age"), Some("7200"));
    }
    let other = call(
        &api(),
        "OPTIONS",
        "/factories",
        &["origin: https://evil.example"],
        "",
    )
    .await;
    assert_eq!(other.header("access-control-allow-methods"), None);
}

/// A store that fails every time with an AWS text.
struct Failing(fn(anyhow::Error) -> StoreError);

impl Failing {
    fn fail<T>(&self) -> impl Future<Output = Result<T, StoreError>> + Send + use<T> {
        let error = self.0(anyhow!("arn:aws:dynamodb: AccessDeniedException"));
        async { Err(error) }
    }
}

impl FactoryStore for Failing {
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.fail()
    }
    fn list(&self, _: Option<FactoryId>) -> impl Future<Output = Result<Page, StoreError>> + Send {
        self.fail()
    }
    fn count(&self) -> impl Future<Output = Result<usize, StoreError>> + Send {
        self.fail()
    }
    fn find(
        &self,
        _: FactoryId,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send {
        self.fail()
    }
    fn create(
        &self,
        _: &NewFactory,
        _: &Factory,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send {
        self.fail()
    }
    fn update(&self, _: &Factory) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send {
        self.fail()
    }
    fn update_numbers(
        &self,
        _: &Factory,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send {
        self.fail()
    }
    fn find_replaced(
        &self,
        _: FactoryId,
    ) -> impl Future<Output = Result<Option<Vec<i64>>, StoreError>> + Send {
        self.fail()
    }
    fn remove(&self, _: &Removal) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send {
        self.fail()
    }
    fn restore(
        &self,
        _: FactoryId,
        _: u64,
        _: Option<UserName>,
    ) -> impl Future<Output = Result<Option<Factory>, StoreError>> + Send {
        self.fail()
    }
}

#[tokio::test]
async fn a_failing_store_says_when_to_try_again_and_nothing_of_itself() {
    let unavailable = (
        Failing(StoreError::Unavailable),
        503,
        "unavailable",
        Some("1"),
    );
    let broken = (Failing(StoreError::Broken), 500, "internal", None);
    for (store, status, slug, retry_after) in [unavailable, broken] {
        let api = api_over(store);
        for (method, request) in [
            ("GET", "/health".to_owned()),
            ("GET", "/factories".to_owned()),
            ("GET", path("")),
            ("POST", path("/numbers")),
            ("POST", path("/numbers/restore")),
            ("DELETE", path("")),
            ("POST", path("/restore")),
        ] {
            let headers = ["if-match: \"1\""];
            let response = call(&api, method, &request, &headers, r#"{"count":1}"#).await;
            assert_eq!(
                (response.status.as_u16(), response.problem().as_str()),
                (status, slug)
            );
            assert_eq!(response.header("retry-after"), retry_after);
            assert!(!response.text.contains("arn:aws") && !response.text.contains("Exception"));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_for_every_factory_is_refused_before_the_revision_is_looked_at() {
    let api = api();
    create(&api).await;

    for (body, field) in [
        (r#"{"lower":-1000000001}"#, "lower"),
        (r#"{"upper":1000000001,"name":"a"}"#, "upper"),
        (r#"{"lower":2,"upper":1}"#, "lower"),
    ] {
        let refused = call(&api, "PATCH", &path(""), &["if-match: \"9\""], body).await;

        assert_eq!(refused.problem(), "invalid-field", "{body}");
        assert_eq!(refused.json()["field"], field, "{body}");
    }
}
