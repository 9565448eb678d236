//! The way around the queue: while no heartbeat comes, the server reads the table again and again.

use std::convert::Infallible;

use crate::clock;
use crate::feed_timing::FeedTiming;
use crate::metrics::increment;
use crate::random;
use crate::readiness::Readiness;
use crate::tree_loader::TreeLoader;

/// Reads the table whenever no heartbeat has come for a while. Before the first queue is subscribed it reads nothing: a
/// server that never had a queue may have been deployed wrongly, and must not take the place of one that works.
pub(crate) async fn keep(
    loader: &TreeLoader,
    readiness: &Readiness,
    timing: FeedTiming,
) -> Infallible {
    readiness.wait_until_subscribed().await;
    loop {
        let pause = timing.fallback;
        tokio::time::sleep(pause / 2 + random::duration_below(pause / 2)).await;
        if readiness.has_heard_within(timing.quiet, clock::now()) {
            continue;
        }
        increment(&loader.metrics.fallback_reads);
        if let Err(error) = loader.load().await {
            let error = format!("{error:#}");
            tracing::warn!(error, "the table cannot be read in place of the queue");
        }
    }
}
