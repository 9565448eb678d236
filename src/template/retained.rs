//! The resources that a stack leaves behind when it is deleted. In: its template as deployed, and its parameters. Out: the
//! resources that outlive it, and the policy that says so. Pure.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::change::ChangeAction;
use super::difference::policy;
use super::document::document;
use super::render::render;

/// A resource that outlives its stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Its `DeletionPolicy`: `Retain`, `RetainExceptOnCreate`, or `Snapshot`, where a snapshot outlives it.
    pub policy: String,
}

/// Returns what outlives a stack, by logical id.
///
/// # Errors
/// The template is no YAML.
pub fn retained(body: &str, parameters: &BTreeMap<String, String>) -> Result<Vec<Retained>> {
    let resources = render(&document(body)?, parameters).resources;
    let outliving = resources.into_iter().filter_map(|(logical_id, resource)| {
        let policy = policy(Some(&resource), ChangeAction::Delete)?;
        let outlives = matches!(
            policy.as_str(),
            "Retain" | "RetainExceptOnCreate" | "Snapshot"
        );
        let kind = resource["Type"].as_str().map(ToOwned::to_owned);
        outlives.then(|| Retained {
            logical_id,
            kind: kind.unwrap_or_default(),
            policy,
        })
    });
    Ok(outliving.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_keeps_is_retained_and_a_condition_may_decide_it() {
        let body = "
Parameters:
  Protected:
    Type: String
Conditions:
  IsProtected: !Equals [!Ref Protected, 'true']
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: !If [IsProtected, RetainExceptOnCreate, Delete]
  Topic:
    Type: AWS::SNS::Topic
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Delete
  Volume:
    Type: AWS::EC2::Volume
    DeletionPolicy: Snapshot
";
        let of = |protected: &str| {
            let given = BTreeMap::from([("Protected".to_owned(), protected.to_owned())]);
            let rows = retained(body, &given).unwrap();
            let rows = rows
                .iter()
                .map(|row| format!("{} {}", row.logical_id, row.policy));
            rows.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(of("true"), "Table RetainExceptOnCreate, Volume Snapshot");
        assert_eq!(of("false"), "Volume Snapshot");
    }
}
