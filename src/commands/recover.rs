//! `recover`: recovers the stacks of a stage from failed operations. Explains before it acts; never
//! deletes a stack that ever worked.

use std::collections::BTreeMap;

use anyhow::Result;

use super::connect;
use crate::aws::{Aws, Stack, StackState};
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Event, Reporter};
use crate::local::{self, Platform};
use crate::plan::{self, StageStack};
use crate::provision::state::{self, RecoverAction};
use crate::provision::{
    DeployedStack, SkipRule, Unlisted, failed_to_roll_back, find_deployed_stacks, recover_stack,
    retry_transient,
};
use crate::report::{RecoverReport, RecoverRow};

/// The permissions that a person gives `recover`.
pub struct RecoveryConsent<'a> {
    /// The resources that are left as they are when an undoing is continued.
    pub skip: &'a [SkipRule],
    /// Asks whether to go on, after everything was explained.
    pub ask: &'a dyn Fn() -> Result<()>,
}

/// Brings every stack of a stage that needs it out of its failed operation.
///
/// # Errors
/// There are no credentials, nobody consents, or CloudFormation refuses.
pub async fn recover(
    config: &Config,
    consent: &RecoveryConsent<'_>,
    reporter: &dyn Reporter,
) -> Result<RecoverReport> {
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    let stage = config.stage.to_string();
    let Some(endpoint) = platform.find().await? else {
        return Ok(RecoverReport {
            stage,
            stacks: Vec::new(),
        });
    };
    let aws = connect(config, &endpoint).await?;
    let stacks = plan::stage_stacks(config, &endpoint.urls);
    let deployed = retry_transient(reporter, || {
        find_deployed_stacks(&aws, config, &stacks, Unlisted::Ignore)
    });
    let deployed = deployed.await?;
    let skip = skipped(&stacks, &deployed, consent.skip)?;
    let broken = broken(deployed);
    for (stack, found) in &broken {
        explain(&aws, stack, found, &skip, reporter).await?;
    }
    if broken.iter().any(|(_, found)| changes_stack(found.state)) {
        (consent.ask)()?;
    }
    let mut stacks = Vec::new();
    for (stack, found) in broken {
        stacks.push(recover_one(&aws, &stack, found, &skip, reporter).await?);
    }
    Ok(RecoverReport { stage, stacks })
}

type Skipped = BTreeMap<String, Vec<String>>;

/// Sorts the skip rules by stack.
fn skipped(
    stacks: &[StageStack],
    deployed: &[DeployedStack],
    rules: &[SkipRule],
) -> Result<Skipped> {
    let own = deployed.iter().map(|(stack, _)| stack);
    let own = own.filter(|stack| stacks.iter().all(|known| known.name != stack.name));
    let stacks: Vec<&StageStack> = stacks.iter().chain(own).collect();
    let mut skip = Skipped::new();
    for SkipRule { stack, logical_id } in rules {
        if !stacks.iter().any(|known| known.name == *stack) {
            let known = stacks.iter().map(|known| known.name.clone()).collect();
            return Err(UserError::UnknownStack {
                stack: stack.clone(),
                known,
            }
            .into());
        }
        skip.entry(stack.clone())
            .or_default()
            .push(logical_id.clone());
    }
    Ok(skip)
}

/// The stacks that need a recovery.
fn broken(mut deployed: Vec<DeployedStack>) -> Vec<DeployedStack> {
    deployed.retain(|(_, stack)| state::rules_for(stack.state).recover != RecoverAction::Nothing);
    deployed
}

fn changes_stack(state: StackState) -> bool {
    !matches!(
        state::rules_for(state).recover,
        RecoverAction::Nothing | RecoverAction::ReportOnly | RecoverAction::Follow
    )
}

async fn explain(
    aws: &Aws,
    plan: &StageStack,
    stack: &Stack,
    skip: &Skipped,
    reporter: &dyn Reporter,
) -> Result<()> {
    let row = state::rules_for(stack.state);
    let name = &plan.name;
    let remedy = remedy(row.recover);
    let note = format!("stack {name} {} ({}): {remedy}", row.meaning, stack.status);
    reporter.report(Event::Explanation(note));
    if row.recover == RecoverAction::ContinueRollback {
        let client = aws.cloudformation_in(&plan.region);
        let past = retry_transient(reporter, || client.list_newest_events(&stack.id)).await?;
        let left = skip.get(name).map(Vec::as_slice).unwrap_or_default();
        for (resource, reason) in failed_to_roll_back(&past) {
            let what = if left.contains(&resource) {
                "will be skipped".to_owned()
            } else {
                format!("if it cannot be rolled back, skip it with `--skip {name}:{resource}`")
            };
            reporter.report(Event::Explanation(format!(
                "  {resource}: {reason}; {what}"
            )));
        }
    }
    Ok(())
}

fn remedy(action: RecoverAction) -> &'static str {
    match action {
        RecoverAction::Nothing => "nothing to do",
        RecoverAction::Follow => "waiting for the running operation",
        RecoverAction::Delete => "it was never in use, so it is deleted; `deploy` creates it again",
        RecoverAction::RollBack => "the update is rolled back (RollbackStack)",
        RecoverAction::ContinueRollback => "the rollback continues (ContinueUpdateRollback)",
        RecoverAction::ReportOnly => {
            "no call of CloudFormation helps here: `teardown` finishes a deletion, anything else needs AWS Support"
        }
    }
}

async fn recover_one(
    aws: &Aws,
    plan: &StageStack,
    stack: Stack,
    skip: &Skipped,
    reporter: &dyn Reporter,
) -> Result<RecoverRow> {
    let client = aws.cloudformation_in(&plan.region);
    let task = format!("stack {}", plan.name);
    let was = stack.status.clone();
    let skip = skip.get(&plan.name).map(Vec::as_slice).unwrap_or_default();
    let work = recover_stack(&client, stack, skip, reporter, |event| {
        reporter.report(Event::Resource {
            task: task.clone(),
            resource: event.into(),
        });
    });
    let outcome = |done: &crate::provision::Recovery| done.status.clone();
    let done = crate::event::task(reporter, &task, outcome, work).await?;
    Ok(RecoverRow {
        name: plan.name.clone(),
        was,
        now: done.status,
        recovered: done.recovered,
    })
}
