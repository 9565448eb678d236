//! The names that a deploy creates, changes or deletes: zones, records in them, certificates. Pure.

use serde::Serialize;
use serde_json::Value;

use crate::template::{ChangeAction, ResourceChange};
use crate::template::{Rendered, shown};

/// A zone, a record or a certificate that a deploy touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameChange {
    /// The stack's short name.
    pub stack: String,
    /// `zone`, `record` or `certificate`.
    pub what: &'static str,
    /// Its name, and for a record its type: `api.factory-tree.com A`.
    pub name: String,
    /// The action on it.
    pub action: ChangeAction,
}

/// Returns the names that the changes of a stack touch.
pub fn name_changes(
    stack: &str,
    changes: &[ResourceChange],
    before: &Rendered,
    after: &Rendered,
) -> Vec<NameChange> {
    let found = changes.iter().filter_map(|change| {
        let resource = after
            .resources
            .get(&change.logical_id)
            .or_else(|| before.resources.get(&change.logical_id))?;
        let (what, name) = name(&change.kind, &resource["Properties"])?;
        let stack = stack.to_owned();
        let action = change.action;
        Some(NameChange {
            stack,
            what,
            name,
            action,
        })
    });
    found.collect()
}

fn name(kind: &str, properties: &Value) -> Option<(&'static str, String)> {
    let of = |name: &str| shown(&properties[name]);
    Some(match kind {
        "AWS::Route53::HostedZone" => ("zone", of("Name")),
        "AWS::Route53::RecordSet" => ("record", format!("{} {}", of("Name"), of("Type"))),
        "AWS::CertificateManager::Certificate" => {
            let others = properties["SubjectAlternativeNames"].as_array();
            let others = others.into_iter().flatten().map(shown);
            let all: Vec<String> = std::iter::once(of("DomainName")).chain(others).collect();
            ("certificate", all.join(", "))
        }
        _ => return None,
    })
}
