//! The clock of this program. No other module reads the time: the other modules call this one or get the time as a
//! parameter.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns the current moment of the monotonic clock, for measuring durations.
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the first moment after another one that lies a whole number of ticks after this program's first question: the
/// same for all that ask for about the same moment.
pub fn next_tick(after: Instant, tick: Duration) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = after.saturating_duration_since(*FIRST);
    let ticks = since.as_nanos() / tick.as_nanos().max(1) + 1;
    *FIRST + tick.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// Returns the current time in seconds since 1970, which different servers can compare.
pub fn seconds_since_1970() -> u64 {
    since_1970().as_secs()
}

/// Returns the current time in milliseconds since 1970.
pub fn milliseconds_since_1970() -> u64 {
    milliseconds(since_1970())
}

/// Returns a duration in full milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_moments_of_a_tick_have_the_same_next_one() {
        let tick = Duration::from_secs(1);
        // The first question begins the first tick.
        let first = next_tick(now(), tick) - tick;
        let middle = first + tick / 2;

        assert_eq!(next_tick(middle, tick), first + tick);
        assert_eq!(next_tick(middle + tick / 4, tick), first + tick);
        assert_eq!(next_tick(first + tick, tick), first + tick * 2);
    }
}
