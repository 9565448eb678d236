//! The losses of data in changes, and the consent of a person to them. Pure.

use std::collections::BTreeSet;

use super::change::{ChangeAction, DataImpact, ResourceChange};

/// Types whose resources hold what nobody can make again: records, files, keys, accounts, addresses.
/// A zone is among them because its name servers are written down at a registrar, and a pool because its
/// users chose their passwords.
const HOLDERS: [&str; 23] = [
    "AWS::Backup::BackupVault",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::Neptune::DBCluster",
    "AWS::OpenSearchService::Domain",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
];

fn holds_data(kind: &str) -> bool {
    HOLDERS.contains(&kind)
}

/// Returns whether a change is one of a resource that holds data already, whether or not it endangers the data.
pub fn touches_data(change: &ResourceChange) -> bool {
    change.action != ChangeAction::Add && holds_data(&change.kind)
}

/// Decides what becomes of the data of a resource to which something is done. `policy` is what the
/// template (or the change set) says of the old one: `Delete`, `Retain`, `RetainExceptOnCreate`,
/// `Snapshot`; one that is not known keeps nothing.
pub fn data_impact(kind: &str, action: ChangeAction, policy: Option<&str>) -> Option<DataImpact> {
    let ends = matches!(
        action,
        ChangeAction::Replace | ChangeAction::MayReplace | ChangeAction::Delete
    );
    if !ends || !holds_data(kind) {
        return None;
    }
    Some(match policy {
        Some("Retain" | "RetainExceptOnCreate") => DataImpact::Retained,
        Some("Snapshot") => DataImpact::Snapshot,
        _ => DataImpact::Lost,
    })
}

/// The losses of data that a person has agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataConsent {
    /// All of them (`--allow-replacement`).
    All,
    /// Those of these resources, each as [`describe_loss`] names it, and no others.
    Only(BTreeSet<String>),
}

impl Default for DataConsent {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl DataConsent {
    /// Returns the consent with more losses agreed to.
    #[must_use]
    pub fn and(self, losses: &[String]) -> Self {
        match self {
            Self::All => Self::All,
            Self::Only(mut agreed) => {
                agreed.extend(losses.iter().cloned());
                Self::Only(agreed)
            }
        }
    }
}

/// Returns a loss as people read and agree to it, for example
/// "Table (AWS::DynamoDB::Table) of stack data: replaced".
pub fn describe_loss(stack: &str, change: &ResourceChange) -> String {
    let ResourceChange {
        logical_id, kind, ..
    } = change;
    let done = match change.action {
        ChangeAction::Delete => "deleted",
        ChangeAction::MayReplace => "perhaps replaced",
        _ => "replaced",
    };
    format!("{logical_id} ({kind}) of stack {stack}: {done}")
}

/// Returns the losses among the changes of a stack that nobody has agreed to.
pub fn refused_losses(
    stack: &str,
    changes: &[ResourceChange],
    consent: &DataConsent,
) -> Vec<String> {
    let DataConsent::Only(agreed) = consent else {
        return Vec::new();
    };
    let losses = changes
        .iter()
        .filter(|change| change.is_destructive())
        .map(|change| describe_loss(stack, change));
    losses.filter(|loss| !agreed.contains(loss)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::change::ChangeOrigin;

    #[test]
    fn each_act_and_policy_has_its_fate() {
        let table = "AWS::DynamoDB::Table";
        let rows: [(&str, ChangeAction, Option<&str>, Option<DataImpact>); 9] = [
            (table, ChangeAction::Delete, None, Some(DataImpact::Lost)),
            (
                table,
                ChangeAction::Delete,
                Some("Delete"),
                Some(DataImpact::Lost),
            ),
            (
                table,
                ChangeAction::Delete,
                Some("Retain"),
                Some(DataImpact::Retained),
            ),
            (
                table,
                ChangeAction::Replace,
                Some("RetainExceptOnCreate"),
                Some(DataImpact::Retained),
            ),
            (
                table,
                ChangeAction::Replace,
                Some("Snapshot"),
                Some(DataImpact::Snapshot),
            ),
            (
                table,
                ChangeAction::MayReplace,
                None,
                Some(DataImpact::Lost),
            ),
            (table, ChangeAction::Modify, None, None),
            (table, ChangeAction::Add, None, None),
            ("AWS::SNS::Topic", ChangeAction::Delete, None, None),
        ];
        for (kind, action, policy, wanted) in rows {
            assert_eq!(
                data_impact(kind, action, policy),
                wanted,
                "{kind} {action:?} {policy:?}"
            );
        }
    }

    fn replaced(logical_id: &str) -> ResourceChange {
        ResourceChange {
            logical_id: logical_id.to_owned(),
            kind: "AWS::DynamoDB::Table".to_owned(),
            action: ChangeAction::Replace,
            seen_by: ChangeOrigin::ChangeSet,
            properties: Vec::new(),
            data: Some(DataImpact::Lost),
            broadens: Vec::new(),
        }
    }

    #[test]
    fn consent_to_one_loss_is_none_to_another() {
        let changes = [replaced("Table"), replaced("Archive")];
        let agreed = DataConsent::default().and(&[describe_loss("data", &changes[0])]);
        assert_eq!(
            refused_losses("data", &changes, &agreed),
            ["Archive (AWS::DynamoDB::Table) of stack data: replaced"]
        );
        assert_eq!(
            refused_losses("data", &changes, &DataConsent::default()).len(),
            2
        );
        assert!(refused_losses("data", &changes, &DataConsent::All).is_empty());
    }
}
