//! Where users sign in, only editors write: whatever the path, the method and the headers of a request say. What the gateway
//! has verified stands in the request's context, and nowhere else.

use api::sign_in::EDITORS;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use lambda_http::RequestExt;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;
use serde_json::{Value, json};

use crate::client::{
    CLIENT, ID, ISSUER, ORIGIN, TestResponse, api, call, create, creation, path, send,
    signed_in_api,
};

/// The claims of an editor's access token, as API Gateway hands them over: each one as text.
fn editor() -> Value {
    json!({
        "sub": "5d1f3a0e-8a0b-4c1c-9d8e-1f2a3b4c5d6e",
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "username": "ada",
        "cognito:groups": format!("[{EDITORS}]"),
        "scope": "openid email",
        "exp": "1795521600",
    })
}

/// The claims with others; null takes one away.
fn editor_with(changes: &Value) -> Value {
    let mut claims = editor();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// The context of a request whose token the gateway has verified.
fn context(claims: &Value) -> RequestContext {
    let authorizer = json!({ "jwt": { "claims": claims, "scopes": ["openid"] } });
    let mut context = ApiGatewayV2httpRequestContext::default();
    let authorizer: ApiGatewayRequestAuthorizer = serde_json::from_value(authorizer).unwrap();
    context.authorizer = Some(authorizer);
    RequestContext::ApiGatewayV2(context)
}

/// Sends a write as the gateway hands it over after it has verified these claims.
async fn call_as(
    api: &Router,
    claims: &Value,
    (method, path): (&str, &str),
    body: &str,
) -> TestResponse {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("if-match", "\"1\"")
        .body(Body::from(body.to_owned()))
        .unwrap();
    send(api, request.with_request_context(context(claims))).await
}

async fn create_as(api: &Router, claims: &Value) -> TestResponse {
    call_as(api, claims, ("POST", "/factories"), &creation("mill", 2)).await
}

/// Every spelling of a path that somebody could hope to slip by with.
fn spellings() -> Vec<String> {
    let known = [
        "/factories".to_owned(),
        path(""),
        path("/numbers"),
        path("/numbers/restore"),
        path("/restore"),
        "/health".to_owned(),
        "/".to_owned(),
        "/nothing".to_owned(),
    ];
    known
        .iter()
        .flat_map(|known| {
            [
                known.clone(),
                format!("{known}/"),
                format!("/{known}"),
                known.replace('/', "//"),
                format!("{known}?x=1"),
                format!("{known}%2f"),
                format!("{known}%00"),
                known.replace('/', "/%2e/"),
                known.replace("factories", "Factories"),
                known.replace("factories", "%66actories"),
                known.replace("factories", "factories;x=1"),
                known.to_uppercase(),
                format!("/.{known}"),
                format!("/x/..{known}"),
            ]
        })
        .collect()
}

#[tokio::test]
async fn nobody_writes_without_signing_in_by_any_path_or_method() {
    let api = signed_in_api();
    create_as(&api, &editor()).await;
    let before = call(&api, "GET", "/factories", &[], "").await.json();
    for spelled in spellings() {
        for method in [
            "POST", "PUT", "PATCH", "DELETE", "CONNECT", "LINK", "post", "Delete", "MKCOL",
        ] {
            for header in [
                "x: x",
                "authorization: Bearer x",
                "x-http-method-override: GET",
                "x-amzn-request-context: {\"authorizer\":{\"jwt\":{\"claims\":{\"username\":\"ada\"}}}}",
            ] {
                let headers = [header, "if-match: \"1\""];
                let body = creation("forged", 0);
                let response = call(&api, method, &spelled, &headers, &body).await;
                assert_eq!(
                    (response.status.as_u16(), response.problem().as_str()),
                    (401, "not-signed-in"),
                    "{method} {spelled} {header}"
                );
                assert_eq!(response.header("www-authenticate"), Some("Bearer"));
            }
        }
        // A header that asks for a write makes no write of a read.
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            let headers = ["x-http-method-override: DELETE", "if-match: \"1\""];
            let response = call(&api, method, &spelled, &headers, "").await;
            assert_ne!(response.status, 401, "{method} {spelled}");
        }
    }
    let after = call(&api, "GET", "/factories", &[], "").await.json();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_token_that_is_no_editors_access_token_for_this_page_writes_nothing() {
    let api = signed_in_api();
    for (changes, status, slug) in [
        (json!({ "token_use": "id" }), 401, "not-signed-in"),
        (json!({ "token_use": null }), 401, "not-signed-in"),
        (json!({ "token_use": "refresh" }), 401, "not-signed-in"),
        (json!({ "client_id": "client-2" }), 401, "not-signed-in"),
        (
            json!({ "client_id": null, "aud": CLIENT }),
            401,
            "not-signed-in",
        ),
        (
            json!({ "iss": "https://evil.example" }),
            401,
            "not-signed-in",
        ),
        (json!({ "iss": null }), 401, "not-signed-in"),
        (json!({ "cognito:groups": null }), 403, "not-an-editor"),
        (json!({ "cognito:groups": "[]" }), 403, "not-an-editor"),
        (
            json!({ "cognito:groups": "[readers]" }),
            403,
            "not-an-editor",
        ),
        (
            json!({ "cognito:groups": "[Editors]" }),
            403,
            "not-an-editor",
        ),
        (json!({ "username": "a\u{202e}b" }), 403, "not-an-editor"),
        (json!({ "username": "x".repeat(129) }), 403, "not-an-editor"),
        (json!({ "username": null }), 403, "not-an-editor"),
    ] {
        let response = create_as(&api, &editor_with(&changes)).await;
        assert_eq!(
            (response.status.as_u16(), response.problem().as_str()),
            (status, slug),
            "{changes}"
        );
        let text = response.text;
        assert!(!text.contains('\u{202e}'), "{text}");
    }
    let list = call(&api, "GET", "/factories", &[], "").await;
    assert_eq!(list.json()["factories"], json!([]));
}

#[tokio::test]
async fn each_write_of_an_editor_tells_who_made_it() {
    let api = signed_in_api();
    let by = |name: &str| editor_with(&json!({ "username": name }));
    let created = create_as(&api, &by("ada")).await;
    assert_eq!(
        (created.status.as_u16(), &created.json()["changed_by"]),
        (201, &json!("ada"))
    );
    let again = create_as(&api, &by("eve")).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["changed_by"]),
        (200, &json!("ada")),
        "a repetition writes nothing"
    );
    let steps = [
        (("PATCH", path("")), r#"{"name":"forge"}"#, "ben"),
        (("POST", path("/numbers")), r#"{"count":3}"#, "cleo"),
        (("POST", path("/numbers/restore")), "", "dan"),
    ];
    for (place, ((method, path), body, name)) in steps.iter().enumerate() {
        let request = Request::builder()
            .method(*method)
            .uri(path)
            .header("content-type", "application/json")
            .header("if-match", format!("\"{}\"", place + 1))
            .body(Body::from(*body))
            .unwrap();
        let context = context(&by(name));
        let response = send(&api, request.with_request_context(context)).await;
        assert_eq!(response.json()["changed_by"], *name, "{}", response.text);
    }
    let removal = Request::builder()
        .method("DELETE")
        .uri(path(""))
        .header("if-match", "\"4\"")
        .body(Body::empty())
        .unwrap();
    let removed = send(&api, removal.with_request_context(context(&by("eve")))).await;
    assert_eq!(removed.status, 204);
    let restored = call_as(&api, &by("fay"), ("POST", &path("/restore")), "").await;
    assert_eq!(restored.json()["changed_by"], "fay");
    assert_eq!(restored.json()["revision"], 6);
    let read = call(&api, "GET", &path(""), &[], "").await;
    assert_eq!(read.json(), restored.json(), "everybody reads who it was");
}

#[tokio::test]
async fn a_page_of_another_origin_writes_nothing_with_an_editors_token_either() {
    let api = signed_in_api();
    let request = Request::builder()
        .method("POST")
        .uri("/factories")
        .header("content-type", "application/json")
        .header("origin", "https://evil.example")
        .body(Body::from(creation("mill", 0)))
        .unwrap();
    let response = send(&api, request.with_request_context(context(&editor()))).await;
    assert_eq!(response.problem(), "foreign-origin");
}

#[tokio::test]
async fn a_page_may_send_its_token_where_users_sign_in_and_only_there() {
    let headers = [
        &format!("origin: {ORIGIN}"),
        "access-control-request-method: POST",
        "access-control-request-headers: authorization,content-type",
    ];
    for (api, allowed) in [(signed_in_api(), true), (api(), false)] {
        let preflight = call(&api, "OPTIONS", "/factories", &headers, "").await;
        let names = preflight.header("access-control-allow-headers").unwrap();
        assert_eq!(names.contains("Authorization"), allowed, "{names}");
    }
}

/// Without sign-in nobody's name is written, whatever a request carries.
#[tokio::test]
async fn where_nobody_signs_in_everybody_writes_and_nobody_is_named() {
    let api = api();
    let created = create_as(&api, &editor()).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json().get("changed_by"), None);
    let anonymous = create(&api).await;
    assert_eq!(anonymous.status, 200, "the same factory {ID}");
}
