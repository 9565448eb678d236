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

/// The next thing to do about heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing: one was heard.
    Rest,
    /// Send one.
    Send,
    /// Make a new queue: those that were sent never came, for this long.
    Replace(Duration),
}

/// Decides when one server sends a heartbeat, and when it no longer waits for one.
///
/// A new queue does not help if the topic delivers to nobody, so the patience doubles each time, until a heartbeat
/// comes.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    timing: FeedTiming,
    /// The time after which a heartbeat that was sent and did not come leads to a new queue.
    patience: Duration,
    /// When the first heartbeat was sent that has not come, nor any other since.
    first_sent: Option<Instant>,
}

impl Rhythm {
    /// Returns the rhythm of a server that has sent nothing.
    pub fn new(timing: FeedTiming) -> Self {
        Self {
            timing,
            patience: timing.deaf,
            first_sent: None,
        }
    }

    /// Starts to wait anew, for a new queue.
    pub fn start_again(&mut self) {
        self.first_sent = None;
    }

    /// Returns the next thing to do.
    pub fn next(&mut self, readiness: &Readiness, now: Instant) -> Beat {
        let waited = self
            .first_sent
            .map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent));
        if readiness.has_heard_within(waited.max(self.timing.beat), now) {
            if self.first_sent.take().is_some() {
                self.patience = self.timing.deaf;
            }
            Beat::Rest
        } else if waited >= self.patience {
            self.patience = (self.patience * 2).min(MAX_PATIENCE);
            Beat::Replace(waited)
        } else {
            Beat::Send
        }
    }

    /// Notes a heartbeat that was sent.
    pub fn record_sent(&mut self, now: Instant) {
        self.first_sent = self.first_sent.or(Some(now));
    }
}

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
    /// Sends heartbeats that are due. Returns an error when a new queue is due.
    pub(crate) async fn watch(&self, rhythm: &mut Rhythm) -> anyhow::Error {
        rhythm.start_again();
        loop {
            let beat = self.timing.beat;
            tokio::time::sleep(beat / 2 + random::duration_below(beat / 2)).await;
            let now = clock::now();
            match rhythm.next(self.readiness, now) {
                Beat::Rest => {}
                Beat::Send => {
                    if self.send().await {
                        rhythm.record_sent(now);
                    }
                }
                Beat::Replace(waited) => {
                    let waited = waited.as_secs();
                    return anyhow!("no heartbeat has come through the topic for {waited} s");
                }
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
