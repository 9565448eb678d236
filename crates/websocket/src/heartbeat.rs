//! The heartbeat: a message that each server gets by way of the topic and its own queue, as it gets the changes.
//!
//! Whoever has heard none for a while sends one, so that all servers together send few. A server that hears none, even
//! its own, gets no changes either, whatever its polls and the list of subscriptions say.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::clock;
use crate::feed_timing::FeedTiming;
use crate::random;
use crate::readiness::Readiness;
use crate::topic::Topic;

/// The longest time for which a server waits for its heartbeat before it makes a new queue again.
const MAX_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The side of one server that sends heartbeats and waits for them.
#[derive(Debug)]
pub(crate) struct Heartbeat<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) readiness: &'a Readiness,
    pub(crate) timing: FeedTiming,
    /// The name of this server.
    pub(crate) server: &'a str,
}

impl Heartbeat<'_> {
    /// Sends heartbeats that are due. Returns an error when the topic has taken one and none has come for `patience`.
    ///
    /// A new queue does not help if the topic delivers to nobody, so the patience doubles each time, until a heartbeat
    /// comes.
    pub(crate) async fn watch(&self, patience: &mut Duration) -> anyhow::Error {
        let mut first_sent: Option<Instant> = None;
        loop {
            let beat = self.timing.beat;
            tokio::time::sleep(beat / 2 + random::duration_below(beat / 2)).await;
            let now = clock::now();
            let waited = first_sent.map_or(Duration::ZERO, |sent| now - sent);
            if self.readiness.has_heard_within(waited.max(beat), now) {
                if first_sent.take().is_some() {
                    *patience = self.timing.deaf;
                }
            } else if waited >= *patience {
                *patience = (*patience * 2).min(MAX_PATIENCE);
                let waited = waited.as_secs();
                return anyhow!("no heartbeat has come through the topic for {waited} s");
            } else if self.send().await {
                first_sent = first_sent.or(Some(now));
            }
        }
    }

    async fn send(&self) -> bool {
        match self.topic.publish_heartbeat(self.server).await {
            Ok(()) => true,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "failed to send a heartbeat");
                false
            }
        }
    }
}
