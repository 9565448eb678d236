//! The clock of this program. No other module reads the time: the other modules call this one or get the time as a
//! parameter.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns the current moment of the monotonic clock, for measuring durations.
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the first moment after another one that lies a whole number of beats after this program's first question: the
/// same for all that ask for about the same moment.
pub fn next_beat(after: Instant, beat: Duration) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = after.saturating_duration_since(*FIRST);
    let beats = since.as_nanos() / beat.as_nanos().max(1) + 1;
    *FIRST + beat.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX))
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
