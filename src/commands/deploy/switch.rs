//! The switch of a stage from one carrier of changes to the other, in the course of a deploy. In: a deployment, and the stack of
//! the carrier that the stage had. Out: that stack is deleted, with what stands on it. Both stacks make the record of the
//! channel's host, so the old one goes first. Meanwhile pages poll. Nothing in either of them holds data.

use anyhow::Result;

use super::Deployment;
use crate::commands::teardown::{SERVERS, remove_left_over, remove_stack};
use crate::config::Live;
use crate::event::{Event, Reporter};
use crate::plan;
use crate::provision::{self, DeployedStack, retry_transient};

/// Finds the stack of the carrier that the setting `live` does not name any more.
pub(super) async fn find_former(deployment: &Deployment<'_>) -> Result<Option<DeployedStack>> {
    let Deployment {
        config,
        aws,
        reporter,
        ..
    } = *deployment;
    let known = plan::other_live_stack(config);
    let client = aws.cloudformation_in(&known.region);
    let found = retry_transient(reporter, || client.find_stack(&known.stack)).await?;
    Ok(found.map(|stack| (known, stack)))
}

/// Deletes that stack.
pub(super) async fn delete_former(
    deployment: &Deployment<'_>,
    (known, stack): &DeployedStack,
) -> Result<()> {
    let Deployment {
        config,
        platform,
        aws,
        reporter,
        ..
    } = *deployment;
    let live = config.settings.live;
    let (from, to) = (live.other().name(), live.name());
    reporter.report(Event::Note(format!(
        "changes reach the pages by {to} from now on, and not by {from}: stack {} is deleted",
        known.name
    )));
    if live.other() == Live::Servers {
        platform.stop_servers().await?;
        // They hold on to the servers' stack.
        for name in platform.platform_stacks() {
            let stack = config.stack_name(name);
            provision::delete_stack(&aws.cloudformation, &stack, reporter, |_| {}).await?;
        }
    }
    for kept in remove_stack(aws, known, stack, reporter).await? {
        reporter.report(Event::Warning(format!("stack {}: {kept}", known.name)));
    }
    if known.name == SERVERS && !platform.is_disposable() {
        report_left_over(deployment, &known.stack, reporter).await;
    }
    Ok(())
}

/// Queues of servers cost nothing and hinder nobody: a deploy does not fail for them.
async fn report_left_over(deployment: &Deployment<'_>, stack: &str, reporter: &dyn Reporter) {
    match remove_left_over(&deployment.aws.sqs, stack).await {
        Ok(removed) => removed
            .into_iter()
            .for_each(|removed| reporter.report(Event::Note(format!("removed {removed}")))),
        Err(error) => reporter.report(Event::Warning(format!("queues of servers: {error:#}"))),
    }
}
