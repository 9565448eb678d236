//! Keeps a subscribed queue alive, and the tree right whatever was lost.

use std::time::Duration;

use anyhow::anyhow;

use crate::clock;
use crate::queues::{Queue, Queues};
use crate::random;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;

/// The delay after boot after which the table is read a second time.
///
/// A subscription that the topic names already is still on its way through SNS: whatever was
/// published in that moment and did not reach the queue is found in the table then.
const SETTLING: Duration = Duration::from_secs(20);

/// The interval at which the queue is stamped, its subscription looked for, and the table read again.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// Runs until the subscription is lost, and says so.
pub(crate) async fn keep(
    queues: &Queues,
    topic: &Topic,
    loader: &TreeLoader,
    queue: &Queue,
) -> anyhow::Error {
    tokio::time::sleep(SETTLING + random::below(SETTLING / 4)).await;
    loop {
        match topic.has(queue).await {
            Ok(true) => {}
            Ok(false) => return anyhow!("the subscription is gone"),
            Err(error) => warn(&error),
        }
        if let Err(error) = queues.stamp(&queue.url, clock::seconds_since_1970()).await {
            warn(&error);
        }
        if let Err(error) = loader.load().await {
            warn(&error);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The next round tries again.
fn warn(error: &anyhow::Error) {
    tracing::warn!(error = format!("{error:#}"), "upkeep failed");
}
