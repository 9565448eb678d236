//! `outputs`: the outputs of a stage's stacks, and its addresses, for scripts. Reads only.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use super::deployed_stage::{DeployedStage, find_deployed_stage};
use crate::config::Config;
use crate::local::Platform;
use crate::report::{OutputsReport, public_outputs};

/// Reads the outputs of every stack of a stage.
///
/// # Errors
/// `UserError::StageAbsent` when nothing of the stage is there; there are no credentials, or AWS refuses the call.
pub async fn outputs(config: &Config) -> Result<OutputsReport> {
    let platform = Platform::of(config);
    let DeployedStage {
        endpoint,
        aws,
        stacks,
    } = find_deployed_stage(config, &platform).await?;
    let rows = stacks.into_iter().map(async |(known, stack)| {
        let client = aws.cloudformation_in(&known.region);
        // Which outputs are secret is said by the template that made them, not by that of the sources.
        let template = client.get_template(&stack.id).await?;
        let outputs = public_outputs(&template, stack.outputs)
            .with_context(|| format!("failed to read the template of stack `{}`", known.stack))?;
        anyhow::Ok((known.name, outputs))
    });
    Ok(OutputsReport {
        stage: config.stage.to_string(),
        urls: endpoint.urls,
        user: platform.user(),
        stacks: try_join_all(rows).await?.into_iter().collect(),
    })
}
