//! A token bucket: so much at once, and then so much a second.

use std::time::Instant;

/// An amount that may still be spent. A spending may exceed what is there; the next ones then wait until it is made up for.
#[derive(Clone, Debug)]
pub struct Bucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    filled: Instant,
}

impl Bucket {
    /// Returns a full bucket.
    pub fn new(burst: f64, per_second: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            burst,
            per_second,
            filled: now,
        }
    }

    /// Returns whether there is at least this much.
    pub fn has(&mut self, tokens: f64, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= tokens
    }

    /// Takes this much, whether it is there or not.
    pub fn spend(&mut self, tokens: f64, now: Instant) {
        self.fill(now);
        self.tokens -= tokens;
    }

    /// Returns whether nothing was spent that is not made up for.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.has(self.burst, now)
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        self.filled = now.max(self.filled);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_so_much_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(4.0, 2.0, start);

        bucket.spend(4.0, start);
        assert!(!bucket.has(1.0, start + Duration::from_millis(499)));
        assert!(bucket.has(1.0, start + Duration::from_millis(501)));
        assert!(!bucket.is_full(start + Duration::from_millis(1_900)));
        assert!(bucket.is_full(start + Duration::from_secs(3_600)));
        assert!(!bucket.has(4.1, start + Duration::from_secs(3_600)));
    }

    #[test]
    fn a_debt_is_made_up_for_first() {
        let start = Instant::now();
        let mut bucket = Bucket::new(4.0, 2.0, start);

        bucket.spend(10.0, start);
        assert!(!bucket.has(0.1, start + Duration::from_secs(3)));
        assert!(bucket.has(1.9, start + Duration::from_secs(4)));
    }
}
