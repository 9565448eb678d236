//! The limit on how often a client may send messages.

use std::time::{Duration, Instant};

/// A token bucket that allows ten messages at once, and then one per second.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    tokens: u32,
    filled: Instant,
}

impl RateLimiter {
    /// The most messages at once.
    pub const BURST: u32 = 10;

    const INTERVAL: Duration = Duration::from_secs(1);

    /// Returns a full token bucket.
    pub fn new(now: Instant) -> Self {
        Self {
            tokens: Self::BURST,
            filled: now,
        }
    }

    /// Takes a token, and returns false if there is none.
    pub fn try_take(&mut self, now: Instant) -> bool {
        while self.tokens < Self::BURST
            && now.saturating_duration_since(self.filled) >= Self::INTERVAL
        {
            self.tokens += 1;
            self.filled += Self::INTERVAL;
        }
        if self.tokens == Self::BURST {
            self.filled = now;
        }
        let has_token = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_messages_are_allowed_at_once_and_then_one_per_second() {
        let start = Instant::now();
        let mut rate = RateLimiter::new(start);

        assert!((0..10).all(|_| rate.try_take(start)));
        assert!(!rate.try_take(start));
        assert!(!rate.try_take(start + Duration::from_millis(999)));
        assert!(rate.try_take(start + Duration::from_millis(1_000)));
        assert!(!rate.try_take(start + Duration::from_millis(1_001)));
    }

    #[test]
    fn a_long_silence_fills_the_bucket_and_no_more() {
        let start = Instant::now();
        let mut rate = RateLimiter::new(start);
        assert!((0..10).all(|_| rate.try_take(start)));

        let later = start + Duration::from_secs(3_600);
        assert!((0..10).all(|_| rate.try_take(later)));
        assert!(!rate.try_take(later));
    }
}
