//! `replay`: publishes what dead letters are about again, as it is now, and deletes the letters that are done. A letter goes only
//! after the publisher has published everything that it is about; until then it is put back.

use anyhow::Result;

use super::deployed_stage::find_deployed_stage;
use crate::aws::Aws;
use crate::config::Config;
use crate::dead_letters::{self, DeadLetter, Published, Source, Taken};
use crate::event::{Event, Reporter};
use crate::local::Platform;
use crate::report::ReplayReport;

/// Replays the dead letters of a stage.
///
/// # Errors
/// `UserError::StageAbsent`, `UserError::PublisherFailed`; there are no credentials, or AWS refuses the call. Every letter is in
/// its queue then.
pub async fn replay(config: &Config, reporter: &dyn Reporter) -> Result<ReplayReport> {
    let stage = find_deployed_stage(config, &Platform::of(config)).await?;
    let source = Source::of(&stage.outputs())?;
    let taken = dead_letters::take(&stage.aws, &source).await?;
    let name = config.stage.to_string();
    if taken.letters.is_empty() {
        stage
            .aws
            .sqs
            .put_back(&source.queue, &taken.receipts())
            .await?;
        return Ok(ReplayReport::idle(name, taken.foreign.len()));
    }
    let count = taken.letters.len();
    reporter.report(Event::Note(format!("dead letters to replay: {count}")));
    let published = match dead_letters::publish_newest(&stage.aws, &source, &taken.letters).await {
        Ok(published) => published,
        Err(error) => {
            stage
                .aws
                .sqs
                .put_back(&source.queue, &taken.receipts())
                .await?;
            return Err(error);
        }
    };
    let left = settle(&stage.aws, &source, taken, &published).await?;
    Ok(ReplayReport::of(name, count, published, left))
}

/// Deletes the letters that are done and puts everything else back, which is returned.
async fn settle(aws: &Aws, source: &Source, taken: Taken, published: &Published) -> Result<Taken> {
    let (done, letters): (Vec<DeadLetter>, Vec<DeadLetter>) = taken
        .letters
        .into_iter()
        .partition(|letter| published.covers(letter));
    let left = Taken { letters, ..taken };
    aws.sqs.put_back(&source.queue, &left.receipts()).await?;
    let receipts: Vec<&str> = done.iter().map(|letter| letter.receipt.as_str()).collect();
    aws.sqs.delete_messages(&source.queue, &receipts).await?;
    Ok(left)
}
