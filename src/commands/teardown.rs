//! `teardown`: everything goes, in the reverse order of its making. First what there is, and what of it
//! will go or stay; then, with consent, the deletion; last what became of it.

use anyhow::Result;

use super::inventory::{self, Inventory};
use super::{connect, step};
use crate::aws::{Aws, CloudFormation, Protection, Stack, StackEvent, StackState};
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Event, Reporter, Step};
use crate::local::{self, PartCheck, Place, Platform};
use crate::plan::{self, DELETION_PROTECTION, Plan, StackPlan, Templates};
use crate::provision::state::{self, TeardownAct};
use crate::provision::{self, patiently, wait_until_still};
use crate::report::TeardownReport;

/// How often the deletion of a stack is tried when something in it refuses to go.
const ATTEMPTS: usize = 3;

/// Asks whether a stage with this content may go.
pub type Consent<'a> = &'a dyn Fn(&Inventory) -> Result<()>;

/// Takes a stage down.
///
/// # Errors
/// There are no credentials, or nobody consents. What could not be deleted is in the report, not an
/// error.
pub async fn teardown(
    config: &Config,
    consent: Consent<'_>,
    reporter: &dyn Reporter,
) -> Result<TeardownReport> {
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    let mut report = TeardownReport {
        stage: config.stage.to_string(),
        ..TeardownReport::default()
    };
    let work = remove(config, &platform, consent, &mut report, reporter);
    step(Step::Teardown, &mut Vec::new(), reporter, work).await?;
    let nothing = report.removed.is_empty() && report.kept.is_empty() && report.failed.is_empty();
    report.outcome = if nothing { "absent" } else { "removed" };
    Ok(report)
}

async fn remove(
    config: &Config,
    platform: &Platform,
    consent: Consent<'_>,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let Some(place) = platform.find().await? else {
        return Ok(());
    };
    // An endpoint of our own that has died has taken its stacks with it.
    let parts = platform.checks().await;
    if !parts.iter().any(PartCheck::is_dead_endpoint) {
        let doomed = find_doomed(config, &place).await?;
        report.before = inventory::take(&doomed.aws, &doomed.stacks, reporter).await?;
        inventory::tell(&report.before, reporter);
        if !platform.is_disposable() {
            consent(&report.before)?;
        }
        remove_stacks(config, platform, &doomed, report, reporter).await?;
    }
    report.removed.extend(platform.remove().await?);
    Ok(())
}

/// What there is, in the order of its making.
struct Doomed {
    aws: Aws,
    stacks: Vec<(StackPlan, Stack)>,
}

async fn find_doomed(config: &Config, place: &Place) -> Result<Doomed> {
    let aws = connect(config, place).await?;
    let plan: Plan = plan::plan(config, &place.urls, &Templates::read(&config.templates)?)?;
    let mut stacks = Vec::new();
    for stack in plan.all() {
        let door = aws.cloudformation_in(&stack.region);
        if let Some(found) = door.find_stack(&stack.stack).await? {
            stacks.push((stack.clone(), found));
        }
    }
    Ok(Doomed { aws, stacks })
}

async fn remove_stacks(
    config: &Config,
    platform: &Platform,
    doomed: &Doomed,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let Doomed { aws, stacks } = doomed;
    // What the platform made beside the plan holds on to the plan's resources: it goes first.
    for name in platform.own_stacks() {
        let stack = config.stack_name(name);
        provision::delete_stack(&aws.cloudformation, &stack, reporter, |_| {}).await?;
    }
    for (plan, stack) in stacks.iter().rev() {
        match remove_stack(aws, plan, stack, reporter).await {
            Ok(kept) => {
                report.removed.push(format!("stack {}", plan.name));
                report.kept.extend(kept);
            }
            Err(error) => report
                .failed
                .push(format!("stack {}: {error:#}", plan.name)),
        }
    }
    Ok(())
}

/// Deletes a stack and returns what it leaves behind on purpose.
async fn remove_stack(
    aws: &Aws,
    plan: &StackPlan,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<Vec<String>> {
    let door = aws.cloudformation_in(&plan.region);
    let task = format!("stack {}", plan.name);
    let mut kept = Vec::new();
    let mut on_event = |event: &StackEvent| {
        let (task, resource) = (task.clone(), event.into());
        reporter.report(Event::Resource { task, resource });
        kept.extend(kept_resource(event));
    };
    let work = async {
        let Some(stack) = still(&door, stack.clone(), reporter, &mut on_event).await? else {
            return Ok(());
        };
        lift_protection(&door, plan, &stack, reporter).await?;
        delete(aws, &door, plan, reporter, &mut on_event).await
    };
    crate::event::task(reporter, &task, |()| "deleted".to_owned(), work).await?;
    kept.sort();
    kept.dedup();
    Ok(kept)
}

/// Waits for what runs on a stack; one that has gone meanwhile is `None`.
async fn still(
    door: &CloudFormation,
    stack: Stack,
    reporter: &dyn Reporter,
    on_event: impl FnMut(&StackEvent),
) -> Result<Option<Stack>> {
    let found = match state::row(stack.state).teardown {
        TeardownAct::Nothing => None,
        TeardownAct::Delete => Some(stack),
        TeardownAct::Follow => wait_until_still(door, stack, reporter, on_event).await?,
    };
    Ok(found.filter(|stack| stack.state != StackState::Gone))
}

/// Empties and deletes a stack; what was filled meanwhile is emptied again.
async fn delete(
    aws: &Aws,
    door: &CloudFormation,
    plan: &StackPlan,
    reporter: &dyn Reporter,
    on_event: &mut impl FnMut(&StackEvent),
) -> Result<()> {
    let mut attempt = 1;
    loop {
        empty(aws, door, plan, reporter).await?;
        match provision::delete_stack(door, &plan.stack, reporter, &mut *on_event).await {
            Err(error) if attempt < ATTEMPTS => {
                let again = format!("stack {}: {error:#}; trying again", plan.name);
                reporter.report(Event::Warning(again));
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// Whoever takes a protected stage down has said its name: what refuses its deletion gives way now,
/// and not without a word. On a stage that is not protected, somebody has protected the stack by hand:
/// that is not ours to lift.
async fn lift_protection(
    door: &CloudFormation,
    plan: &StackPlan,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<()> {
    let said = |what: &str| format!("lifting the {what} protection of {}", plan.stack);
    if stack.termination_protection && !plan.protected {
        return Err(UserError::ProtectedByHand(plan.stack.clone()).into());
    }
    if stack.termination_protection {
        reporter.report(Event::Warning(said("termination")));
        door.set_termination_protection(&plan.stack, Protection::Off)
            .await?;
    }
    let deletion = stack.parameters.get(DELETION_PROTECTION);
    if deletion.is_some_and(|value| value == "true") {
        reporter.report(Event::Warning(said("deletion")));
        provision::set_parameter(door, plan, stack, DELETION_PROTECTION, "false", reporter).await?;
    }
    Ok(())
}

/// CloudFormation refuses to delete a bucket that holds anything, and a zone that holds records which
/// it did not make.
async fn empty(
    aws: &Aws,
    door: &CloudFormation,
    plan: &StackPlan,
    reporter: &dyn Reporter,
) -> Result<()> {
    let list =
        |kind: &'static str| patiently(reporter, move || door.list_resources(&plan.stack, kind));
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
