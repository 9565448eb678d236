//! `teardown`: everything goes, in the reverse order of its making; what stays is told, and why.

use anyhow::Result;

use super::{connect, step};
use crate::aws::{Aws, CloudFormation, Protection, Stack, StackEvent};
use crate::config::Config;
use crate::event::{Event, Reporter, Step};
use crate::local::{self, PartCheck, Place, Platform};
use crate::plan::{self, DELETION_PROTECTION, StackPlan, Templates};
use crate::provision;
use crate::report::TeardownReport;

/// Takes a stage down. The caller has asked for consent.
///
/// # Errors
/// There are no credentials. What could not be deleted is in the report, not an error.
pub async fn teardown(config: &Config, reporter: &dyn Reporter) -> Result<TeardownReport> {
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    let mut report = TeardownReport {
        stage: config.stage.to_string(),
        ..TeardownReport::default()
    };
    let work = remove(config, &platform, &mut report, reporter);
    step(Step::Teardown, &mut Vec::new(), reporter, work).await?;
    let nothing = report.removed.is_empty() && report.kept.is_empty() && report.failed.is_empty();
    report.outcome = if nothing { "absent" } else { "removed" };
    Ok(report)
}

async fn remove(
    config: &Config,
    platform: &Platform,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let Some(place) = platform.find().await? else {
        return Ok(());
    };
    // An endpoint of our own that has died has taken its stacks with it.
    if !platform
        .checks()
        .await
        .iter()
        .any(PartCheck::is_dead_endpoint)
    {
        remove_stacks(config, platform, &place, report, reporter).await?;
    }
    report.removed.extend(platform.remove().await?);
    Ok(())
}

async fn remove_stacks(
    config: &Config,
    platform: &Platform,
    place: &Place,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let aws = connect(config, place).await?;
    let plan = plan::plan(config, &place.urls, &Templates::read(&config.templates)?)?;
    // What the platform made beside the plan holds on to the plan's resources: it goes first.
    for name in platform.own_stacks() {
        provision::delete_stack(
            &aws.cloudformation,
            &config.stack_name(name),
            reporter,
            |_| {},
        )
        .await?;
    }
    for stack in plan.all().rev() {
        match remove_stack(&aws, stack, reporter).await {
            Ok(Some(kept)) => {
                report.removed.push(format!("stack {}", stack.name));
                report.kept.extend(kept);
            }
            Ok(None) => {}
            Err(error) => report
                .failed
                .push(format!("stack {}: {error:#}", stack.name)),
        }
    }
    Ok(())
}

/// Deletes a stack and returns what it leaves behind on purpose, or `None` if there is no such stack.
async fn remove_stack(
    aws: &Aws,
    plan: &StackPlan,
    reporter: &dyn Reporter,
) -> Result<Option<Vec<String>>> {
    let door = aws.cloudformation_in(&plan.region);
    let Some(stack) = door.find_stack(&plan.stack).await? else {
        return Ok(None);
    };
    let task = format!("stack {}", plan.name);
    let mut kept = Vec::new();
    let work = async {
        lift_protection(&door, plan, &stack, reporter).await?;
        empty_buckets(aws, &door, &plan.stack, &task, reporter).await?;
        for zone in door
            .list_resources(&plan.stack, "AWS::Route53::HostedZone")
            .await?
        {
            aws.route53.delete_validation_records(&zone).await?;
        }
        provision::delete_stack(&door, &plan.stack, reporter, |event| {
            reporter.report(Event::Resource {
                task: task.clone(),
                resource: event.into(),
            });
            kept.extend(kept_resource(event));
        })
        .await
    };
    crate::event::task(reporter, &task, |()| "deleted".to_owned(), work).await?;
    Ok(Some(kept))
}

/// Whoever takes a protected stage down has said its name: what refuses its deletion gives way now,
/// and not without a word.
async fn lift_protection(
    door: &CloudFormation,
    plan: &StackPlan,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<()> {
    let said = |what: &str| format!("lifting the {what} protection of {}", plan.stack);
    if stack.termination_protection {
        reporter.report(Event::Warning(said("termination")));
        door.set_termination_protection(&plan.stack, Protection::Off)
            .await?;
    }
    if stack
        .parameters
        .get(DELETION_PROTECTION)
        .is_some_and(|value| value == "true")
    {
        reporter.report(Event::Warning(said("deletion")));
        provision::set_parameter(door, plan, stack, DELETION_PROTECTION, "false", reporter).await?;
    }
    Ok(())
}

/// CloudFormation refuses to delete a bucket that holds anything.
async fn empty_buckets(
    aws: &Aws,
    door: &CloudFormation,
    stack: &str,
    task: &str,
    reporter: &dyn Reporter,
) -> Result<()> {
    for bucket in door.list_resources(stack, "AWS::S3::Bucket").await? {
        let objects = aws.s3.empty_bucket(&bucket).await?;
        let detail = format!("emptied bucket {bucket} of {objects} object versions");
        reporter.report(Event::TaskProgress {
            task: task.to_owned(),
            detail,
        });
    }
    Ok(())
}

fn kept_resource(event: &StackEvent) -> Option<String> {
    let kept = event.status == "DELETE_SKIPPED";
    kept.then(|| {
        format!(
            "{} ({}): its template retains it",
            event.logical_id, event.kind
        )
    })
}
