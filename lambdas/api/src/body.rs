//! In: the raw body of a request. Out: checked values of `domain`, or a problem for the caller.

use std::fmt;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use domain::field::quoted;
use domain::{Bounds, Count, Edit, FactoryId, FieldError, NewFactory, bounds, count};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Problem, ProblemKind};

/// The most bytes of a body.
pub const MAX_BYTES: usize = 8 * 1024;

/// The greatest distance from zero at which every whole number is a float.
const EXACT_FLOATS: f64 = 9_007_199_254_740_992.0;

/// The fields of the JSON object in a request's body.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        ensure_json(request.headers())?;
        let announced = request.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(too_large());
        }
        // Reading fails if the body exceeds the limit; a connection that breaks is reported in the same way.
        let bytes = to_bytes(request.into_body(), MAX_BYTES)
            .await
            .map_err(|_| too_large())?;
        Self::parse(&bytes)
    }
}

/// Returns a problem unless the request says that its body is JSON. A page of any origin may send text and forms without
/// asking before; for JSON its browser asks.
fn ensure_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE);
    let given = given.map_or("", |kind| kind.to_str().unwrap_or_default());
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let shown = if given.is_empty() {
        "missing".to_owned()
    } else {
        quoted(given)
    };
    Err(Problem::new(
        ProblemKind::UnsupportedMediaType,
        format!("`Content-Type` is {shown}; allowed: application/json"),
    ))
}

fn too_large() -> Problem {
    Problem::new(
        ProblemKind::TooLarge,
        format!("the body has more than {MAX_BYTES} bytes"),
    )
}

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let fields = serde_json::from_slice(bytes);
        fields.map_err(|error| Problem::new(ProblemKind::MalformedJson, error.to_string()))
    }

    /// Returns a problem if a field is not in `known`.
    fn ensure_known(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = self.0.keys().find(|field| !known.contains(&field.as_str()));
        unknown.map_or(Ok(()), |field| Err(Problem::unknown_field(field, known)))
    }

    /// Reads a field with `read`, or returns `None` if the body does not have it.
    fn find<T>(
        &self,
        field: &'static str,
        read: impl Fn(&'static str, &Value) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        self.0
            .get(field)
            .map(|value| read(field, value))
            .transpose()
    }

    /// Reads a field with `read`, or returns an error if the body does not have it.
    fn require<T>(
        &self,
        field: &'static str,
        read: impl Fn(&'static str, &Value) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        let missing = Value::Null;
        match self.0.get(field) {
            Some(value) => read(field, value),
            None => read(field, &missing).map_err(|error| FieldError {
                value: "missing".to_owned(),
                ..error
            }),
        }
    }

    /// Reads the body of a creation; `fresh` is the id if the caller sends none.
    ///
    /// # Errors
    /// Returns a problem for the first invalid field.
    pub fn new_factory(&self, fresh: FactoryId) -> Result<NewFactory, Problem> {
        self.ensure_known(&["id", "name", "lower", "upper", "count"])?;
        Ok(NewFactory {
            id: self.find("id", text_of)?.unwrap_or(fresh),
            name: self.require("name", text_of)?,
            bounds: Bounds::new(
                self.require("lower", bound_of)?,
                self.require("upper", bound_of)?,
            )?,
            count: self.require("count", count_of)?,
        })
    }

    /// Reads the body of an edit.
    ///
    /// # Errors
    /// Returns a problem for the first field that is invalid for every factory. The handler checks a single bound against
    /// the factory's other one later.
    pub fn edit(&self) -> Result<Edit, Problem> {
        self.ensure_known(&["name", "lower", "upper"])?;
        let edit = Edit {
            name: self.find("name", text_of)?,
            lower: self.find("lower", bound_of)?,
            upper: self.find("upper", bound_of)?,
        };
        if let (Some(lower), Some(upper)) = (edit.lower, edit.upper) {
            Bounds::new(lower, upper)?;
        }
        Ok(edit)
    }

    /// Reads the body of a generation.
    ///
    /// # Errors
    /// Returns a problem for the first invalid field.
    pub fn count(&self) -> Result<Count, Problem> {
        self.ensure_known(&["count"])?;
        Ok(self.require("count", count_of)?)
    }
}

impl<'de> Deserialize<'de> for Fields {
    /// Reads an object in which no field occurs twice: readers disagree about which of the two counts.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut fields = Map::new();
        while let Some((field, value)) = entries.next_entry::<String, Value>()? {
            if fields.contains_key(&field) {
                let shown = quoted(&field);
                return Err(A::Error::custom(format!("the field {shown} occurs twice")));
            }
            fields.insert(field, value);
        }
        Ok(Fields(fields))
    }
}

