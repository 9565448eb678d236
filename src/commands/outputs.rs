//! `outputs`: what the stacks of a stage put out, and its addresses, for scripts. Reads only.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::connect;
use crate::aws::{Aws, Stack};
use crate::config::Config;
use crate::error::UserError;
use crate::local::{PartCheck, Platform};
use crate::outputs::{OutputsReport, public_outputs};
use crate::plan::{self, StackPlan, Templates};

/// Reads the outputs of every stack of a stage.
///
/// # Errors
/// `UserError::StageAbsent` when nothing of the stage is there; there are no credentials, or AWS says no.
pub async fn outputs(config: &Config) -> Result<OutputsReport> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let platform = Platform::of(config);
    let place = platform.find().await?.ok_or_else(absent)?;
    let parts = platform.checks().await;
    if parts.iter().any(PartCheck::is_dead_endpoint) {
        return Err(absent().into());
    }
    let aws = connect(config, &place).await?;
    let plan = plan::plan(config, &place.urls, &Templates::read(&config.templates)?)?;
    let found = try_join_all(plan.all().map(|stack| find(&aws, stack))).await?;
    let stacks: Vec<_> = found.into_iter().flatten().collect();
    if stacks.is_empty() {
        return Err(absent().into());
    }
    let rows = stacks.into_iter().map(|(plan, stack)| {
        let outputs = public_outputs(&plan.template, stack.outputs)?;
        Ok((plan.name.clone(), outputs))
    });
    Ok(OutputsReport {
        stage: config.stage.to_string(),
        urls: place.urls,
        stacks: rows.collect::<Result<_>>()?,
    })
}

async fn find<'a>(aws: &Aws, plan: &'a StackPlan) -> Result<Option<(&'a StackPlan, Stack)>> {
    let door = aws.cloudformation_in(&plan.region);
    let found = door.find_stack(&plan.stack).await?;
    Ok(found.map(|stack| (plan, stack)))
}
