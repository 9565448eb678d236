//! The way around the queue: while no heartbeat comes, the server reads the table again and again.

use std::convert::Infallible;

use crate::clock;
use crate::feed_timing::FeedTiming;
use crate::metrics::increment;
use crate::random;
use crate::readiness::Readiness;
use crate::tree_loader::TreeLoader;

/// Decides at each look whether to read the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fallback {
    /// Whether a change may have been lost since the last read.
    is_behind: bool,
}

impl Fallback {
    /// Returns whether a read is due. `is_quiet` tells that no heartbeat has come for a while.
    pub fn is_due(&mut self, is_quiet: bool) -> bool {
        self.is_behind |= is_quiet;
        self.is_behind
    }

    /// Notes a read that succeeded.
    ///
    /// A change that was published between a read and the next heartbeat may be lost: one more read finds it.
    pub fn record_read(&mut self, was_quiet: bool) {
        self.is_behind = was_quiet;
    }
}

/// Reads the table whenever no heartbeat has come for a while. Before the first queue is subscribed it reads nothing: a
/// server that never had a queue may have been deployed wrongly, and must not take the place of one that works.
pub(crate) async fn keep(
    loader: &TreeLoader,
    readiness: &Readiness,
    timing: FeedTiming,
) -> Infallible {
    readiness.wait_until_subscribed().await;
    let mut fallback = Fallback::default();
    loop {
        let pause = timing.fallback;
        tokio::time::sleep(pause / 2 + random::duration_below(pause / 2)).await;
        let is_quiet = !readiness.has_heard_within(timing.quiet, clock::now());
        if !fallback.is_due(is_quiet) {
            continue;
        }
        increment(&loader.metrics.fallback_reads);
        match loader.load().await {
            Ok(()) => fallback.record_read(is_quiet),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the table cannot be read in place of the queue");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::fake::FakeAccount;
    use crate::hub::Hub;

    #[tokio::test]
    async fn the_table_is_read_once_more_after_the_first_heartbeat() {
        let loader = TreeLoader {
            table: FakeAccount::default().table(),
            hub: Arc::new(Hub::new("build", "server")),
            metrics: Arc::default(),
            readiness: Arc::default(),
            turn: Arc::default(),
        };
        let (readiness, metrics) = (Arc::clone(&loader.readiness), Arc::clone(&loader.metrics));
        let timing = FeedTiming {
            quiet: Duration::from_secs(20),
            fallback: Duration::from_millis(20),
            ..FeedTiming::default()
        };
        let reads = || metrics.fallback_reads.load(Ordering::Relaxed);
        let pause = || tokio::time::sleep(Duration::from_millis(200));
        readiness.set_subscribed(clock::now() - timing.quiet);
        let kept = tokio::spawn(async move {
            let readiness = Arc::clone(&loader.readiness);
            keep(&loader, &readiness, timing).await
        });

        while reads() < 3 {
            pause().await;
        }
        // A change that was published before it, and after the last read, may be lost.
        readiness.record_heartbeat(clock::now(), "b1".to_owned());
        let before = reads();
        pause().await;
        let after = reads();
        pause().await;

        assert_eq!((after - before, reads() - after), (1, 0));
        kept.abort();
    }
}
