//! The limits of the fields of a factory. In: the site's own list of them, and a value. Out: what the value must be, where it is not.

use serde::Deserialize;
use serde_json::Value;

use super::id::is_uuid;

/// The limits of factories, as the site has them: a test of `domain` holds them to its own.
pub(super) const LIMITS: &str = "site/src/api/limits.json";

/// A range of whole numbers.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Range {
    min: i64,
    max: i64,
}

impl Range {
    fn contains(self, number: i64) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

/// The limits of the fields of a factory.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Limits {
    name: Range,
    bound: Range,
    count: Range,
}

/// Returns what a field of a factory must be, where its value is not that. Without limits only its form counts.
pub(super) fn wanted(name: &str, value: &Value, limits: Option<Limits>) -> Option<String> {
    match name {
        "id" => wanted_id(value),
        "name" => wanted_name(value, limits.map(|limits| limits.name)),
        "count" => wanted_number(value, limits.map(|limits| limits.count)),
        _ => wanted_number(value, limits.map(|limits| limits.bound)),
    }
}

fn wanted_id(value: &Value) -> Option<String> {
    let wanted = "a UUID such as \"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11\", or leave it out";
    let is_id = value.as_str().is_some_and(is_uuid);
    (!is_id).then(|| wanted.to_owned())
}

fn wanted_name(value: &Value, range: Option<Range>) -> Option<String> {
    let characters = value.as_str().map(|name| name.trim().chars().count());
    let range_or_any = range.unwrap_or(Range {
        min: 1,
        max: i64::MAX,
    });
    let fits = |count| i64::try_from(count).is_ok_and(|count| range_or_any.contains(count));
    let length = range.map(|Range { min, max }| format!(" of {min} to {max} characters"));
    (!characters.is_some_and(fits)).then(|| format!("text{}", length.unwrap_or_default()))
}

fn wanted_number(value: &Value, range: Option<Range>) -> Option<String> {
    let fits = |number| range.is_none_or(|range| range.contains(number));
    let extent = range.map(|Range { min, max }| format!(" from {min} to {max}"));
    (!value.as_i64().is_some_and(fits))
        .then(|| format!("a whole number{}", extent.unwrap_or_default()))
}
