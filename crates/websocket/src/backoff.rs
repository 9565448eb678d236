//! The waits between retries.

use std::time::Duration;

use crate::random;

/// Waits that double from half a second up to a limit, with random jitter.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    limit: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);

    /// Returns a backoff whose waits never exceed `limit`.
    pub fn up_to(limit: Duration) -> Self {
        Self {
            next: Self::FIRST.min(limit),
            limit,
        }
    }

    /// Sleeps for a random part of the next wait, at least a tenth of it.
    pub async fn wait(&mut self) {
        let next = self.advance();
        tokio::time::sleep(next / 10 + random::duration_below(next * 9 / 10)).await;
    }

    /// Resets the next wait to the first one, after a success.
    pub fn reset(&mut self) {
        self.next = Self::FIRST.min(self.limit);
    }

    fn advance(&mut self) -> Duration {
        let next = self.next;
        self.next = (next * 2).min(self.limit);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_can_be_reset() {
        let mut backoff = Backoff::up_to(Duration::from_secs(3));

        let waits: Vec<_> = (0..5).map(|_| backoff.advance().as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 3_000, 3_000]);
        backoff.reset();
        assert_eq!(backoff.advance().as_millis(), 500);
    }
}
