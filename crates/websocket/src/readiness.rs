//! The readiness of the server: whether a load balancer may send it new connections.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The time without a successful poll after which the tree may be outdated. A poll takes up to 20 s; a hanging poll
/// times out after 26 s, and the next one may take 20 s again: this must not replace the server.
pub const MAX_SILENCE: Duration = Duration::from_secs(60);

/// The conditions of readiness. A new server is not ready.
#[derive(Debug)]
pub struct Readiness {
    last_poll: Mutex<Option<Instant>>,
    is_subscribed: watch::Sender<bool>,
    is_draining: watch::Sender<bool>,
}

/// The reason why a server is not ready, as `/readyz` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The queue is not subscribed, or the tree is not loaded.
    #[error("the queue is not subscribed or the tree is not loaded yet")]
    Loading,
    /// The queue has not replied for [`MAX_SILENCE`].
    #[error("the queue has not answered for {} s", MAX_SILENCE.as_secs())]
    QueueSilent,
    /// The server is closing its connections.
    #[error("the server is stopping")]
    Draining,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            last_poll: Mutex::new(None),
            is_subscribed: watch::Sender::new(false),
            is_draining: watch::Sender::new(false),
        }
    }
}

impl Readiness {
    /// Records that the queue is subscribed and the tree is loaded.
    pub fn set_subscribed(&self, now: Instant) {
        self.record_poll(now);
        self.is_subscribed.send_replace(true);
    }

    /// Records that the subscription is lost.
    pub fn set_unsubscribed(&self) {
        self.is_subscribed.send_replace(false);
    }

    /// Records a successful poll of the queue.
    pub fn record_poll(&self, now: Instant) {
        *self
            .last_poll
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Records that the server starts to close its connections.
    pub fn start_draining(&self) {
        self.is_draining.send_replace(true);
    }

    /// Waits until the queue is subscribed and the tree is loaded.
    pub async fn wait_until_subscribed(&self) {
        let mut is_subscribed = self.is_subscribed.subscribe();
        // The sender lives as long as `self`.
        let _ = is_subscribed.wait_for(|is_subscribed| *is_subscribed).await;
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
        let last_poll = *self
            .last_poll
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match last_poll {
            Some(last_poll) if *self.is_subscribed.borrow() => {
                let is_silent = now.saturating_duration_since(last_poll) >= MAX_SILENCE;
                if is_silent {
                    Err(NotReady::QueueSilent)
                } else {
                    Ok(())
                }
            }
            _ => Err(NotReady::Loading),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_while_its_queue_replies() {
        let readiness = Readiness::default();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Loading));

        readiness.set_subscribed(Instant::now());
        let polled = Instant::now();
        readiness.record_poll(polled);

        assert_eq!(
            readiness.check(polled + MAX_SILENCE - Duration::from_millis(1)),
            Ok(())
        );
        let silent = readiness.check(polled + MAX_SILENCE);
        assert_eq!(silent, Err(NotReady::QueueSilent));
        assert_eq!(
            NotReady::QueueSilent.to_string(),
            "the queue has not answered for 60 s"
        );
    }

    #[test]
    fn a_lost_queue_and_a_draining_server_are_not_ready() {
        let readiness = Readiness::default();
        readiness.set_subscribed(Instant::now());

        readiness.set_unsubscribed();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Loading));
        readiness.start_draining();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Draining));
    }
}
