//! Randomness for names and for spreading load. It protects no secret.

use std::time::Duration;

/// Returns 64 random bits, or a constant if the operating system provides none. With the constant all names and
/// phases are equal, and nothing else fails.
fn bits() -> u64 {
    getrandom::u64().unwrap_or(0x5eed)
}

/// Returns eight random hexadecimal digits.
pub fn hex() -> String {
    format!("{:08x}", bits() & 0xffff_ffff)
}

/// Returns a random duration that is shorter than `limit`.
pub fn duration_below(limit: Duration) -> Duration {
    let unit = f64::from(u32::try_from(bits() >> 33).unwrap_or(0)) / f64::from(1_u32 << 31);
    limit.mul_f64(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_duration_stays_below_its_limit() {
        let limit = Duration::from_secs(10);
        let drawn: Vec<_> = (0..1_000).map(|_| duration_below(limit)).collect();

        assert!(drawn.iter().all(|duration| *duration < limit));
        assert!(drawn.iter().max() > Some(&Duration::from_secs(9)));
        assert_eq!(duration_below(Duration::ZERO), Duration::ZERO);
    }
}
