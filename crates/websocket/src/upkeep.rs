//! Keeps the tag of a subscribed queue current, and the tree correct even if a message was lost.

use std::time::Duration;

use anyhow::anyhow;

use crate::clock;
use crate::feed_timing::FeedTiming;
use crate::queues::{Queue, Queues};
use crate::random;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;

/// The interval at which the queue is tagged and the table is read again.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// Runs until the subscription is lost, and returns that as an error.
pub(crate) async fn keep(
    queues: &Queues,
    topic: &Topic,
    loader: &TreeLoader,
    queue: &Queue,
    timing: FeedTiming,
) -> anyhow::Error {
    let settling = timing.settling;
    tokio::time::sleep(settling + random::duration_below(settling / 4)).await;
    let mut last_round = None;
    loop {
        match topic.has_subscription(queue).await {
            Ok(true) => {}
            Ok(false) => return anyhow!("the subscription is gone"),
            Err(error) => warn(&error),
        }
        let now = clock::now();
        if last_round.is_none_or(|last| now - last >= PERIOD) {
            last_round = Some(now);
            let alive_at = clock::seconds_since_1970();
            if let Err(error) = queues.tag_alive(&queue.url, alive_at).await {
                warn(&error);
            }
            if let Err(error) = loader.load().await {
                warn(&error);
            }
        }
        tokio::time::sleep(timing.check).await;
    }
}

/// Logs an error; the next round tries again.
fn warn(error: &anyhow::Error) {
    tracing::warn!(error = format!("{error:#}"), "upkeep failed");
}
