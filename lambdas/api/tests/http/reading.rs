//! Reading: one factory, the list, its pages, and what the caller has already.

use axum::http::StatusCode;
use serde_json::json;

use crate::client::{api, call, create, path};

#[tokio::test]
async fn one_factory_is_answered_or_known_already() {
    let api = api();
    let created = create(&api).await.json();

    let response = call(
        &api,
        "GET",
        &path("").to_uppercase().replace("FACTORIES", "factories"),
        &[],
        "",
    )
    .await;
    assert_eq!(
        (response.status, response.json()),
        (StatusCode::OK, created)
    );
    assert_eq!(response.header("cache-control"), Some("no-cache"));

    let known = call(&api, "GET", &path(""), &["if-none-match: \"1\""], "").await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    assert_eq!(known.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn the_list_has_a_tag_that_changes_with_its_content() {
    let api = api();
    let empty = call(&api, "GET", "/factories", &[], "").await;
    assert_eq!(empty.json(), json!({ "factories": [], "cursor": null }));
    let created = create(&api).await.json();

    let list = call(&api, "GET", "/factories", &[], "").await;
    assert_eq!(
        list.json(),
        json!({ "factories": [created], "cursor": null })
    );
    let tag = list.header("etag").unwrap();
    assert_ne!(empty.header("etag"), Some(tag));

    let header = format!("if-none-match: {tag}");
    let known = call(&api, "GET", "/factories", &[&header], "").await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    assert_eq!(known.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn a_long_list_comes_in_pages_without_gap_or_repetition() {
    let api = api();
    for _ in 0..api::store::PAGE + 1 {
        let body = r#"{"name":"mill","lower":0,"upper":0,"count":0}"#;
        call(&api, "POST", "/factories", &[], body).await;
    }

    let first = call(&api, "GET", "/factories", &[], "").await.json();
    let cursor = first["cursor"].as_str().unwrap();
    let second = call(&api, "GET", &format!("/factories?cursor={cursor}"), &[], "")
        .await
        .json();

    assert_eq!(
        first["factories"].as_array().unwrap().len(),
        api::store::PAGE
    );
    assert_eq!(second["factories"].as_array().unwrap().len(), 1);
    assert!(
        !first["factories"]
            .as_array()
            .unwrap()
            .contains(&second["factories"][0])
    );
    assert_eq!(second["cursor"], json!(null));
}
