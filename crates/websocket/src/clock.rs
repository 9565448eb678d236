//! The clock of this program. No other module reads the time: the others get it from here or as a parameter.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Returns the current moment, for measuring how long something takes.
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the current time of day in seconds since 1970, which servers compare with one another.
pub fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
