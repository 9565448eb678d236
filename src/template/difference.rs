//! In: what is deployed and what would be, both rendered. Out: every resource that differs, at the level
//! of single properties. This is our own origin of changes: it sees what CloudFormation's change sets miss (aws-cdk-cli
//! issue 1951), and does not know what forces a replacement, which they do.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::change::{ChangeAction, ChangeOrigin, PropertyChange, Recreates, ResourceChange};
use super::loss::data_impact;
use super::render::{Rendered, function, shown, text};

/// The sections of a resource that are compared. `DependsOn` orders the work and changes nothing; `Condition` has
/// already decided whether the resource is there.
const ATTRIBUTES: [&str; 6] = [
    PROPERTIES,
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
    METADATA,
];

const PROPERTIES: &str = "Properties";
const METADATA: &str = "Metadata";

/// Returns every resource that is added, changed or deleted, by logical id.
pub fn difference(before: &Rendered, after: &Rendered) -> Vec<ResourceChange> {
    let ids: BTreeSet<&String> = before
        .resources
        .keys()
        .chain(after.resources.keys())
        .collect();
    let changes = ids.into_iter().filter_map(|id| {
        let (before, after) = (before.resources.get(id), after.resources.get(id));
        resource_change(id, before, after)
    });
    changes.collect()
}

fn resource_change(
    id: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<ResourceChange> {
    let kind = |resource: &Value| resource["Type"].as_str().unwrap_or_default().to_owned();
    let (action, kind, properties) = match (before, after) {
        (None, Some(after)) => (ChangeAction::Add, kind(after), added_properties(after)),
        (Some(before), None) => (ChangeAction::Delete, kind(before), Vec::new()),
        (Some(before), Some(after)) if kind(before) != kind(after) => (
            ChangeAction::Replace,
            kind(before),
            property_changes(before, after),
        ),
        (Some(before), Some(after)) => (
            ChangeAction::Modify,
            kind(before),
            property_changes(before, after),
        ),
        (None, None) => return None,
    };
    if action == ChangeAction::Modify && properties.is_empty() {
        return None;
    }
    Some(ResourceChange {
        logical_id: id.to_owned(),
        data: data_impact(&kind, action, policy(before, action).as_deref()),
        broadens: Vec::new(),
        kind,
        action,
        seen_by: ChangeOrigin::Template,
        properties,
    })
}

/// Returns what the deployed template says of the resource that goes.
pub(super) fn policy(before: Option<&Value>, action: ChangeAction) -> Option<String> {
    let attribute = match action {
        ChangeAction::Delete => "DeletionPolicy",
        _ => "UpdateReplacePolicy",
    };
    before?[attribute].as_str().map(ToOwned::to_owned)
}

fn property_changes(before: &Value, after: &Value) -> Vec<PropertyChange> {
    let mut found = Vec::new();
    for attribute in ATTRIBUTES {
        compare(
            attribute,
            before.get(attribute),
            after.get(attribute),
            &mut found,
        );
    }
    found
}

/// Returns the properties of a new resource by name, each in one piece, and its attributes but the metadata.
fn added_properties(resource: &Value) -> Vec<PropertyChange> {
    let row = |path: String, value: &Value| PropertyChange {
        path,
        before: None,
        after: Some(shown(value)),
        recreates: Recreates::Never,
        seen_by: ChangeOrigin::Template,
        ignored: false,
    };
    let properties = resource[PROPERTIES].as_object().into_iter().flatten();
    let properties = properties.map(|(name, value)| row(format!("{PROPERTIES}.{name}"), value));
    let attributes = ATTRIBUTES
        .into_iter()
        .filter(|name| ![PROPERTIES, METADATA].contains(name));
    let attributes = attributes.filter_map(|name| Some(row(name.to_owned(), resource.get(name)?)));
    let mut rows: Vec<PropertyChange> = properties.collect();
    rows.sort_by(|one, other| one.path.cmp(&other.path));
    rows.extend(attributes);
    rows
}

fn compare(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<PropertyChange>,
) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) if is_open(before, after) => {
            compare_objects(path, before, after, found);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            compare_lists(|index| format!("{path}.{index}"), before, after, found);
        }
        (Some(Value::String(before)), Some(Value::String(after)))
            if before.contains('\n') && after.contains('\n') && before != after =>
        {
            let lines = |text: &str| text.lines().map(Value::from).collect::<Vec<_>>();
            let line = |index: usize| format!("{path} line {}", index + 1);
            compare_lists(line, &lines(before), &lines(after), found);
        }
        (before, after) if same(before, after) => {}
        (before, after) => found.push(PropertyChange {
            path: path.to_owned(),
            before: before.map(shown),
            after: after.map(shown),
            recreates: Recreates::Never,
            seen_by: ChangeOrigin::Template,
            ignored: false,
        }),
    }
}

fn compare_objects(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<PropertyChange>,
) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        // A function around both sides is no place of its own.
        let path = match function(before) {
            Some(_) => path.to_owned(),
            None => format!("{path}.{key}"),
        };
        compare(&path, before.get(key), after.get(key), found);
    }
}

/// Compares the items between the equal beginnings and the equal ends of two lists, so that one item put
/// in front does not make all others look changed. Items are counted from 0, in the longer of the lists.
fn compare_lists(
    path: impl Fn(usize) -> String,
    before: &[Value],
    after: &[Value],
    found: &mut Vec<PropertyChange>,
) {
    let equal = |(before, after): &(&Value, &Value)| same(Some(before), Some(after));
    let start = before.iter().zip(after).take_while(equal).count();
    let (before, after) = (&before[start..], &after[start..]);
    let end = before.iter().rev().zip(after.iter().rev());
    let end = end.take_while(equal).count();
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    for index in 0..before.len().max(after.len()) {
        compare(
            &path(start + index),
            before.get(index),
            after.get(index),
            found,
        );
    }
}

/// `true` and `'true'`, `1` and `'1'` are the same to CloudFormation.
fn same(before: Option<&Value>, after: Option<&Value>) -> bool {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let equal = |(key, value)| same(Some(value), after.get(key));
            before.len() == after.len() && before.iter().all(equal)
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            let mut pairs = before.iter().zip(after);
            before.len() == after.len()
                && pairs.all(|(before, after)| same(Some(before), Some(after)))
        }
        (Some(before), Some(after)) => {
            before == after || (text(before).is_some() && text(before) == text(after))
        }
        (before, after) => before.is_none() && after.is_none(),
    }
}

/// Returns whether two objects are reported key by key. Another function, or the same one on another
/// resource, is another value as a whole.
fn is_open(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    match (function(before), function(after)) {
        (None, None) => true,
        (Some((before, _)), Some((after, _))) => {
            before == after && !matches!(before, "Ref" | "Fn::GetAtt")
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
