//! The rate at which a client may send messages.

use std::time::{Duration, Instant};

/// A bucket of tokens: ten at once, then one a second.
#[derive(Clone, Debug)]
pub struct Rate {
    tokens: u32,
    filled: Instant,
}

impl Rate {
    /// The number of messages that may come at once.
    pub const BURST: u32 = 10;

    const INTERVAL: Duration = Duration::from_secs(1);

    /// Returns a full bucket.
    pub fn full(now: Instant) -> Self {
        Self {
            tokens: Self::BURST,
            filled: now,
        }
    }

    /// Takes a token, and says whether there was one.
    pub fn take(&mut self, now: Instant) -> bool {
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
    fn ten_come_at_once_and_then_one_a_second() {
        let start = Instant::now();
        let mut rate = Rate::full(start);

        assert!((0..10).all(|_| rate.take(start)));
        assert!(!rate.take(start));
        assert!(!rate.take(start + Duration::from_millis(999)));
        assert!(rate.take(start + Duration::from_millis(1_000)));
        assert!(!rate.take(start + Duration::from_millis(1_001)));
    }

    #[test]
    fn a_long_silence_fills_the_bucket_and_no_more() {
        let start = Instant::now();
        let mut rate = Rate::full(start);
        assert!((0..10).all(|_| rate.take(start)));

        let later = start + Duration::from_secs(3_600);
        assert!((0..10).all(|_| rate.take(later)));
        assert!(!rate.take(later));
    }
}
