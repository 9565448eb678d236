//! The door: requests that were made by nobody's page, that say a thing twice, or that come a second time.

use axum::body::Body;
use axum::http::Request;
use domain::{Bounds, Count, FactoryId, NewFactory};
use lambda_http::RequestExt;
use serde_json::{Value, json};

use api::store::memory::MemoryStore;
use api::store::{FactoryStore, Removal};

use crate::client::{
    ID, ORIGIN, api, api_over, call, call_plainly, create, creation, path, send, signed_in_api,
};

#[tokio::test]
async fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let api = api();
    create(&api).await;
    let seen = "if-match: \"1\"";
    for kind in [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
    ] {
        let kind = format!("content-type: {kind}");
        for (method, rest, body) in [
            ("POST", "/factories", creation("other", 0)),
            ("PATCH", path("").as_str(), r#"{"name":"forge"}"#.to_owned()),
            ("POST", &path("/numbers"), r#"{"count":1}"#.to_owned()),
        ] {
            let response = call(&api, method, rest, &[seen, &kind], &body).await;
            assert_eq!(
                (response.status.as_u16(), response.problem().as_str()),
                (415, "unsupported-media-type"),
                "{method} {rest} {kind}"
            );
        }
    }
    let untyped = call_plainly(&api, "POST", "/factories", &[], &creation("x", 0)).await;
    assert_eq!(untyped.status, 415, "a page may send a blob without a type");

    for kind in ["Application/JSON", "application/json; charset=utf-8"] {
        let kind = format!("content-type: {kind}");
        let body = r#"{"name":"mill","lower":0,"upper":0,"count":0}"#;
        let response = call(&api, "POST", "/factories", &[&kind], body).await;
        assert_eq!(response.status, 201, "{kind}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_writes_nothing() {
    let api = api();
    create(&api).await;
    let restored = path("/restore");
    call(&api, "DELETE", &path(""), &["if-match: \"1\""], "").await;

    for origin in ["https://evil.example", "null", "http://factory-tree.com"] {
        let origin = format!("origin: {origin}");
        let body = r#"{"name":"mill","lower":0,"upper":0,"count":0}"#;
        for (method, rest, body) in [("POST", "/factories", body), ("POST", &restored, "")] {
            let response = call(&api, method, rest, &[&origin], body).await;
            assert_eq!(
                (response.status.as_u16(), response.problem().as_str()),
                (403, "foreign-origin"),
                "{method} {rest} {origin}"
            );
        }
        let list = call(&api, "GET", "/factories", &[&origin], "").await;
        assert_eq!(list.json()["factories"], json!([]), "{origin}");
    }
    let own = format!("origin: {ORIGIN}");
    let response = call(&api, "POST", &restored, &[&own], "").await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn an_edit_that_names_nothing_writes_nothing() {
    let api = api();
    let before = create(&api).await.json();

    let response = call(&api, "PATCH", &path(""), &["if-match: \"1\""], "{}").await;
    assert_eq!((response.status.as_u16(), response.json()), (200, before));
    assert_eq!(response.header("etag"), Some("\"1\""));

    let old = call(&api, "PATCH", &path(""), &["if-match: \"2\""], "{}").await;
    assert_eq!(old.problem(), "revision-mismatch");
}

#[tokio::test]
async fn a_field_that_occurs_twice_is_refused() {
    let api = api();
    create(&api).await;
    for (method, rest, body) in [
        (
            "POST",
            "/factories".to_owned(),
            r#"{"name":"a","lower":0,"lower":1,"upper":2,"count":0}"#,
        ),
        ("PATCH", path(""), r#"{"name":"a","n\u0061me":"b"}"#),
        ("POST", path("/numbers"), r#"{"count":1,"count":1}"#),
    ] {
        let response = call(&api, method, &rest, &["if-match: \"1\""], body).await;
        assert_eq!(
            (response.status.as_u16(), response.problem().as_str()),
            (400, "malformed-json"),
            "{body}"
        );
        let detail = response.json()["detail"].take();
        assert!(detail.as_str().unwrap().contains("twice"), "{detail}");
    }
}

#[tokio::test]
async fn a_revision_is_written_in_one_way_only() {
    let api = api();
    create(&api).await;
    for revision in ["01", "00", "0000000000000000000000001"] {
        let header = format!("if-match: \"{revision}\"");
        for (method, rest) in [("PATCH", ""), ("POST", "/numbers"), ("DELETE", "")] {
            let response = call(&api, method, &path(rest), &[&header], r#"{"count":1}"#).await;
            assert_eq!(
                (response.status.as_u16(), &response.json()["field"]),
                (422, &json!("If-Match")),
                "{method} {rest} {revision}"
            );
        }
    }
}

#[tokio::test]
async fn the_largest_revision_is_one_that_no_factory_has() {
    let api = api();
    create(&api).await;
    let header = format!("if-match: \"{}\"", u64::MAX);
    for (method, rest, body) in [
        ("PATCH", "", "{}"),
        ("POST", "/numbers", r#"{"count":1}"#),
        ("DELETE", "", ""),
    ] {
        let response = call(&api, method, &path(rest), &[&header], body).await;
        assert_eq!(response.problem(), "revision-mismatch", "{method} {rest}");
    }
}

#[tokio::test]
async fn a_removal_whose_answer_was_lost_is_answered_again() {
    let api = api();
    create(&api).await;
    for _ in 0..2 {
        let response = call(&api, "DELETE", &path(""), &["if-match: \"1\""], "").await;
        assert_eq!(
            (response.status.as_u16(), response.text.as_str()),
            (204, "")
        );
    }
    for other in ["if-match: \"2\"", "if-match: \"0\""] {
        let response = call(&api, "DELETE", &path(""), &[other], "").await;
        assert_eq!(response.problem(), "not-found", "{other}");
    }
    call(&api, "POST", &path("/restore"), &[], "").await;
    let late = call(&api, "DELETE", &path(""), &["if-match: \"1\""], "").await;
    assert_eq!(late.problem(), "revision-mismatch");
}

/// Sends a request as the gateway hands it over: it decodes the path, and what follows a `?` or a `#` is then taken
/// for a query or a fragment.
#[tokio::test]
async fn an_id_with_an_encoded_question_mark_is_nobodys() {
    let api = api();
    create(&api).await;
    for (method, decoded) in [
        ("POST", format!("/factories/{ID}?/numbers")),
        ("POST", format!("/factories/{ID}#/restore")),
        ("GET", format!("/factories/{ID}?")),
        ("GET", "/factories?x".to_owned()),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(&decoded)
            .body(Body::empty())
            .unwrap()
            .with_raw_http_path(&decoded);
        let response = send(&api, request).await;
        assert_eq!(
            (response.status.as_u16(), response.problem().as_str()),
            (404, "not-found"),
            "{method} {decoded}"
        );
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_see_is_refused() {
    for name in [
        "\u{200b}",
        "\u{ad}",
        "\u{2800}",
        "\u{3164}",
        "\u{200b} \u{2060}\u{fe0f}",
        "\u{115f}\u{e0041}",
    ] {
        let response = call(&api(), "POST", "/factories", &[], &creation(name, 0)).await;
        assert_eq!(
            (response.status.as_u16(), &response.json()["field"]),
            (422, &json!("name")),
            "{name:?}"
        );
    }
    let seen = call(&api(), "POST", "/factories", &[], &creation("a\u{200b}", 0)).await;
    assert_eq!(seen.status, 201);
}

/// Returns a store whose tree is full, and which can restore [`ID`].
pub(crate) async fn full_store() -> MemoryStore {
    let store = MemoryStore::default();
    let new = |id| NewFactory {
        id,
        name: "mill".parse().unwrap(),
        bounds: Bounds::new(-3, 3).unwrap(),
        count: Count::new(0).unwrap(),
    };
    let ids = (0..10_000).map(FactoryId::from_random);
    for id in ids.chain([ID.parse().unwrap()]) {
        let first = new(id).first_revision(vec![], 0).unwrap();
        store.create(&new(id), &first).await.unwrap();
    }
    let removal = Removal {
        id: ID.parse().unwrap(),
        revision: 1,
        expires: u64::MAX,
        by: None,
    };
    store.remove(&removal).await.unwrap();
    store
}

#[tokio::test]
async fn a_full_tree_takes_no_more() {
    let api = api_over(full_store().await);
    let known = FactoryId::from_random(7).to_string();
    let body = |id: &str| {
        json!({ "id": id, "name": "mill", "lower": -3, "upper": 3, "count": 0 }).to_string()
    };
    let another = body("0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a12");

    for (rest, body) in [("/factories", another.as_str()), (&path("/restore"), "")] {
        let refused = call(&api, "POST", rest, &[], body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (409, "tree-full"),
            "{rest}"
        );
        let detail = refused.json()["detail"].take();
        assert!(detail.as_str().unwrap().contains("10000"), "{detail}");
    }
    let repeated = call(&api, "POST", "/factories", &[], &body(&known)).await;
    assert_eq!(repeated.status, 200, "a repetition creates nothing");
    let there = format!("/factories/{known}/restore");
    let restored = call(&api, "POST", &there, &[], "").await;
    assert_eq!(restored.status, 200, "it is there, so nothing is restored");

    let removed = format!("/factories/{known}");
    call(&api, "DELETE", &removed, &["if-match: \"1\""], "").await;
    let created = call(&api, "POST", "/factories", &[], &another).await;
    assert_eq!(created.status, 201);
    let one_more = call(&api, "POST", &path("/restore"), &[], "").await;
    assert_eq!(one_more.problem(), "tree-full");
}

/// An answer of the gateway itself (401, 429, 500 and 503) has only the headers that the template gives it: without sign-in
/// and with it.
#[tokio::test]
async fn the_gateway_gives_its_own_answers_the_same_headers() {
    let template = include_str!("../../../../templates/api.yaml");
    let template: Value = serde_yaml::from_str(template).unwrap();
    let cors = &template["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"];
    let headers = [
        &format!("origin: {ORIGIN}"),
        "access-control-request-method: PATCH",
    ];
    // The tag `!If` is dropped: its condition and both values read as a list.
    assert_eq!(cors["AllowHeaders"][0], "SignsIn");
    for (api, allowed) in [(api(), 2), (signed_in_api(), 1)] {
        let preflight = call(&api, "OPTIONS", "/factories", &headers, "").await;
        for (header, wanted) in [
            ("access-control-allow-methods", &cors["AllowMethods"]),
            (
                "access-control-allow-headers",
                &cors["AllowHeaders"][allowed],
            ),
            ("access-control-expose-headers", &cors["ExposeHeaders"]),
        ] {
            let ours: Vec<_> = preflight.header(header).unwrap().split(", ").collect();
            assert_eq!(wanted, &json!(ours), "{header}");
        }
        assert_eq!(
            preflight.header("access-control-max-age"),
            Some(cors["MaxAge"].to_string().as_str())
        );
    }
    assert_eq!(cors["AllowOrigins"], json!(["SiteOrigin"]));
}
