//! Keeps the tag of a subscribed queue current, and the tree correct even if a message was lost.

use std::time::Duration;

use anyhow::anyhow;

use crate::clock;
use crate::queues::{Queue, Queues};
use crate::random;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;

/// The time after the subscription at which the table is read a second time.
///
/// SNS can list a subscription before it delivers to it. The second read finds the changes that were
/// published in that time and did not reach the queue.
const SETTLING: Duration = Duration::from_secs(20);

/// The interval at which the queue is tagged, its subscription is checked, and the table is read again.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// Runs until the subscription is lost, and returns that as an error.
pub(crate) async fn keep(
    queues: &Queues,
    topic: &Topic,
    loader: &TreeLoader,
    queue: &Queue,
) -> anyhow::Error {
    tokio::time::sleep(SETTLING + random::duration_below(SETTLING / 4)).await;
    loop {
        match topic.has_subscription(queue).await {
            Ok(true) => {}
            Ok(false) => return anyhow!("the subscription is gone"),
            Err(error) => warn(&error),
        }
        if let Err(error) = queues
            .tag_alive(&queue.url, clock::seconds_since_1970())
            .await
        {
            warn(&error);
        }
        if let Err(error) = loader.load().await {
            warn(&error);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Logs an error; the next round tries again.
fn warn(error: &anyhow::Error) {
    tracing::warn!(error = format!("{error:#}"), "upkeep failed");
}
