//! Whether a load balancer may send browsers here.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// After how long without a poll of the queue the tree may be old. A poll takes up to 20 s; one that hangs is
/// given up after 26 s, and the next one may take its 20 s again: that is no reason to replace a server.
pub const MAX_SILENCE: Duration = Duration::from_secs(60);

/// The conditions of readiness. At first none of them is met.
#[derive(Debug)]
pub struct Readiness {
    last_poll: Mutex<Option<Instant>>,
    is_subscribed: watch::Sender<bool>,
    is_draining: watch::Sender<bool>,
}

/// Why a server is not ready. Worded for the person who asks `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The queue is not subscribed, or the tree is not loaded.
    #[error("the queue is not subscribed or the tree is not loaded yet")]
    Loading,
    /// The queue does not answer.
    #[error("the queue has not answered for more than 30 s")]
    Silent,
    /// The server is about to stop.
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
    /// Notes that the queue is subscribed and the tree is loaded, from now on.
    pub fn subscribed(&self, now: Instant) {
        self.polled(now);
        self.is_subscribed.send_replace(true);
    }

    /// Notes that the queue is gone.
    pub fn unsubscribed(&self) {
        self.is_subscribed.send_replace(false);
    }

    /// Notes that the queue answered.
    pub fn polled(&self, now: Instant) {
        *self
            .last_poll
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Notes that the server is about to stop.
    pub fn drain(&self) {
        self.is_draining.send_replace(true);
    }

    /// Waits until the queue is subscribed and the tree is loaded.
    pub async fn first_ready(&self) {
        let mut is_subscribed = self.is_subscribed.subscribe();
        // The sender lives as long as `self`.
        let _ = is_subscribed.wait_for(|is_subscribed| *is_subscribed).await;
    }

    /// Waits until the server is about to stop.
    pub async fn draining(&self) {
        let mut is_draining = self.is_draining.subscribe();
        let _ = is_draining.wait_for(|is_draining| *is_draining).await;
    }

    /// Says whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        *self.is_draining.borrow()
    }

    /// Says whether browsers may be sent here.
    ///
    /// # Errors
    /// Returns why not.
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
                    Err(NotReady::Silent)
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
    fn a_server_is_ready_while_its_queue_answers() {
        let readiness = Readiness::default();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Loading));

        readiness.subscribed(Instant::now());
        let polled = Instant::now();
        readiness.polled(polled);

        assert_eq!(
            readiness.check(polled + MAX_SILENCE - Duration::from_millis(1)),
            Ok(())
        );
        assert_eq!(readiness.check(polled + MAX_SILENCE), Err(NotReady::Silent));
    }

    #[test]
    fn a_lost_queue_and_a_coming_end_make_it_unready() {
        let readiness = Readiness::default();
        readiness.subscribed(Instant::now());

        readiness.unsubscribed();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Loading));
        readiness.drain();
        assert_eq!(readiness.check(Instant::now()), Err(NotReady::Draining));
    }
}
