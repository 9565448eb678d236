//! Compares `openapi.yaml` with the router and with the limits of `domain`.

use std::collections::BTreeSet;

use api::problem::{ProblemKind, TYPE_PREFIX};
use axum::Router;
use domain::{UserName, bounds, count, factory, field, name, user_name};
use serde_json::{Value, json};

use crate::client::{ID, TestResponse, api, api_over, call, create, creation, signed_in_api};
use crate::door::full_store;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn document() -> Value {
    serde_yaml::from_str(include_str!("../../openapi.yaml")).unwrap()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

/// Follows a `$ref` within the document, if there is one.
fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .expect(reference),
        None => part,
    }
}

/// All `(path, method, operation)` of the document.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, operations)| {
            METHODS
                .iter()
                .filter_map(|method| Some((path.as_str(), *method, operations.get(*method)?)))
        })
        .collect()
}

/// Asserts that a response is one that the document has for this operation, headers and body included.
fn assert_documented(document: &Value, operation: &Value, response: &TestResponse) {
    let status = response.status.as_str();
    let documented = resolved(document, &operation["responses"][status]);
    assert!(
        documented.is_object(),
        "{}: {status} is not documented",
        operation["operationId"]
    );
    for (header, _) in documented["headers"].as_object().into_iter().flatten() {
        assert!(
            response.headers.contains_key(header),
            "{status} without {header}"
        );
    }
    let Some(content) = documented["content"].as_object() else {
        assert_eq!(response.text, "", "{status} has no body");
        return;
    };
    let media = &content[response.header("content-type").unwrap()];
    let schema = json!({ "components": document["components"], "allOf": [media["schema"]] });
    if let Err(error) = jsonschema::validate(&schema, &response.json()) {
        panic!("{status}: {error} in {}", response.text);
    }
}

/// A body and headers with which each operation succeeds on a factory at revision 1.
fn good_request(operation: &str) -> (&'static str, String) {
    match operation {
        "createFactory" => ("x: x", creation("mill", 2)),
        "editFactory" => ("if-match: \"1\"", r#"{"name":"forge"}"#.to_owned()),
        "restoreNumbers" => ("if-match: \"2\"", String::new()),
        "generateNumbers" => ("if-match: \"1\"", r#"{"count":15}"#.to_owned()),
        _ => ("if-match: \"1\"", String::new()),
    }
}

/// Creates the factory on which [`good_request`] succeeds.
async fn prepare(api: &Router, operation: &str) {
    create(api).await;
    if operation == "restoreNumbers" {
        let (header, body) = good_request("generateNumbers");
        send(api, "/factories/{id}/numbers", "post", header, &body).await;
    }
}

async fn send(api: &Router, path: &str, method: &str, header: &str, body: &str) -> TestResponse {
    let path = path.replace("{id}", ID);
    call(api, &method.to_uppercase(), &path, &[header], body).await
}

#[tokio::test]
async fn every_operation_succeeds_as_documented() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let api = api();
        let id = operation["operationId"].as_str().unwrap();
        prepare(&api, id).await;
        let (header, body) = good_request(id);

        let response = send(&api, path, method, header, &body).await;

        assert!(
            response.status.is_success(),
            "{method} {path}: {}",
            response.text
        );
        assert_documented(&document, operation, &response);
    }
}

#[tokio::test]
async fn every_operation_refuses_as_documented() {
    let document = document();
    let too_large = " ".repeat(8193);
    for (path, method, operation) in operations(&document) {
        let api = api();
        for exists in [false, true] {
            for header in [
                "x: x",
                "if-match: \"1\"",
                "if-match: \"9\"",
                "if-match: x",
                "if-none-match: *",
                "origin: https://evil.example",
                "content-type: text/plain",
            ] {
                let refused = send(&signed_in_api(), path, method, header, "{}").await;
                assert_documented(&document, operation, &refused);
                for body in [
                    "",
                    "{",
                    "{}",
                    r#"{"count":99}"#,
                    r#"{"x":1}"#,
                    &too_large,
                    &creation("x", 9),
                ] {
                    let response = send(&api, path, method, header, body).await;
                    assert_documented(&document, operation, &response);
                }
            }
            if !exists {
                create(&api).await;
            }
        }
    }
}

