//! The readiness of the server: whether a load balancer may send it new connections, and the last signs of life that it
//! rests on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

/// The time after which the tree may be outdated, if neither a heartbeat came through the topic nor the table was read.
///
/// A fault of the queue service alone never lasts so long for a server: it reads the table instead. So it does not make
/// all servers unhealthy at once, to be replaced by servers that cannot start.
pub const MAX_SILENCE: Duration = Duration::from_secs(60);

/// The conditions of readiness. A new server is not ready.
#[derive(Debug)]
pub struct Readiness {
    last: Mutex<LastSigns>,
    is_subscribed: watch::Sender<bool>,
    is_draining: watch::Sender<bool>,
    heartbeat_wanted: Notify,
}

#[derive(Clone, Debug, Default)]
struct LastSigns {
    /// When the last heartbeat came, or the queue was subscribed.
    heartbeat: Option<Instant>,
    /// The last moment whose tree is known.
    current: Option<Instant>,
    /// When this server wrote its last heartbeat into the table.
    written: Option<Instant>,
    /// The last heartbeat that came.
    heard: Option<Heard>,
}

/// A heartbeat that came by way of the table, its stream, the publisher, the topic and this server's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When it came.
    pub at: Instant,
    /// The build id of the publisher that sent it on.
    pub publisher: String,
}

/// The reason why a server is not ready, as `/readyz` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The queue was not subscribed yet, or the tree is not loaded.
    #[error("the queue is not subscribed or the tree is not loaded yet")]
    Loading,
    /// Nothing has told for [`MAX_SILENCE`] that the tree is current.
    #[error("neither the topic nor the table has answered for {} s", MAX_SILENCE.as_secs())]
    Silent,
    /// The server is closing its connections.
    #[error("the server is stopping")]
    Draining,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            is_subscribed: watch::Sender::new(false),
            is_draining: watch::Sender::new(false),
            heartbeat_wanted: Notify::new(),
        }
    }
}

impl Readiness {
    /// Records that a queue is subscribed and the tree is loaded. A queue that is lost later is replaced, and the table
    /// is read meanwhile.
    pub fn set_subscribed(&self, now: Instant) {
        self.lock().record_life(now);
        self.is_subscribed.send_replace(true);
    }

    /// Records that a heartbeat came, which the publisher of this build sent on.
    pub fn record_heartbeat(&self, now: Instant, publisher: String) {
        let mut last = self.lock();
        last.record_life(now);
        if last.heard.as_ref().is_none_or(|heard| heard.at <= now) {
            last.heard = Some(Heard { at: now, publisher });
        }
    }

    /// Records that this server wrote a heartbeat into the table.
    pub fn record_written(&self, now: Instant) {
        let mut last = self.lock();
        last.written = last.written.max(Some(now));
    }

    /// Returns the last heartbeat that came.
    pub fn last_heard(&self) -> Option<Heard> {
        self.lock().heard.clone()
    }

    /// Returns when this server wrote its last heartbeat into the table.
    pub fn last_written(&self) -> Option<Instant> {
        self.lock().written
    }

    /// Asks for a heartbeat before its time.
    pub fn want_heartbeat(&self) {
        self.heartbeat_wanted.notify_one();
    }

    /// Waits until somebody asks for a heartbeat.
    pub async fn wait_until_wanted(&self) {
        self.heartbeat_wanted.notified().await;
    }

    /// Records that the table was read; the read began at `asked`.
    pub fn record_table_read(&self, asked: Instant) {
        let mut last = self.lock();
        last.current = last.current.max(Some(asked));
    }

    /// Returns whether a heartbeat came within this time.
    pub fn has_heard_within(&self, time: Duration, now: Instant) -> bool {
        is_within(self.lock().heartbeat, time, now)
    }

    /// Waits until the queue is subscribed and the tree is loaded.
    pub async fn wait_until_subscribed(&self) {
        let mut is_subscribed = self.is_subscribed.subscribe();
        // The sender lives as long as `self`.
        let _ = is_subscribed.wait_for(|is_subscribed| *is_subscribed).await;
    }

    /// Records that the server starts to close its connections.
    pub fn start_draining(&self) {
        self.is_draining.send_replace(true);
    }

    /// Waits until the server starts to close its connections.
    pub async fn wait_until_draining(&self) {
        let mut is_draining = self.is_draining.subscribe();
        let _ = is_draining.wait_for(|is_draining| *is_draining).await;
    }

    /// Returns whether the server is closing its connections.
    pub fn is_draining(&self) -> bool {
        *self.is_draining.borrow()
    }

    /// Returns `Ok` if the server is ready.
    ///
    /// # Errors
    /// Returns the reason why the server is not ready.
    pub fn check(&self, now: Instant) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        if !*self.is_subscribed.borrow() {
            return Err(NotReady::Loading);
        }
        if is_within(self.lock().current, MAX_SILENCE, now) {
            Ok(())
        } else {
            Err(NotReady::Silent)
        }
    }

    fn lock(&self) -> MutexGuard<'_, LastSigns> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastSigns {
    fn record_life(&mut self, now: Instant) {
        self.heartbeat = self.heartbeat.max(Some(now));
        self.current = self.current.max(Some(now));
    }
}

fn is_within(moment: Option<Instant>, time: Duration, now: Instant) -> bool {
    moment.is_some_and(|moment| now.saturating_duration_since(moment) < time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn a_server_is_ready_while_the_topic_or_the_table_answers() {
        let readiness = Readiness::default();
        let start = Instant::now();
        readiness.record_table_read(start);
        assert_eq!(readiness.check(start), Err(NotReady::Loading));

        readiness.set_subscribed(start);
        assert_eq!(readiness.check(start + MAX_SILENCE - MOMENT), Ok(()));
        let silent = readiness.check(start + MAX_SILENCE);
        assert_eq!(silent, Err(NotReady::Silent));
        assert_eq!(
            NotReady::Silent.to_string(),
            "neither the topic nor the table has answered for 60 s"
        );

        let later = start + Duration::from_secs(300);
        readiness.record_table_read(later);
        assert_eq!(readiness.check(later + MAX_SILENCE - MOMENT), Ok(()));
        assert!(!readiness.has_heard_within(Duration::from_secs(299), later));
        readiness.record_heartbeat(later + MAX_SILENCE, "b1".to_owned());
        assert_eq!(readiness.check(later + 2 * MAX_SILENCE - MOMENT), Ok(()));
        assert!(readiness.has_heard_within(Duration::from_secs(1), later + MAX_SILENCE));
    }

    #[test]
    fn a_late_record_changes_nothing() {
        let readiness = Readiness::default();
        let start = Instant::now();
        readiness.set_subscribed(start + MAX_SILENCE);

        readiness.record_table_read(start);

        assert_eq!(readiness.check(start + MAX_SILENCE), Ok(()));
    }

    #[test]
    fn a_subscription_is_no_heartbeat_that_was_heard() {
        let readiness = Readiness::default();
        let start = Instant::now();
        readiness.set_subscribed(start);
        assert_eq!(readiness.last_heard(), None);

        readiness.record_heartbeat(start + MOMENT, "b2".to_owned());
        readiness.record_heartbeat(start, "b1".to_owned());

        let heard = readiness.last_heard().unwrap();
        assert_eq!((heard.at, heard.publisher.as_str()), (start + MOMENT, "b2"));
    }

    #[test]
    fn a_draining_server_is_not_ready() {
        let readiness = Readiness::default();
        readiness.set_subscribed(Instant::now());

        readiness.start_draining();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Draining));
    }
}
