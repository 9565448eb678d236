//! The rhythm of the feed: of its heartbeats, its checks and its retries.

use std::time::Duration;

/// The rhythm of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedTiming {
    /// The time without a heartbeat after which the server sends one.
    pub beat: Duration,
    /// The shortest time between two heartbeats of a server, however often somebody asks for one.
    pub spacing: Duration,
    /// The time without a heartbeat after which the server reads the table instead.
    pub quiet: Duration,
    /// The time without a heartbeat, though one was sent, after which the server makes a new queue.
    pub deaf: Duration,
    /// The interval of reads of the table without heartbeats.
    pub fallback: Duration,
    /// The time after the subscription at which the table is read a second time.
    ///
    /// SNS can list a subscription before it delivers to it. The second read finds the changes that were published in
    /// that time and did not reach the queue.
    pub settling: Duration,
    /// The interval at which the server looks for its subscription.
    pub check: Duration,
    /// The time without a successful poll after which a failed one leads to a new queue. A poll may take 20 s.
    pub failing: Duration,
    /// The longest wait before the feed polls the queue again after an error.
    pub poll_limit: Duration,
}

impl Default for FeedTiming {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(10),
            spacing: Duration::from_secs(1),
            quiet: Duration::from_secs(30),
            deaf: Duration::from_secs(60),
            fallback: Duration::from_secs(10),
            settling: Duration::from_secs(20),
            check: Duration::from_secs(30),
            failing: Duration::from_secs(30),
            poll_limit: Duration::from_secs(5),
        }
    }
}
