//! A stage that is deployed, for those who work with what is there. In: a `Config`. Out: its doors, its
//! stacks, as planned and as they are. Nothing is started or changed.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::connect;
use crate::aws::{Aws, Stack};
use crate::config::Config;
use crate::error::UserError;
use crate::local::{PartCheck, Place, Platform};
use crate::plan::{self, StackPlan, Templates};

/// A deployed stage.
pub(super) struct Standing {
    /// Where it is.
    pub(super) place: Place,
    /// Its doors.
    pub(super) aws: Aws,
    /// The planned stacks that are there, in the plan's order; at least one.
    pub(super) stacks: Vec<(StackPlan, Stack)>,
}

/// Finds a stage and its stacks.
///
/// # Errors
/// `UserError::StageAbsent` when nothing of the stage is there; there are no credentials, or AWS says no.
pub(super) async fn find_standing(config: &Config, platform: &Platform) -> Result<Standing> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
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
    Ok(Standing { place, aws, stacks })
}

async fn find(aws: &Aws, plan: &StackPlan) -> Result<Option<(StackPlan, Stack)>> {
    let door = aws.cloudformation_in(&plan.region);
    let found = door.find_stack(&plan.stack).await?;
    Ok(found.map(|stack| (plan.clone(), stack)))
}
