//! Figures of many values.

use std::time::Duration;

/// Returns the value below which this share of the values lies, in milliseconds.
pub fn percentile(sorted: &[Duration], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let last = (sorted.len() - 1) as f64;
    let place = (last * share).round() as usize;
    sorted[place.min(sorted.len() - 1)].as_secs_f64() * 1_000.0
}
