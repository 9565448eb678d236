//! The changes that CloudFormation forecasts for an update. A change set is created, read and deleted again; it is
//! never executed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::change_set::{self, ensure_change_set, wait_for_change_set};
use super::target::{LargeTemplates, StackTarget};
use super::{Options, cause, with_digest};
use crate::aws::{ChangeSet, ChangeSetKind, ChangeSetState, CloudFormation};
use crate::event::{Event, Reporter};
use crate::plan::StackPlan;
use crate::template::ResourceChange;

/// The prefix of the names of plans' change sets; the time in nanoseconds follows.
const PREFIX: &str = "factory-tree-plan-";

/// The change set of a plan that still runs is not so old: CloudFormation computes one within seconds.
const LONGEST: Duration = Duration::from_secs(600);

/// Returns what an update of a stack to its plan would do. `parameters` are all but the digest.
///
/// # Errors
/// `UserError::StackFailed` if CloudFormation refuses template or parameters.
pub async fn forecast(
    client: &CloudFormation,
    plan: &StackPlan,
    parameters: &BTreeMap<String, String>,
    large: LargeTemplates<'_>,
    reporter: &dyn Reporter,
) -> Result<Vec<ResourceChange>> {
    let target = StackTarget {
        client,
        name: &plan.stack,
        template: &plan.template,
        tags: &plan.tags,
        task: &plan.name,
        consent: &plan.consent,
        large,
        alarms: None,
        ec2: None,
        reporter,
    };
    let update = change_set::StackOperation {
        kind: ChangeSetKind::Update,
        current: None,
        options: Options::default(),
        triggers: None,
    };
    let parameters = with_digest(&plan.template.body, parameters.clone());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    delete_left_over(&target, now).await;
    let name = change_set_name(now);
    let change_set = ensure_change_set(&target, &update, &name, &parameters).await?;
    let answer = read(&target, &change_set).await;
    target
        .retry(|| client.delete_change_set(&change_set))
        .await?;
    answer
}

async fn read(target: &StackTarget<'_>, change_set: &ChangeSet) -> Result<Vec<ResourceChange>> {
    match wait_for_change_set(target, change_set).await? {
        ChangeSetState::Empty => Ok(Vec::new()),
        ChangeSetState::Failed(text) => {
            Err(cause::change_set_error(target, &change_set.id, &text).await)
        }
        ChangeSetState::Ready { .. } | ChangeSetState::Executed | ChangeSetState::Pending => {
            target
                .retry(|| target.client.list_changes(change_set))
                .await
        }
    }
}

/// Deletes what killed plans have left on the stack. A deploy need not: with a change set that is
/// executed, CloudFormation deletes all others of its stack (CloudFormation User Guide, "Execute a change
/// set"). If it fails, the plan goes on.
async fn delete_left_over(target: &StackTarget<'_>, now: Duration) {
    let delete = async {
        let list = || target.client.list_change_sets(target.name);
        let mut found = target.retry(list).await?;
        found.retain(|name, _| is_left_over(name, now));
        for left in found.values() {
            target
                .retry(|| target.client.delete_change_set(left))
                .await?;
        }
        anyhow::Ok(())
    };
    if let Err(error) = delete.await {
        let warning = format!("a change set of an earlier plan was not deleted: {error:#}");
        target.reporter.report(Event::Warning(warning));
    }
}

fn is_left_over(name: &str, now: Duration) -> bool {
    let digits = name.strip_prefix(PREFIX);
    let made = digits.and_then(|digits| digits.parse::<u128>().ok());
    made.is_some_and(|made| made + LONGEST.as_nanos() < now.as_nanos())
}

/// Two plans at the same time must not collide: the time is in the name, in nanoseconds.
fn change_set_name(now: Duration) -> String {
    format!("{PREFIX}{}", now.as_nanos())
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
