//! The permissions that CloudFormation's resource handlers need. In: a `TemplateInventory`. Out: IAM
//! actions. The facts are in `permissions.json`, which `distil.py` beside it makes from the published
//! resource schemas; nothing is decided here that is not in that file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::TemplateInventory;

/// An IAM action, such as `dynamodb:CreateTable`.
pub type Action = String;

#[derive(Deserialize)]
pub(super) struct TypePermissions {
    /// By resource type and handler (`create`, `read`, `update`, `delete`, `list`, and `besides`:
    /// what the schema does not say).
    pub(super) types: BTreeMap<String, BTreeMap<String, Vec<Action>>>,
    /// By resource type and property: what is needed only when the property is set.
    optional: BTreeMap<String, BTreeMap<String, Vec<Action>>>,
    /// Actions that IAM cannot narrow to a resource.
    pub(super) without_resources: BTreeSet<Action>,
}

pub(super) static FACTS: LazyLock<TypePermissions> = LazyLock::new(|| {
    serde_json::from_str(include_str!("permissions.json")).expect("permissions.json is as made")
});

/// Returns every action that creating, reading, updating and deleting the inventory's resources needs.
/// Listing is left out: CloudFormation lists only when it looks for resources to import.
///
/// # Errors
/// A type is not in `permissions.json`.
pub fn needed(inventory: &TemplateInventory) -> Result<BTreeSet<Action>> {
    let mut actions = BTreeSet::new();
    for (kind, properties) in &inventory.types {
        let handlers = FACTS.types.get(kind).with_context(|| {
            format!(
                "failed to derive permissions for resource type `{kind}`, which this program does not know: run \
                 src/policy/distil.py, which reads the types of templates/, and build factory-tree again"
            )
        })?;
        let spared = spared(kind, properties);
        let all = handlers
            .iter()
            .filter(|(handler, _)| *handler != "list")
            .flat_map(|(_, actions)| actions);
        actions.extend(all.filter(|action| !spared.contains(*action)).cloned());
    }
    Ok(actions)
}

/// Returns the actions of a type that only properties need which nobody sets.
fn spared(kind: &str, properties: &BTreeSet<String>) -> BTreeSet<Action> {
    let rows = FACTS.optional.get(kind).into_iter().flatten();
    let (set, unset): (Vec<_>, Vec<_>) = rows.partition(|(name, _)| properties.contains(*name));
    let needed: BTreeSet<&Action> = set.into_iter().flat_map(|(_, actions)| actions).collect();
    let optional = unset.into_iter().flat_map(|(_, actions)| actions);
    optional
        .filter(|action| !needed.contains(action))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(kind: &str, properties: &[&str]) -> TemplateInventory {
        let properties = properties.iter().map(ToString::to_string).collect();
        TemplateInventory {
            types: BTreeMap::from([(kind.to_owned(), properties)]),
            ..TemplateInventory::default()
        }
    }

    #[test]
    fn what_a_property_needs_is_granted_only_when_it_is_set() {
        let kind = "AWS::DynamoDB::Table";
        let plain = needed(&inventory(kind, &["KeySchema"])).unwrap();
        assert!(plain.contains("dynamodb:CreateTable"));
        assert!(!plain.contains("dynamodb:ImportTable"));
        let importing = needed(&inventory(kind, &["ImportSourceSpecification"])).unwrap();
        assert!(importing.contains("dynamodb:ImportTable"));
    }

    #[test]
    fn listing_is_not_needed() {
        let actions = needed(&inventory("AWS::SQS::Queue", &[])).unwrap();
        assert!(!actions.contains("sqs:ListQueues"), "{actions:?}");
    }

    #[test]
    fn a_type_that_is_not_in_the_file_is_reported_with_the_cure() {
        let error = needed(&inventory("AWS::Nobody::Knows", &[])).unwrap_err();
        insta::assert_snapshot!(error, @"failed to derive permissions for resource type `AWS::Nobody::Knows`, which this program does not know: run src/policy/distil.py, which reads the types of templates/, and build factory-tree again");
    }
}
