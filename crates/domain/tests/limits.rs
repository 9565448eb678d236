//! The limits that the site checks before it sends a form are the limits of this crate.

use std::collections::BTreeSet;

use domain::{bounds, count, name};
use serde_json::{Map, Value, json};

/// The site's copy of the limits.
const SITE: &str = include_str!("../../../site/src/api/limits.json");

/// The modules whose public constants are limits of a form field.
const MODULES: [(&str, &str); 3] = [
    ("bounds", include_str!("../src/bounds.rs")),
    ("count", include_str!("../src/count.rs")),
    ("name", include_str!("../src/name.rs")),
];

/// One limit: its field and its key in the site's file, and its constant in this crate.
struct Limit {
    field: &'static str,
    key: &'static str,
    constant: &'static str,
    value: Value,
}

/// Lists every limit of this crate.
fn limits() -> Vec<Limit> {
    let limit = |field, key, constant, value| Limit {
        field,
        key,
        constant,
        value,
    };
    vec![
        limit(
            "name",
            "min",
            "name::MIN_CHARACTERS",
            json!(name::MIN_CHARACTERS),
        ),
        limit(
            "name",
            "max",
            "name::MAX_CHARACTERS",
            json!(name::MAX_CHARACTERS),
        ),
        limit("bound", "min", "bounds::LOWEST", json!(bounds::LOWEST)),
        limit("bound", "max", "bounds::HIGHEST", json!(bounds::HIGHEST)),
        limit("count", "min", "count::MIN", json!(count::MIN)),
        limit("count", "max", "count::MAX", json!(count::MAX)),
    ]
}

/// Compares whole documents, so that a key that only one side has fails the test too.
#[test]
fn the_sites_limits_are_the_domains() {
    let mut expected = Map::new();
    for limit in limits() {
        expected.entry(limit.field).or_insert_with(|| json!({}))[limit.key] = limit.value;
    }

    let site: Value = serde_json::from_str(SITE).unwrap();

    assert_eq!(site, Value::Object(expected), "site/src/api/limits.json");
}

/// A new constant must be added to the list above, and with it to the site's file.
#[test]
fn every_public_constant_of_a_field_is_compared() {
    let compared: BTreeSet<String> = limits()
        .iter()
        .map(|limit| limit.constant.to_owned())
        .collect();

    let defined: BTreeSet<String> = MODULES
        .iter()
        .flat_map(|(module, source)| {
            let constants = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub const "));
            constants.map(move |rest| format!("{module}::{}", rest.split(':').next().unwrap()))
        })
        .collect();

    assert_eq!(compared, defined);
}
