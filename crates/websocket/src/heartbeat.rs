//! The heartbeat: a message that each server gets by the whole way of a change: table, stream, publisher, topic, its own queue.
//!
//! Whoever has heard none for a while writes one into the table, so that all servers together write few. A server that hears
//! none, even its own, gets no changes either, whatever its polls and the list of subscriptions say.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::clock;
use crate::feed_timing::FeedTiming;
use crate::random;
use crate::readiness::Readiness;
use crate::table::Table;

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

/// The side of one server that writes heartbeats and waits for them.
#[derive(Debug)]
pub(crate) struct Heartbeat<'a> {
    pub(crate) table: &'a Table,
    pub(crate) readiness: &'a Readiness,
    pub(crate) timing: FeedTiming,
    /// The name of this server.
    pub(crate) server: &'a str,
}

impl Heartbeat<'_> {
    /// Writes a heartbeat at once, for the new queue, and then those that are due or asked for. Returns an error when a new
    /// queue is due.
    ///
    /// The rhythm waits for those that are due only: soon after the subscription, which counts as a heartbeat, it could not
    /// tell whether another one came back.
    pub(crate) async fn watch(&self, rhythm: &mut Rhythm) -> anyhow::Error {
        rhythm.start_again();
        self.send().await;
        loop {
            let is_wanted = self.pause().await;
            let now = clock::now();
            match rhythm.next(self.readiness, now) {
                Beat::Replace(waited) => {
                    let waited = waited.as_secs();
                    return anyhow!("no heartbeat has come back for {waited} s");
                }
                Beat::Rest if !is_wanted => {}
                _ if self.has_just_written(now) => {}
                beat => {
                    if self.send().await && beat == Beat::Send {
                        rhythm.record_sent(now);
                    }
                }
            }
        }
    }

    /// Waits for half a beat to a whole one, or until somebody asks for a heartbeat. Returns whether somebody has asked.
    async fn pause(&self) -> bool {
        let half = self.timing.beat / 2;
        tokio::select! {
            () = tokio::time::sleep(half + random::duration_below(half)) => false,
            () = self.readiness.wait_until_wanted() => true,
        }
    }

    fn has_just_written(&self, now: Instant) -> bool {
        let written = self.readiness.last_written();
        written.is_some_and(|at| now.saturating_duration_since(at) < self.timing.spacing)
    }

    /// Returns whether the table took it.
    async fn send(&self) -> bool {
        let (now, written_at) = (clock::now(), clock::milliseconds_since_1970());
        match self.table.write_heartbeat(self.server, written_at).await {
            Ok(()) => {
                self.readiness.record_written(now);
                true
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "failed to write a heartbeat");
                false
            }
        }
    }
}
