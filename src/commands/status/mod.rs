//! `status`: the health of a stage. Reads only, and never hangs.

mod watch;

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::connect;
use crate::aws::{Aws, Stack, StackState};
use crate::check::Check;
use crate::config::Config;
use crate::live::LiveChannel;
use crate::local::{self, Platform, StageEndpoint};
use crate::outputs::Outputs;
use crate::plan::{self, StageStack};
use crate::provision::{self, FoundStack};
use crate::report::{Health, StackStatusRow, StatusReport};
use crate::status::{self, Observations, StatusScope};
use crate::urls::Urls;
use crate::verify::{self, Expected, OutsideView, SilentServers};
pub use watch::watch;

/// The longest time that the AWS API may take to return the state of the stacks.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Looks at every stack, asks every public address, every part of the platform, and what else there is
/// to know.
///
/// # Errors
/// There are no credentials. What does not answer is a failing check, not an error.
pub async fn status(config: &Config, scope: StatusScope) -> Result<StatusReport> {
    let platform = Platform::of(config);
    let Some(endpoint) = platform.find().await? else {
        return Ok(absent(config, None));
    };
    let parts = platform.checks().await;
    let looked = if parts.iter().any(local::is_dead_endpoint) {
        None
    } else {
        Some(find_stacks(config, &endpoint).await?)
    };
    let found = looked.as_ref().map_or(&[][..], |(_, found)| found);
    if parts.is_empty() && found.iter().all(|stack| stack.stack.is_none()) {
        return Ok(absent(config, Some(endpoint.urls)));
    }
    let expected = expected(found);
    let outputs = outputs(found);
    let live = LiveChannel::of(config.settings.live, &outputs, &endpoint.urls);
    let live = live.map_err(|error| format!("{error:#}"));
    let stage = OutsideView {
        urls: &endpoint.urls,
        live: live.as_ref().map_err(String::as_str),
        network: &config.network,
        // Nothing is written here.
        heartbeat: None,
    };
    let (answers, seen) = tokio::join!(
        verify::check(stage, &expected),
        observe(looked.as_ref(), scope)
    );
    let mut checks: Vec<Check> = parts;
    checks.extend(
        found
            .iter()
            .filter_map(|stack| failing_check(&stack.plan, stack.stack.as_ref())),
    );
    checks.extend(answers);
    checks.extend(seen.checks(SystemTime::now()));
    let stacks = found.iter().map(status_row).collect();
    Ok(report(config, endpoint.urls, stacks, checks, seen))
}

fn report(
    config: &Config,
    urls: Urls,
    stacks: Vec<StackStatusRow>,
    checks: Vec<Check>,
    seen: Observations,
) -> StatusReport {
    let healthy = checks.iter().all(|check| check.ok);
    StatusReport {
        stage: config.stage.to_string(),
        health: if healthy {
            Health::Healthy
        } else {
            Health::Degraded
        },
        urls: Some(urls),
        stacks,
        checks,
        seen,
    }
}

fn absent(config: &Config, urls: Option<Urls>) -> StatusReport {
    StatusReport {
        stage: config.stage.to_string(),
        health: Health::Absent,
        urls,
        stacks: Vec::new(),
        checks: Vec::new(),
        seen: Observations::default(),
    }
}

/// Opens the clients and finds the stacks.
pub(super) async fn find_stacks(
    config: &Config,
    endpoint: &StageEndpoint,
) -> Result<(Aws, Vec<FoundStack>)> {
    let work = async {
        let aws = connect(config, endpoint).await?;
        let stacks = plan::stage_stacks(config, &endpoint.urls);
        let found = provision::find_stacks(&aws, config, &stacks).await?;
        Ok((aws, found))
    };
    let looked = tokio::time::timeout(TIMEOUT, work).await;
    looked.with_context(|| format!("AWS gives no answer within {} s", TIMEOUT.as_secs()))?
}

async fn observe(looked: Option<&(Aws, Vec<FoundStack>)>, scope: StatusScope) -> Observations {
    match looked {
        Some((aws, found)) => status::observe(aws, found, scope).await,
        None => Observations::default(),
    }
}

/// Returns a failing check for a stack that is not as it should be.
fn failing_check(plan: &StageStack, stack: Option<&Stack>) -> Option<Check> {
    let detail = match stack {
        Some(stack) if stack.state == StackState::Ready => return None,
        Some(stack) => stack.status.clone(),
        None => "absent".to_owned(),
    };
    Some(Check {
        name: format!("stack {}", plan.name),
        ok: false,
        detail,
    })
}

fn outputs(found: &[FoundStack]) -> Outputs {
    let deployed = found.iter().filter_map(|found| {
        let stack = found.stack.as_ref()?;
        Some((found.plan.name.clone(), stack.outputs.clone()))
    });
    deployed.collect()
}

/// Returns the builds that the parameters of the stacks name: they are expected to answer.
fn expected(stacks: &[FoundStack]) -> Expected {
    let parameter = |stack_name: &str, name: &str| {
        let found = stacks.iter().find(|stack| stack.plan.name == stack_name);
        found.and_then(|found| found.stack.as_ref()?.parameters.get(name).cloned())
    };
    Expected {
        site: None,
        api: parameter("api", "ApiBuild"),
        server: parameter("websocket", "ServerBuild"),
        publisher: parameter("api", "PublisherBuild"),
        silent_servers: SilentServers::Accepted,
    }
}

fn status_row(found: &FoundStack) -> StackStatusRow {
    let (state, updated) = match &found.stack {
        Some(stack) => (stack.status.clone(), stack.updated.clone()),
        None => ("absent".to_owned(), String::new()),
    };
    StackStatusRow {
        name: found.plan.name.clone(),
        state,
        resources: found.resources.len(),
        updated,
    }
}
