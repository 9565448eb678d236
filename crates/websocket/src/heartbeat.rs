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
        let mut waited = self.waited(now);
        // A subscription counts as a heartbeat, but only one after the first that was sent shows that they come back.
        if readiness.has_heard_within(waited, now) {
            self.start_again();
            self.patience = self.timing.deaf;
            waited = Duration::ZERO;
        }
        if readiness.has_heard_within(self.timing.beat, now) {
            Beat::Rest
        } else if waited >= self.patience {
            self.patience = (self.patience * 2).min(MAX_PATIENCE);
            Beat::Replace(waited)
        } else {
            Beat::Send
        }
    }

    fn waited(&self, now: Instant) -> Duration {
        self.first_sent
            .map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent))
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
    /// The rhythm waits for those that are due only: the others are for whoever asks.
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks every five seconds for as long as there is nothing to replace, and returns when there is.
    fn replaced_at(rhythm: &mut Rhythm, readiness: &Readiness, from: Instant) -> Instant {
        let looks = (0..1_000).map(|look| from + 5 * look * SECOND);
        for now in looks {
            match rhythm.next(readiness, now) {
                Beat::Rest => {}
                Beat::Send => rhythm.record_sent(now),
                Beat::Replace(_) => return now,
            }
        }
        panic!("the rhythm waits for ever");
    }

    #[test]
    fn the_patience_doubles_with_each_queue_that_stays_silent_until_a_heartbeat_comes_back() {
        let (readiness, start) = (Readiness::default(), Instant::now());
        let mut rhythm = Rhythm::new(FeedTiming::default());
        let mut subscribed = start;
        let mut waits = Vec::new();
        for round in 0..7 {
            readiness.set_subscribed(subscribed);
            rhythm.start_again();
            // Even one that is sent at once does not take the subscription for its answer.
            rhythm.record_sent(subscribed);
            if round == 6 {
                readiness.record_heartbeat(subscribed + SECOND, "b1".to_owned());
            }
            let replaced = replaced_at(&mut rhythm, &readiness, subscribed + 5 * SECOND);
            waits.push((replaced - subscribed).as_secs());
            subscribed = replaced;
        }

        assert_eq!(waits, [60, 120, 240, 480, 600, 600, 75]);
    }

    #[test]
    fn a_heartbeat_is_due_when_none_was_heard_for_a_beat() {
        let (readiness, start) = (Readiness::default(), Instant::now());
        let mut rhythm = Rhythm::new(FeedTiming::default());
        readiness.set_subscribed(start);

        assert_eq!(rhythm.next(&readiness, start + 9 * SECOND), Beat::Rest);
        assert_eq!(rhythm.next(&readiness, start + 10 * SECOND), Beat::Send);
        rhythm.record_sent(start + 10 * SECOND);
        readiness.record_heartbeat(start + 11 * SECOND, "b1".to_owned());
        assert_eq!(rhythm.next(&readiness, start + 20 * SECOND), Beat::Rest);
        assert_eq!(rhythm.next(&readiness, start + 21 * SECOND), Beat::Send);
    }
}
