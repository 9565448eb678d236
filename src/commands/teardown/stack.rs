//! One stack of a teardown: it is waited for, unprotected, emptied and deleted. In: the stack as planned and
//! as found. Out: what it leaves behind on purpose. Which stacks go, and in which order, is not decided here.

use anyhow::Result;

use super::certificates;
use crate::aws::{Aws, CloudFormation, Protection, Stack, StackEvent, StackState};
use crate::error::UserError;
use crate::event::{Event, Reporter};
use crate::plan::{DELETION_PROTECTION, StageStack};
use crate::provision::state::{self, TeardownAction};
use crate::provision::{self, retry_transient, wait_until_idle};

/// The number of attempts to delete a stack when something in it cannot be deleted.
const ATTEMPTS: usize = 3;

/// Deletes a stack and returns what it leaves behind on purpose.
pub(in crate::commands) async fn remove_stack(
    aws: &Aws,
    plan: &StageStack,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<Vec<String>> {
    let client = aws.cloudformation_in(&plan.region);
    let task = format!("stack {}", plan.name);
    let mut kept = Vec::new();
    let mut on_event = |event: &StackEvent| {
        let (task, resource) = (task.clone(), event.into());
        reporter.report(Event::Resource { task, resource });
        kept.extend(kept_resource(event));
    };
    let work = async {
        let Some(stack) =
            wait_for_running_operation(&client, stack.clone(), reporter, &mut on_event).await?
        else {
            return Ok(());
        };
        lift_protection(&client, plan, &stack, reporter).await?;
        certificates::wait_until_unused(aws, &client, plan, reporter).await?;
        delete(aws, &client, plan, reporter, &mut on_event).await
    };
    crate::event::task(reporter, &task, |()| "deleted".to_owned(), work).await?;
    kept.sort();
    kept.dedup();
    Ok(kept)
}

/// Waits for what runs on a stack; one that has gone meanwhile is `None`.
async fn wait_for_running_operation(
    client: &CloudFormation,
    stack: Stack,
    reporter: &dyn Reporter,
    on_event: impl FnMut(&StackEvent),
) -> Result<Option<Stack>> {
    let found = match state::rules_for(stack.state).teardown {
        TeardownAction::Nothing => None,
        TeardownAction::Delete => Some(stack),
        TeardownAction::Follow => wait_until_idle(client, stack, reporter, on_event).await?,
    };
    Ok(found.filter(|stack| stack.state != StackState::Gone))
}

/// Empties and deletes a stack; what was filled meanwhile is emptied again.
async fn delete(
    aws: &Aws,
    client: &CloudFormation,
    plan: &StageStack,
    reporter: &dyn Reporter,
    on_event: &mut impl FnMut(&StackEvent),
) -> Result<()> {
    let mut attempt = 1;
    loop {
        empty(aws, client, plan, reporter).await?;
        match provision::delete_stack(client, &plan.stack, reporter, &mut *on_event).await {
            Err(error) if attempt < ATTEMPTS => {
                let again = format!("stack {}: {error:#}; trying again", plan.name);
                reporter.report(Event::Warning(again));
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// The person who takes a protected stage down has confirmed its name: protection against deletion is lifted now,
/// and not without a word. On a stage that is not protected, somebody has protected the stack by hand:
/// that is not ours to lift.
async fn lift_protection(
    client: &CloudFormation,
    plan: &StageStack,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<()> {
    let said = |what: &str| format!("lifting the {what} protection of {}", plan.stack);
    if stack.termination_protection && !plan.protected {
        return Err(UserError::ProtectedByHand(plan.stack.clone()).into());
    }
    if stack.termination_protection {
        reporter.report(Event::Warning(said("termination")));
        client
            .set_termination_protection(&plan.stack, Protection::Off)
            .await?;
    }
    let deletion = stack.parameters.get(DELETION_PROTECTION);
    if deletion.is_some_and(|value| value == "true") {
        reporter.report(Event::Warning(said("deletion")));
        provision::lift_deletion_protection(client, plan, stack, reporter).await?;
    }
    Ok(())
}

/// CloudFormation refuses to delete a bucket that holds anything, and a zone that holds records which
/// it did not make.
async fn empty(
    aws: &Aws,
    client: &CloudFormation,
    plan: &StageStack,
    reporter: &dyn Reporter,
) -> Result<()> {
    let list = |kind: &'static str| {
        retry_transient(reporter, move || client.list_resources(&plan.stack, kind))
    };
    for bucket in list("AWS::S3::Bucket").await? {
        let objects = aws.s3.empty_bucket(&bucket).await?;
        let detail = format!("emptied bucket {bucket} of {objects} object versions");
        let task = format!("stack {}", plan.name);
        reporter.report(Event::TaskProgress { task, detail });
    }
    for zone in list("AWS::Route53::HostedZone").await? {
        aws.route53.delete_validation_records(&zone).await?;
    }
    Ok(())
}

fn kept_resource(event: &StackEvent) -> Option<String> {
    let StackEvent {
        logical_id,
        physical_id,
        kind,
        ..
    } = event;
    let kept = event.status == "DELETE_SKIPPED";
    kept.then(|| format!("{logical_id} ({kind}, {physical_id}): its template retains it"))
}
