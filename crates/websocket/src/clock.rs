//! The clock of this program. No other module reads the time: the other modules call this one or get the time as a
//! parameter.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Returns the current moment of the monotonic clock, for measuring durations.
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the current time in seconds since 1970, which different servers can compare.
pub fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
