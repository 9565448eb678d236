//! What CloudFormation says an update would do. A change set is asked for, read and deleted again; it is
//! never executed.

use std::collections::BTreeMap;

use anyhow::Result;

use super::follow::patiently;
use super::stack::{self, Target, ask_for, wait_for_change_set};
use super::{Options, cause, with_digest};
use crate::aws::{ChangeSet, ChangeSetKind, ChangeSetState, CloudFormation};
use crate::event::Reporter;
use crate::plan::{Change, StackPlan};

/// Returns what an update of a stack to its plan would do. `parameters` are all but the digest.
///
/// # Errors
/// `UserError::StackFailed` if CloudFormation refuses template or parameters.
pub async fn forecast(
    door: &CloudFormation,
    plan: &StackPlan,
    parameters: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) -> Result<Vec<Change>> {
    let target = Target {
        door,
        name: &plan.stack,
        template: &plan.template,
        task: &plan.name,
        consent: &plan.consent,
    };
    let update = stack::Change {
        kind: ChangeSetKind::Update,
        since: None,
        options: Options::default(),
    };
    let parameters = with_digest(&plan.template.body, parameters.clone());
    let name = change_set_name();
    let change_set = ask_for(&target, &update, &name, &parameters, reporter).await?;
    let answer = read(&target, &change_set, reporter).await;
    patiently(reporter, || door.delete_change_set(&change_set.id)).await?;
    answer
}

async fn read(
    target: &Target<'_>,
    change_set: &ChangeSet,
    reporter: &dyn Reporter,
) -> Result<Vec<Change>> {
    match wait_for_change_set(target, change_set, reporter).await? {
        ChangeSetState::Empty => Ok(Vec::new()),
        ChangeSetState::Failed(text) => {
            Err(cause::of_change_set(target, &change_set.id, &text, reporter).await)
        }
        ChangeSetState::Ready { .. } | ChangeSetState::Executed | ChangeSetState::Pending => {
            patiently(reporter, || target.door.list_changes(&change_set.id)).await
        }
    }
}

/// Two plans at the same time must not collide: the time is in the name, in nanoseconds.
fn change_set_name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("factory-tree-plan-{}", now.unwrap_or_default().as_nanos())
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
