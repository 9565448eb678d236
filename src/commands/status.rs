//! `status`: how a stage stands. Reads only, and never hangs.

use std::time::Duration;

use anyhow::{Context, Result};

use super::connect;
use crate::aws::{Aws, Stack, StackState};
use crate::config::Config;
use crate::local::{PartCheck, Place, Platform, Urls};
use crate::plan::{self, StackPlan, Templates};
use crate::report::{Check, Health, StackStatusRow, StatusReport};
use crate::verify::{self, Expected};

/// How long the AWS API may take to say how the stacks stand.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at every stack, asks every public address, and every part of the platform.
///
/// # Errors
/// There are no credentials. What does not answer is a failing check, not an error.
pub async fn status(config: &Config) -> Result<StatusReport> {
    let platform = Platform::of(config);
    let Some(place) = platform.find().await? else {
        return Ok(absent(config, None));
    };
    let parts = platform.checks().await;
    let stacks = if parts.iter().any(PartCheck::is_dead_endpoint) {
        Vec::new()
    } else {
        let looked = tokio::time::timeout(PATIENCE, look(config, &place)).await;
        looked.with_context(|| format!("AWS gives no answer within {} s", PATIENCE.as_secs()))??
    };
    let mut checks: Vec<Check> = parts.into_iter().map(Check::from).collect();
    if checks.is_empty() && stacks.iter().all(|(_, stack, _)| stack.is_none()) {
        return Ok(absent(config, Some(place.urls)));
    }
    let unfit = stacks
        .iter()
        .filter_map(|(plan, stack, _)| unfit(plan, stack.as_ref()));
    checks.extend(unfit);
    checks.extend(verify::check(&place.urls, &expected(&stacks)).await);
    let healthy = checks.iter().all(|check| check.ok);
    Ok(StatusReport {
        stage: config.stage.to_string(),
        health: if healthy {
            Health::Healthy
        } else {
            Health::Degraded
        },
        urls: Some(place.urls),
        stacks: stacks.into_iter().map(row).collect(),
        checks,
    })
}

fn absent(config: &Config, urls: Option<Urls>) -> StatusReport {
    StatusReport {
        stage: config.stage.to_string(),
        health: Health::Absent,
        urls,
        stacks: Vec::new(),
        checks: Vec::new(),
    }
}

impl From<PartCheck> for Check {
    fn from(PartCheck { name, ok, detail }: PartCheck) -> Self {
        Self { name, ok, detail }
    }
}

type Found = (StackPlan, Option<Stack>, usize);

async fn look(config: &Config, place: &Place) -> Result<Vec<Found>> {
    let aws = connect(config, place).await?;
    let plan = plan::plan(config, &place.urls, &Templates::read(&config.templates)?)?;
    let looks = plan.all().map(|stack| look_at(&aws, stack));
    futures_util::future::try_join_all(looks).await
}

async fn look_at(aws: &Aws, plan: &StackPlan) -> Result<Found> {
    let door = aws.cloudformation_in(&plan.region);
    let stack = door.find_stack(&plan.stack).await?;
    let resources = match &stack {
        Some(stack) => door.count_resources(&stack.id).await?,
        None => 0,
    };
    Ok((plan.clone(), stack, resources))
}

/// Returns a failing check for a stack that is not as it should be.
fn unfit(plan: &StackPlan, stack: Option<&Stack>) -> Option<Check> {
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

/// What was deployed should answer: the stacks know their builds.
fn expected(stacks: &[Found]) -> Expected {
    let parameter = |stack_name: &str, name: &str| {
        let found = stacks.iter().find(|(plan, _, _)| plan.name == stack_name);
        found.and_then(|(_, stack, _)| stack.as_ref()?.parameters.get(name).cloned())
    };
    Expected {
        site: None,
        api: parameter("api", "ApiBuild"),
        server: parameter("websocket", "ServerBuild"),
    }
}

fn row((plan, stack, resources): Found) -> StackStatusRow {
    let (state, updated) = match stack {
        Some(stack) => (stack.status, stack.updated),
        None => ("absent".to_owned(), String::new()),
    };
    StackStatusRow {
        name: plan.name,
        state,
        resources,
        updated,
    }
}
