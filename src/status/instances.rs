//! The instances of the groups of servers: an unhealthy one makes the stage degraded. How many there
//! should be is for the group to see to, and for its alarms to report.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::aws::{Aws, Group, Instance, StackResource};
use crate::check::Check;
use crate::plain::plain;
use crate::provision::FoundStack;

const KIND: &str = "AWS::AutoScaling::AutoScalingGroup";

/// The stack's parameter that says which bundle the newest version of the launch template installs.
const BUNDLE: &str = "ServerBuild";

/// An instance of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceRow {
    /// The group's name in the template.
    pub group: String,
    /// `i-…`.
    pub id: String,
    /// Auto Scaling's word, for example `InService`.
    pub lifecycle: String,
    /// Whether Auto Scaling holds it for healthy.
    pub healthy: bool,
    /// The version of the launch template that it was started with.
    pub template_version: Option<String>,
    /// The bundle that it runs, where that is known: it is, of the newest version.
    pub bundle: Option<String>,
    /// Whether it was started with the version that new instances get.
    pub current: bool,
}

pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> Result<Vec<InstanceRow>> {
    let groups = found
        .iter()
        .flat_map(|stack| stack.of_kind(KIND).map(move |resource| (stack, resource)));
    let rows = groups.map(|(stack, resource)| ask_one(aws, stack, resource));
    Ok(try_join_all(rows).await?.concat())
}

async fn ask_one(
    aws: &Aws,
    stack: &FoundStack,
    resource: &StackResource,
) -> Result<Vec<InstanceRow>> {
    let group = aws.auto_scaling.find_group(&resource.physical_id).await?;
    let parameters = stack.stack.as_ref().map(|stack| &stack.parameters);
    let bundle = parameters.and_then(|parameters| parameters.get(BUNDLE));
    Ok(rows(
        &resource.logical_id,
        &group.unwrap_or_default(),
        bundle,
    ))
}

pub(super) fn rows(name: &str, group: &Group, bundle: Option<&String>) -> Vec<InstanceRow> {
    let rows = group.instances.iter().map(|instance| {
        let current = instance.template_version == group.template_version;
        let Instance {
            id,
            lifecycle,
            healthy,
            template_version,
        } = instance.clone();
        InstanceRow {
            group: name.to_owned(),
            id,
            lifecycle,
            healthy,
            template_version,
            bundle: bundle.filter(|_| current).cloned(),
            current,
        }
    });
    rows.collect()
}

pub(super) fn checks(rows: &[InstanceRow]) -> impl Iterator<Item = Check> {
    rows.iter().map(|row| Check {
        name: format!("instance {}", plain(&row.id)),
        ok: row.healthy,
        detail: describe(row),
    })
}

fn describe(row: &InstanceRow) -> String {
    let health = if row.healthy { "healthy" } else { "unhealthy" };
    let version = row.template_version.as_deref().unwrap_or("unknown");
    let runs = match &row.bundle {
        Some(bundle) => format!("bundle {bundle}"),
        None => format!(
            "an older bundle (launch template version {})",
            plain(version)
        ),
    };
    format!("{}, {health}, {runs}", plain(&row.lifecycle))
}
