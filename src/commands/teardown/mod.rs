//! `teardown`: removes everything, each stack before those that it needs. First what there is, and what of it
//! will go or stay; then, with consent, the deletion; last what became of it.

mod account;
mod certificates;
mod expired;
mod queues;
mod stack;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{connect, step};
use crate::aws::Aws;
use crate::config::Config;
use crate::event::{Reporter, Step};
use crate::inventory::{self, Inventory};
use crate::local::{self, Platform, StageEndpoint};
use crate::plan::{self, StageStack};
use crate::provision;
use crate::provision::{DeployedStack, Unlisted};
use crate::report::TeardownReport;
pub use expired::{ExpiringStages, find_expired, remove_expired};
pub(super) use queues::{SERVERS, remove_left_over};
pub(super) use stack::remove_stack;

/// Asks whether a stage with this content may go.
pub type TeardownConsent<'a> = &'a dyn Fn(&Inventory) -> Result<()>;

/// Takes a stage down.
///
/// # Errors
/// There are no credentials, or nobody consents. What could not be deleted is in the report, not an
/// error.
pub async fn teardown(
    config: &Config,
    consent: TeardownConsent<'_>,
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
    consent: TeardownConsent<'_>,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let Some(endpoint) = platform.find().await? else {
        report.removed.extend(platform.remove().await?);
        return Ok(());
    };
    // An endpoint of our own that has died has taken its stacks with it.
    let parts = platform.checks().await;
    if !parts.iter().any(local::is_dead_endpoint) {
        let doomed = find_stage_to_remove(config, &endpoint).await?;
        report.before = inventory::take(&doomed.aws, &doomed.stacks, reporter).await?;
        if platform.is_disposable() {
            report.before.retain_nothing();
        }
        inventory::report(&report.before, reporter);
        if !platform.is_disposable() {
            consent(&report.before)?;
        }
        remove_stacks(config, platform, &doomed, report, reporter).await?;
    }
    report.removed.extend(platform.remove().await?);
    if platform.is_disposable() {
        // What templates retain, the endpoint had retained, and it is gone.
        report.kept.clear();
    }
    Ok(())
}

/// The deployed stacks, in the order of their creation.
struct StageToRemove {
    aws: Aws,
    stacks: Vec<DeployedStack>,
}

async fn find_stage_to_remove(config: &Config, endpoint: &StageEndpoint) -> Result<StageToRemove> {
    let aws = connect(config, endpoint).await?;
    let mut stacks = plan::stage_stacks(config, &endpoint.urls);
    // A switch that has not been deployed, or was cut off, has left it.
    stacks.push(plan::other_live_stack(config));
    let stacks = provision::find_deployed_stacks(&aws, config, &stacks, Unlisted::Refuse).await?;
    Ok(StageToRemove { aws, stacks })
}

/// Deletes the stacks, each as soon as no other needs it, as many at a time as that allows. What a stack
/// needs that could not be deleted is not tried.
async fn remove_stacks(
    config: &Config,
    platform: &Platform,
    doomed: &StageToRemove,
    report: &mut TeardownReport,
    reporter: &dyn Reporter,
) -> Result<()> {
    let StageToRemove { aws, stacks } = doomed;
    // The platform's own stacks use resources of the plan's stacks, so they are deleted first.
    for name in platform.platform_stacks() {
        let stack = config.stack_name(name);
        provision::delete_stack(&aws.cloudformation, &stack, reporter, |_| {}).await?;
    }
    let mut waiting: Vec<&DeployedStack> = stacks.iter().collect();
    let mut running = FuturesUnordered::new();
    let mut standing: Vec<&StageStack> = stacks.iter().map(|(plan, _)| plan).collect();
    loop {
        let (ready, needed): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(plan, _)| dependents(plan, &standing).is_empty());
        waiting = needed;
        for (plan, stack) in ready {
            let work = remove_stack(aws, plan, stack, reporter);
            running.push(async move { (plan, work.await) });
        }
        match running.next().await {
            Some((plan, Ok(kept))) => {
                standing.retain(|other| other.name != plan.name);
                report.removed.push(format!("stack {}", plan.name));
                report.kept.extend(kept);
            }
            Some((plan, Err(error))) => {
                report
                    .failed
                    .push(format!("stack {}: {error:#}", plan.name));
            }
            None => break,
        }
    }
    let left = waiting.iter().map(|(plan, _)| {
        let by = dependents(plan, &standing).join(", ");
        format!("stack {}: not tried, {by} still needs it", plan.name)
    });
    report.failed.extend(left);
    let servers = config.stack_name(queues::SERVERS);
    let is_left = standing.iter().any(|stack| stack.stack == servers);
    // An endpoint of our own takes its queues with it.
    if !is_left && !platform.is_disposable() {
        match queues::remove_left_over(&aws.sqs, &servers).await {
            Ok(removed) => report.removed.extend(removed),
            Err(error) => report.failed.push(format!("queues of servers: {error:#}")),
        }
    }
    Ok(())
}

/// Returns the stacks that use what a stack puts out.
fn dependents<'a>(stack: &StageStack, standing: &[&'a StageStack]) -> Vec<&'a str> {
    let users = standing
        .iter()
        .filter(|other| other.needs().contains(&stack.name.as_str()));
    users.map(|other| other.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::ParameterSource;

    fn stack(name: &str, needs: &[&str]) -> StageStack {
        let source = |need: &&str| ParameterSource::Output {
            stack: (*need).to_owned(),
            output: "Id".to_owned(),
        };
        StageStack {
            name: name.to_owned(),
            stack: format!("demo-{name}"),
            region: "us-east-1".parse().unwrap(),
            template: "a".to_owned(),
            parameters: needs
                .iter()
                .map(source)
                .map(|source| ("One".to_owned(), source))
                .collect(),
            protected: false,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_stack_is_needed_as_long_as_a_user_of_it_stands() {
        let (dns, site, api) = (
            stack("dns", &[]),
            stack("site", &["dns"]),
            stack("api", &["dns"]),
        );
        assert_eq!(dependents(&dns, &[&dns, &site, &api]), ["site", "api"]);
        assert_eq!(dependents(&dns, &[&dns, &api]), ["api"]);
        assert!(dependents(&dns, &[&dns]).is_empty());
        assert!(dependents(&site, &[&dns, &site, &api]).is_empty());
    }
}
