//! In: the text of one message of the queue. Out: its effect on the hub and on the readiness. No message is ever refused:
//! an unreadable one is counted, and does not come again.

use std::time::Instant;

use domain::FactoryChange;
use domain::change::Signal;
use domain::tree::Effect;

use crate::hub::Hub;
use crate::metrics::{Metrics, increment};
use crate::readiness::Readiness;

/// Takes the messages of one server's queue.
#[derive(Clone, Copy, Debug)]
pub struct Inbox<'a> {
    /// The hub that receives the changes.
    pub hub: &'a Hub,
    /// The readiness, which heartbeats update.
    pub readiness: &'a Readiness,
    /// The counters.
    pub metrics: &'a Metrics,
}

impl Inbox<'_> {
    /// Takes one message, received at `now`.
    pub fn take(&self, body: &str, now: Instant) {
        increment(&self.metrics.received);
        if let Ok(Signal::Heartbeat { publisher, .. }) = serde_json::from_str(body) {
            increment(&self.metrics.heartbeats);
            self.readiness.record_heartbeat(now, publisher);
            return;
        }
        match serde_json::from_str::<FactoryChange>(body) {
            Ok(change) => match self.hub.apply(change) {
                Effect::Applied => {}
                Effect::Stale => increment(&self.metrics.stale),
            },
            Err(error) => {
                increment(&self.metrics.unreadable);
                tracing::error!(%error, "a message cannot be read");
            }
        }
    }
}
