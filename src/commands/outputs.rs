//! `outputs`: the outputs of a stage's stacks, and its addresses, for scripts. Reads only.

use anyhow::Result;

use super::deployed_stage::{DeployedStage, find_deployed_stage};
use crate::config::Config;
use crate::local::Platform;
use crate::report::{OutputsReport, public_outputs};

/// Reads the outputs of every stack of a stage.
///
/// # Errors
/// `UserError::StageAbsent` when nothing of the stage is there; there are no credentials, or AWS refuses the call.
pub async fn outputs(config: &Config) -> Result<OutputsReport> {
    let DeployedStage {
        endpoint, stacks, ..
    } = find_deployed_stage(config, &Platform::of(config)).await?;
    let rows = stacks.into_iter().map(|(plan, stack)| {
        let outputs = public_outputs(&plan.template, stack.outputs)?;
        Ok((plan.name.clone(), outputs))
    });
    Ok(OutputsReport {
        stage: config.stage.to_string(),
        urls: endpoint.urls,
        stacks: rows.collect::<Result<_>>()?,
    })
}
