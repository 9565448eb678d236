//! In: a template's text. Out: what it says, with every function in its long form: `!Ref A` is
//! `{"Ref": "A"}`, so that `!Ref A` and `!GetAtt A.Arn` differ. What is said with one form is equal to
//! what is said with the other. Nothing is evaluated here.

use std::fmt;

use anyhow::Result;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_yaml::Tagged;

/// Takes a template's text (YAML or JSON) apart, with its tags.
///
/// # Errors
/// It is no YAML.
pub fn document(body: &str) -> Result<Value> {
    let node: Tagged<Node> = serde_yaml::from_str(body)?;
    Ok(long_form(node))
}

/// Returns a template in one form: templates that differ only in comments, layout, the order of keys, the form of a function
/// or descriptions are equal. CloudFormation finds no change between them either.
pub(super) fn canonical(mut document: Value) -> String {
    drop_descriptions(&mut document);
    document.sort_all_objects();
    document.to_string()
}

/// The sections of a template whose entries may have a description. A resource's property of that name is none.
const DESCRIBED: [&str; 2] = ["Parameters", "Outputs"];

fn drop_descriptions(template: &mut Value) {
    let Some(sections) = template.as_object_mut() else {
        return;
    };
    sections.remove("Description");
    for section in DESCRIBED {
        let entries = sections.get_mut(section).and_then(Value::as_object_mut);
        for entry in entries.into_iter().flat_map(|entries| entries.values_mut()) {
            entry
                .as_object_mut()
                .map(|entry| entry.remove("Description"));
        }
    }
}

/// A value of a document whose tags have become functions.
struct Node(Value);

/// Replaces a tag by its function, in the long form.
fn long_form(Tagged(Node(value), tag): Tagged<Node>) -> Value {
    // Tags of YAML itself ("tag:yaml.org,2002:str") say what the value is, and that is known by now.
    let local = tag.as_deref().and_then(|tag| tag.strip_prefix('!'));
    match local {
        None | Some("") => value,
        Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
        Some("GetAtt") => json!({ "Fn::GetAtt": attribute(value) }),
        Some(name) => json!({ format!("Fn::{name}"): value }),
    }
}

/// `A.Arn` and `[A, Arn]` mean the same; so does `A.Outputs.X`, which has the rest in one piece.
fn attribute(value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('.')) {
        Some((resource, name)) => json!([resource, name]),
        None => value,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Self)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of a template")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(node) = sequence.next_element::<Tagged<Node>>()? {
            values.push(long_form(node));
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, node)) = entries.next_entry::<String, Tagged<Node>>()? {
            let value = long_form(node);
            let value = if key == "Fn::GetAtt" {
                attribute(value)
            } else {
                value
            };
            values.insert(key, value);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms_are_the_same_and_different_functions_are_not() {
        let said = |body: &str| document(body).unwrap();
        assert_eq!(said("A: !Ref Table"), said("A: { Ref: Table }"));
        assert_eq!(
            said("A: !GetAtt Table.Arn"),
            said("A: { Fn::GetAtt: [Table, Arn] }")
        );
        assert_eq!(
            said("A: { Fn::GetAtt: Table.Arn }"),
            said("A: !GetAtt Table.Arn")
        );
        assert_ne!(said("A: !Ref Table"), said("A: Table"));
        assert_ne!(said("A: !Ref Table.Arn"), said("A: !GetAtt Table.Arn"));
    }

    #[test]
    fn functions_stand_in_each_other_and_around_lists() {
        let said = document(
            "A: !If [IsProtected, !Sub '${B}/*', !Select [0, !GetAZs '']]\nC: [1, 1.5, true, null, '1']\n",
        );
        assert_eq!(
            said.unwrap(),
            json!({
                "A": { "Fn::If": ["IsProtected", { "Fn::Sub": "${B}/*" }, { "Fn::Select": [0, { "Fn::GetAZs": "" }] }] },
                "C": [1, 1.5, true, null, "1"],
            })
        );
    }

    #[test]
    fn comments_layout_order_and_descriptions_change_nothing() {
        let one = "Description: a\nParameters:\n  A: { Type: String, Description: of A }\nResources:\n  B:\n    Type: T\n    Properties: { X: !Ref A, Y: 1 }\n";
        let other = "# a comment\nResources:\n  B:\n    Properties:\n      Y: 1 # another\n      X: { Ref: A }\n    Type: T\nParameters:\n  A:\n    Type: String\n";
        let canonical = |body: &str| canonical(document(body).unwrap());
        assert_eq!(canonical(one), canonical(other));
        for changed in [
            one.replace("Y: 1", "Y: 2"),
            one.replace("Y: 1", "Description: of B"),
            one.replace("!Ref A", "A"),
            one.replace("A: {", "C: {"),
        ] {
            assert_ne!(canonical(one), canonical(&changed), "{changed}");
        }
        assert_ne!(canonical("A: [1, 2]"), canonical("A: [2, 1]"));
    }

    #[test]
    fn a_template_in_json_reads_like_one_in_yaml() {
        assert_eq!(
            document(r#"{"A": {"Ref": "B"}}"#).unwrap(),
            document("A: !Ref B").unwrap()
        );
    }
}
