//! `cancel`: ends the operations that run on the stacks of a stage. Explains before it acts. The lock of the stage is not
//! taken: the command whose work is cancelled holds it.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::deployed_stage::{DeployedStage, find_deployed_stage};
use crate::aws::{Aws, Stack, StackState};
use crate::config::Config;
use crate::error::{UserError, user_error};
use crate::event::{Event, Reporter, task};
use crate::local::{self, Platform};
use crate::plan::StageStack;
use crate::provision::{CancelAction, DeployedStack, cancel_action, cancel_stack, is_rolled_back};
use crate::report::{CancelReport, CancelRow};

/// Cancels what CloudFormation cancels of the operations that run on a stage, and waits until its stacks have settled.
///
/// # Errors
/// Nothing of the stage is there, nobody consents, another command works on a stage of this machine, or CloudFormation
/// refuses.
pub async fn cancel(
    config: &Config,
    consent: &dyn Fn() -> Result<()>,
    reporter: &dyn Reporter,
) -> Result<CancelReport> {
    let platform = Platform::of(config);
    let DeployedStage { aws, stacks, .. } = find_deployed_stage(config, &platform).await?;
    let is_moving = |(_, stack): &DeployedStack| stack.state == StackState::Moving;
    let running: Vec<DeployedStack> = stacks.into_iter().filter(is_moving).collect();
    let holder = find_holder(config);
    if let (Some(busy), []) = (&holder, running.as_slice()) {
        // Its next operation may begin at any moment, so that "nothing runs" would be wrong soon.
        return Err(busy_again(config, busy));
    }
    if let Some(holder) = &holder {
        reporter.report(Event::Explanation(format!(
            "{holder} on this machine works on this stage: it sees that its update is rolled back, and fails"
        )));
    }
    for (plan, stack) in &running {
        let (name, status) = (&plan.name, &stack.status);
        let remedy = remedy(cancel_action(status));
        reporter.report(Event::Explanation(format!(
            "stack {name} ({status}): {remedy}"
        )));
    }
    let is_cancelled =
        |(_, stack): &DeployedStack| cancel_action(&stack.status) == CancelAction::Cancel;
    if running.iter().any(is_cancelled) {
        consent()?;
    }
    let work = running
        .into_iter()
        .map(|(plan, stack)| cancel_one(&aws, plan, stack, reporter));
    let stacks = try_join_all(work).await?;
    Ok(CancelReport {
        stage: config.stage.to_string(),
        outcome: outcome(&stacks),
        stacks,
    })
}

/// Returns the command on this machine that holds the lock of the stage, if one does.
fn find_holder(config: &Config) -> Option<String> {
    let error = local::lock(config).err()?;
    match user_error(&error) {
        Some(UserError::Busy { state, .. }) => Some(state.clone()),
        _ => None,
    }
}

fn busy_again(config: &Config, holder: &str) -> anyhow::Error {
    UserError::NothingToCancel {
        stage: config.stage.to_string(),
        holder: holder.to_owned(),
    }
    .into()
}

fn remedy(action: CancelAction) -> &'static str {
    match action {
        CancelAction::Cancel => "its update is cancelled, and rolled back (CancelUpdateStack)",
        CancelAction::WaitForRollback => "it is being rolled back already: waiting for that",
        CancelAction::TooLate => {
            "its update has succeeded and can no longer be cancelled: waiting for its end; `rollback` restores the release before"
        }
        CancelAction::LeaveCreation => {
            "CloudFormation cancels no creation: wait for its end, then `teardown` deletes the stage"
        }
        CancelAction::LeaveDeletion => {
            "CloudFormation cancels no deletion: wait for its end, then deploy again"
        }
        CancelAction::LeaveOther => "CloudFormation does not cancel this: wait for its end",
    }
}

async fn cancel_one(
    aws: &Aws,
    plan: StageStack,
    stack: Stack,
    reporter: &dyn Reporter,
) -> Result<CancelRow> {
    let client = aws.cloudformation_in(&plan.region);
    let name = format!("stack {}", plan.name);
    let was = stack.status.clone();
    let work = cancel_stack(&client, stack, reporter, |event| {
        reporter.report(Event::Resource {
            task: name.clone(),
            resource: event.into(),
        });
    });
    let status = |stack: &Option<Stack>| {
        let status = stack.as_ref().map(|stack| stack.status.clone());
        status.unwrap_or_else(|| "DELETE_COMPLETE".to_owned())
    };
    let stack = task(reporter, &name, status, work).await?;
    let is_moving = |stack: &Stack| stack.state == StackState::Moving;
    Ok(CancelRow {
        name: plan.name,
        was,
        now: status(&stack),
        cancelled: stack.as_ref().is_some_and(is_rolled_back),
        settled: !stack.as_ref().is_some_and(is_moving),
    })
}

/// Returns the word for the whole.
fn outcome(stacks: &[CancelRow]) -> &'static str {
    match stacks {
        [] => "idle",
        rows if rows.iter().all(|row| row.cancelled) => "cancelled",
        _ => "not cancelled",
    }
}