#[tokio::test]
async fn every_documented_success_and_refusal_can_happen_or_is_the_stores() {
    let document = document();
    let mut seen = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let api = api();
        let (good_header, good_body) = good_request(id);
        let mut note =
            |response: TestResponse| seen.insert((id.to_owned(), response.status.as_u16()));
        note(send(&api, path, method, good_header, &good_body).await);
        prepare(&api, id).await;
        for (header, body) in [
            ("x: x", good_body.as_str()),
            ("if-match: x", &good_body),
            ("if-match: \"9\"", &good_body),
            ("if-none-match: *", &good_body),
            (good_header, "{"),
            (good_header, "{}"),
            (good_header, &creation("other", 0)),
            (good_header, &" ".repeat(8193)),
            ("origin: https://evil.example", &good_body),
            ("content-type: text/plain", &good_body),
            (good_header, &good_body),
        ] {
            note(send(&api, path, method, header, body).await);
        }
        note(send(&api, &format!("{path}?cursor=x"), method, good_header, "").await);
        let full = api_over(full_store().await);
        note(send(&full, path, method, good_header, &good_body).await);
        note(send(&signed_in_api(), path, method, good_header, &good_body).await);
        let documented = operation["responses"].as_object().unwrap().keys();
        for status in documented.map(|status| status.parse::<u16>().unwrap()) {
            let stores = status == 500 || status == 503;
            assert!(
                stores || seen.contains(&(id.to_owned(), status)),
                "{id}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_documented_is_not_routed() {
    let document = document();
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method))
        .collect();
    for path in document["paths"].as_object().unwrap().keys() {
        for method in METHODS {
            let response = send(&api(), path, method, "x: x", "").await;
            let routed = response.status.as_u16() != 405;
            assert_eq!(
                routed,
                documented.contains(&(path.clone(), method)),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn the_documents_limits_are_the_domains() {
    let document = document();
    let bound = schema(&document, "Bound");
    assert_eq!(
        (&bound["minimum"], &bound["maximum"]),
        (&json!(bounds::LOWEST), &json!(bounds::HIGHEST))
    );
    let numbers = schema(&document, "Count");
    assert_eq!(
        (&numbers["minimum"], &numbers["maximum"]),
        (&json!(count::MIN), &json!(count::MAX))
    );
    assert_eq!(
        schema(&document, "Factory")["properties"]["numbers"]["maxItems"],
        count::MAX
    );
    let text = schema(&document, "Name");
    assert_eq!(
        (&text["minLength"], &text["maxLength"]),
        (&json!(name::MIN_CHARACTERS), &json!(name::MAX_CHARACTERS))
    );
    assert_eq!(
        schema(&document, "UserName")["maxLength"],
        user_name::MAX_CHARACTERS
    );
    let page = &schema(&document, "FactoryPage")["properties"]["factories"];
    assert_eq!(page["maxItems"], api::store::PAGE);
    assert_eq!(
        schema(&document, "Revision")["minimum"],
        factory::FIRST_REVISION
    );
    let bytes = format!("{} bytes", api::body::MAX_BYTES);
    let characters = format!(
        "{} to {} characters",
        name::MIN_CHARACTERS,
        name::MAX_CHARACTERS
    );
    for (description, limit) in [
        (&document["info"]["description"], &bytes),
        (
            &document["components"]["responses"]["TooLarge"]["description"],
            &bytes,
        ),
        (&text["description"], &characters),
    ] {
        assert!(
            description.as_str().unwrap().contains(limit),
            "{description}"
        );
    }
}

#[test]
fn the_documents_pattern_forbids_exactly_what_a_name_may_not_hold() {
    let document = document();
    let validator = jsonschema::validator_for(schema(&document, "Name")).unwrap();
    let users = jsonschema::validator_for(schema(&document, "UserName")).unwrap();

    let beyond = ('\u{1bc9f}'..='\u{1bca4}')
        .chain('\u{1d158}'..='\u{1d17b}')
        .chain('\u{dffff}'..='\u{e1000}');
    for character in ('\0'..='\u{ffff}')
        .chain(beyond)
        .chain(['🏭', '\u{10ffff}'])
    {
        let text = format!("a{character}b");
        let forbidden = field::is_forbidden(character);
        assert_eq!(
            validator.is_valid(&json!(text)),
            !forbidden,
            "{character:?}"
        );
        let is_name = !forbidden && !field::is_invisible(character);
        assert_eq!(
            users.is_valid(&json!(text)),
            text.parse::<UserName>().is_ok(),
            "{character:?} of a user"
        );
        let alone = json!(character.to_string());
        assert_eq!(validator.is_valid(&alone), is_name, "{character:?} alone");
    }
}

#[test]
fn the_documents_problem_types_are_ours() {
    let document = document();
    let listed = &schema(&document, "Problem")["properties"]["type"]["enum"];
    let ours: Vec<String> = ProblemKind::ALL
        .map(|kind| format!("{TYPE_PREFIX}{}", kind.slug()))
        .to_vec();

    assert_eq!(listed, &json!(ours));
}