fn text_of<T>(field: &'static str, value: &Value) -> Result<T, FieldError>
where
    T: std::str::FromStr<Err = FieldError>,
{
    let Value::String(text) = value else {
        // Empty text is invalid for every field, so this error describes the field's allowed values.
        return "".parse().map_err(|error| FieldError {
            field,
            value: describe(value),
            ..error
        });
    };
    text.parse()
}

fn bound_of(field: &'static str, value: &Value) -> Result<i64, FieldError> {
    let number = whole_number(value).filter(|number| bounds::is_allowed(*number));
    number.ok_or_else(|| field_error(field, value, bounds::allowed_values()))
}

fn count_of(field: &'static str, value: &Value) -> Result<Count, FieldError> {
    let count =
        whole_number(value).ok_or_else(|| field_error(field, value, count::allowed_values()))?;
    Count::new(count)
}

fn field_error(field: &'static str, value: &Value, allowed: String) -> FieldError {
    match value {
        Value::String(text) => FieldError::text(field, text, allowed),
        other => FieldError::described(field, describe(other), allowed),
    }
}

/// Returns the whole number that a value is; `5.0` and `5e0` are five, as JSON Schema has it.
fn whole_number(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| whole_float(number))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "whole, and within the exact range"
)]
fn whole_float(number: &Number) -> Option<i64> {
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= EXACT_FLOATS).then_some(float as i64)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(body: &str) -> String {
        let fresh = FactoryId::from_random(0);
        let problem = Fields::parse(body.as_bytes())
            .and_then(|fields| fields.new_factory(fresh))
            .unwrap_err();
        format!("{problem:?}")
    }

    #[test]
    fn a_complete_body_is_a_new_factory() {
        let body = r#"{"name":" mill ","lower":-1,"upper":5.0,"count":1e1}"#;

        let fields = Fields::parse(body.as_bytes()).unwrap();
        let new = fields.new_factory(FactoryId::from_random(0)).unwrap();

        assert_eq!((new.name.as_str(), new.count.get()), ("mill", 10));
        assert_eq!(new.bounds, Bounds::new(-1, 5).unwrap());
        assert_eq!(new.id, FactoryId::from_random(0));
    }

    #[test]
    fn a_missing_field_is_named_with_what_it_may_be() {
        insta::assert_snapshot!(
            detail(r#"{"name":"a","lower":1,"upper":2}"#),
            @r#"Problem { kind: InvalidField, detail: "`count` is missing; allowed: a whole number from 0 to 15", field: Some("count"), factory: None }"#
        );
    }

    #[test]
    fn a_value_of_another_kind_is_shown_as_it_is() {
        for (value, shown) in [
            ("\"5\"", "`upper` is \\\"5\\\";"),
            ("2.5", "`upper` is 2.5;"),
            ("1e20", "`upper` is 1e+20;"),
            ("9223372036854775808", "`upper` is 9223372036854775808;"),
            ("null", "`upper` is null;"),
            ("[1]", "`upper` is a list;"),
            ("true", "`upper` is true;"),
        ] {
            let body = format!(r#"{{"name":"a","lower":1,"upper":{value},"count":0}}"#);
            assert!(detail(&body).contains(shown), "{}", detail(&body));
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        let body = r#"{"name":"a","lower":1,"upper":2,"count":0,"numbers":[7]}"#;

        assert!(detail(body).contains("kind: UnknownField"));
        assert!(detail(body).contains("field: Some(\"numbers\")"));
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in ["", "{", "[]", "3", "{\"name\":\"\\ud800\"}", "{}{}"] {
            assert!(detail(body).contains("kind: MalformedJson"), "{body}");
        }
    }

    #[test]
    fn an_empty_edit_changes_nothing() {
        assert_eq!(
            Fields::parse(b"{}").unwrap().edit().unwrap(),
            Edit::default()
        );
    }
}
