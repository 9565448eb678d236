//! The pause between two polls of something that takes its time. Short at first, for operations
//! settles at once, then a twentieth of the time that has passed, so that what is waited for is seen at
//! most 5 % late whatever it takes, at a price of a few calls. Jitter keeps many waits from asking in
//! step. Decides only; time and chance come in.

use std::time::{Duration, Instant};

/// The shortest rest.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest rest.
const LONGEST: Duration = Duration::from_secs(5);

/// A rest is this part of the time that has passed.
const PART: u32 = 20;

/// The rests of one wait.
pub(super) struct PollInterval {
    started: Instant,
    /// State of the jitter, a linear congruential generator: no secret depends on it.
    /// Source of the factors: Knuth, The Art of Computer Programming, volume 2, 3.3.4 (MMIX).
    chance: u64,
}

impl PollInterval {
    /// Begins a wait.
    pub(super) fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let chance = now.unwrap_or_default().subsec_nanos();
        Self {
            started: Instant::now(),
            chance: chance.into(),
        }
    }

    /// Rests.
    pub(super) async fn wait(&mut self) {
        let eighth = self.jitter();
        tokio::time::sleep(wait_after(self.started.elapsed(), eighth)).await;
    }

    /// Returns a number from 0 to 7.
    fn jitter(&mut self) -> u32 {
        let next = self.chance.wrapping_mul(6_364_136_223_846_793_005);
        self.chance = next.wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.chance >> 61).unwrap_or_default()
    }
}

/// Returns how long to rest when some time has passed; `eighth` (0 to 7) is the chance in it: up to a
/// quarter is taken off.
fn wait_after(elapsed: Duration, eighth: u32) -> Duration {
    let rest = (elapsed / PART).clamp(SHORTEST, LONGEST);
    rest - rest / 32 * eighth.min(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_with_the_time_that_has_passed_between_their_limits() {
        let rest = |seconds| wait_after(Duration::from_secs(seconds), 0).as_millis();
        assert_eq!([0, 1, 10, 60, 600].map(rest), [100, 100, 500, 3000, 5000]);
    }

    #[test]
    fn chance_takes_at_most_a_quarter_off() {
        let rests: Vec<u128> = (0..8)
            .map(|eighth| wait_after(Duration::from_secs(20), eighth).as_millis())
            .collect();
        assert_eq!(rests.first(), Some(&1000));
        assert!(rests.last().is_some_and(|rest| (750..1000).contains(rest)));
    }

    #[test]
    fn two_waits_do_not_keep_step() {
        let mut pace = PollInterval::new();
        let drawn: std::collections::BTreeSet<u32> = (0..64).map(|_| pace.jitter()).collect();
        assert!(drawn.len() > 4, "{drawn:?}");
    }
}
