//! Every request of the contract, with its response.

use crate::client::{ID, NOW, api, call, create, creation, path};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn health_names_the_build() {
    let response = call(&api(), "GET", "/health", &[], "").await;

    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(
        response.json(),
        json!({ "status": "ok", "build": "build-1" })
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_creation_answers_the_factory_and_where_it_is() {
    let response = create(&api()).await;

    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!(response.header("location"), Some(path("").as_str()));
    assert_eq!(response.header("etag"), Some("\"1\""));
    let mut factory = response.json();
    let numbers = factory["numbers"].take();
    assert_eq!(numbers.as_array().unwrap().len(), 2);
    assert_eq!(
        factory,
        json!({ "id": ID, "name": "mill", "lower": -3, "upper": 3, "numbers": null, "revision": 1 })
    );
}

#[tokio::test]
async fn a_creation_without_an_id_gets_one() {
    let api = api();
    let body = r#"{"name":"mill","lower":0,"upper":0,"count":15}"#;

    let one = call(&api, "POST", "/factories", &[], body).await.json();
    let other = call(&api, "POST", "/factories", &[], body).await.json();

    assert_ne!(one["id"], other["id"]);
    assert_eq!(one["numbers"], json!(vec![0; 15]));
}

#[tokio::test]
async fn a_repeated_creation_answers_what_exists_also_after_an_edit() {
    let api = api();
    let first = create(&api).await.json();

    let repeated = create(&api).await;
    assert_eq!((repeated.status, repeated.json()), (StatusCode::OK, first));

    call(
        &api,
        "PATCH",
        &path(""),
        &["if-match: \"1\""],
        r#"{"name":"forge"}"#,
    )
    .await;
    let repeated = create(&api).await;
    assert_eq!(repeated.status, StatusCode::OK);
    assert_eq!(repeated.json()["name"], "forge");
    assert_eq!(repeated.header("etag"), Some("\"2\""));
}

#[tokio::test]
async fn another_creation_with_the_same_id_is_a_conflict() {
    let api = api();
    create(&api).await;

    for body in [creation("mill", 3), creation("forge", 2)] {
        let response = call(&api, "POST", "/factories", &[], &body).await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (409, "conflict".to_owned())
        );
    }
    let trimmed = call(&api, "POST", "/factories", &[], &creation(" mill ", 2)).await;
    assert_eq!(trimmed.status, StatusCode::OK, "the same after trimming");
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_nothing_else() {
    let api = api();
    let before = create(&api).await.json();

    let body = r#"{"upper":-3}"#;
    let response = call(&api, "PATCH", &path(""), &["if-match: \"1\""], body).await;

    let after = response.json();
    assert_eq!(
        (response.status, response.header("etag")),
        (StatusCode::OK, Some("\"2\""))
    );
    assert_eq!((&after["upper"], &after["lower"]), (&json!(-3), &json!(-3)));
    assert_eq!(
        (&after["numbers"], &after["name"]),
        (&before["numbers"], &before["name"])
    );
}

#[tokio::test]
async fn an_edit_that_inverts_the_bounds_names_the_field() {
    let api = api();
    create(&api).await;

    let body = r#"{"upper":-4}"#;
    let response = call(&api, "PATCH", &path(""), &["if-match: \"1\""], body).await;

    assert_eq!(
        (response.status.as_u16(), response.problem()),
        (422, "invalid-field".to_owned())
    );
    assert_eq!(response.json()["field"], "upper");
    assert_eq!(
        response.json()["detail"],
        "`upper` is -4; allowed: at least `lower`, which is -3"
    );
}

#[tokio::test]
async fn the_second_of_two_editors_gets_the_current_factory() {
    let api = api();
    create(&api).await;
    let seen = ["if-match: \"1\""];
    call(&api, "PATCH", &path(""), &seen, r#"{"name":"forge"}"#).await;

    for (method, rest, body) in [
        ("PATCH", "", r#"{"name":"press"}"#),
        ("POST", "/numbers", r#"{"count":1}"#),
        ("DELETE", "", ""),
    ] {
        let response = call(&api, method, &path(rest), &seen, body).await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (412, "revision-mismatch".to_owned())
        );
        assert_eq!(response.json()["factory"]["name"], "forge");
        assert_eq!(response.header("etag"), Some("\"2\""));
    }
}

#[tokio::test]
async fn a_write_without_a_revision_is_refused() {
    let api = api();
    create(&api).await;

    for (method, rest) in [("PATCH", ""), ("POST", "/numbers"), ("DELETE", "")] {
        let response = call(&api, method, &path(rest), &[], r#"{"count":1}"#).await;
        assert_eq!(response.status.as_u16(), 428, "{method} {rest}");
        assert_eq!(response.problem(), "precondition-required");

        let response = call(
            &api,
            method,
            &path(rest),
            &["if-match: *"],
            r#"{"count":1}"#,
        )
        .await;
        assert_eq!(
            (response.status.as_u16(), &response.json()["field"]),
            (422, &json!("If-Match"))
        );
    }
}

#[tokio::test]
async fn a_generation_replaces_all_numbers() {
    let api = api();
    create(&api).await;

    for (seen, count) in [(1, 15), (2, 0)] {
        let header = format!("if-match: \"{seen}\"");
        let body = json!({ "count": count }).to_string();
        let response = call(&api, "POST", &path("/numbers"), &[&header], &body).await;
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(response.json()["numbers"].as_array().unwrap().len(), count);
        assert_eq!(response.json()["revision"], seen + 1);
    }
}

#[tokio::test]
async fn a_generation_is_undone_and_an_edit_in_between_stays() {
    let api = api();
    let drawn = create(&api).await.json();
    let restore = path("/numbers/restore");
    let early = call(&api, "POST", &restore, &["if-match: \"1\""], "").await;
    assert_eq!(
        (early.status.as_u16(), early.problem()),
        (404, "not-found".to_owned()),
        "there is nothing to go back to"
    );
    let numbers = path("/numbers");
    let renewed = call(
        &api,
        "POST",
        &numbers,
        &["if-match: \"1\""],
        r#"{"count":15}"#,
    )
    .await;
    let renewed = renewed.json();
    let body = r#"{"name":"forge"}"#;
    call(&api, "PATCH", &path(""), &["if-match: \"2\""], body).await;

    let stale = call(&api, "POST", &restore, &["if-match: \"2\""], "").await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let undone = call(&api, "POST", &restore, &["if-match: \"3\""], "").await;
    assert_eq!(
        (undone.status, undone.header("etag")),
        (StatusCode::OK, Some("\"4\""))
    );
    let undone = undone.json();
    assert_eq!(
        (&undone["numbers"], &undone["name"]),
        (&drawn["numbers"], &json!("forge"))
    );

    let redone = call(&api, "POST", &restore, &["if-match: \"4\""], "")
        .await
        .json();
    assert_eq!(redone["numbers"], renewed["numbers"]);
}

#[tokio::test]
async fn a_removed_factory_is_gone_and_can_be_restored() {
    let api = api();
    let before = create(&api).await.json();

    let removed = call(&api, "DELETE", &path(""), &["if-match: \"1\""], "").await;
    assert_eq!(
        (removed.status, removed.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    for method in ["GET", "DELETE"] {
        let response = call(&api, method, &path(""), &["if-match: \"2\""], "").await;
        assert_eq!(
            (response.status.as_u16(), response.problem()),
            (404, "not-found".to_owned())
        );
    }
    assert_eq!(
        create(&api).await.problem(),
        "conflict",
        "a late repetition brings nothing back"
    );

    for _ in 0..2 {
        let restored = call(&api, "POST", &path("/restore"), &[], "").await;
        assert_eq!(restored.status, StatusCode::OK);
        let mut expected = before.clone();
        expected["revision"] = json!(3);
        assert_eq!(restored.json(), expected);
    }
}

#[tokio::test]
async fn what_can_no_longer_be_undone_is_not_restored() {
    use api::store::{FactoryStore, Removal, memory::MemoryStore};
    use domain::{Bounds, Count, NewFactory};
    let store = MemoryStore::default();
    let new = NewFactory {
        id: ID.parse().unwrap(),
        name: "mill".parse().unwrap(),
        bounds: Bounds::new(0, 1).unwrap(),
        count: Count::new(0).unwrap(),
    };
    store
        .create(&new, &new.first_revision(vec![], 0).unwrap())
        .await
        .unwrap();
    let removal = Removal {
        id: new.id,
        revision: 1,
        expires: NOW,
        by: None,
    };
    store.remove(&removal).await.unwrap();

    let response = call(
        &crate::client::api_over(store),
        "POST",
        &path("/restore"),
        &[],
        "",
    )
    .await;

    assert_eq!(
        (response.status.as_u16(), response.problem()),
        (404, "not-found".to_owned())
    );
}
