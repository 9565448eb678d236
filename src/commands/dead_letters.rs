//! `dead-letters`: the changes that the publisher could not publish. Reads only: the messages stay in their queue.

use anyhow::Result;

use super::deployed_stage::find_deployed_stage;
use crate::config::Config;
use crate::dead_letters::{self, Source};
use crate::local::Platform;
use crate::report::DeadLettersReport;

/// Reads the dead letters of a stage.
///
/// # Errors
/// `UserError::StageAbsent`; there are no credentials, or AWS refuses the call.
pub async fn dead_letters(config: &Config) -> Result<DeadLettersReport> {
    let stage = find_deployed_stage(config, &Platform::of(config)).await?;
    let source = Source::of(&stage.outputs())?;
    let taken = dead_letters::take(&stage.aws, &source).await?;
    let receipts = taken.receipts();
    stage.aws.sqs.put_back(&source.queue, &receipts).await?;
    Ok(DeadLettersReport {
        stage: config.stage.to_string(),
        foreign: taken.foreign.len(),
        letters: taken.letters,
    })
}
