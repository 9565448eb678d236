//! The difference between our clock and AWS's. In: an HTTP `Date` and our time. Out: a finding. Pure.

use std::time::{Duration, SystemTime};

use super::Finding;

/// The largest difference between the clock of this machine and that of AWS at which signatures are accepted.
/// Source: IAM User Guide, "Create a signed AWS API request": requests are valid for five minutes.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Compares the time that AWS says with ours.
pub fn judge_clock(date: &str, now: SystemTime) -> Finding {
    let name = "clock";
    let Ok(theirs) = httpdate::parse_http_date(date) else {
        return Finding::unknown(name, format!("`{date}` is no date"));
    };
    let (off, word) = match now.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if off > TOLERANCE {
        let detail = format!(
            "{} s {word} of AWS; signatures fail beyond {} s",
            off.as_secs(),
            TOLERANCE.as_secs()
        );
        return Finding::bad(
            name,
            detail,
            "set the clock, for example with `timedatectl set-ntp true`",
        );
    }
    Finding::good(name, format!("within {} s of AWS", off.as_secs() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Wed, 25 Nov 2026 02:00:00 GMT";

    fn judged(seconds: i64) -> Finding {
        let theirs = httpdate::parse_http_date(DATE).unwrap();
        let off = Duration::from_secs(seconds.unsigned_abs());
        judge_clock(
            DATE,
            if seconds < 0 {
                theirs - off
            } else {
                theirs + off
            },
        )
    }

    #[test]
    fn a_clock_that_breaks_signatures_fails_on_either_side() {
        assert_eq!(judged(300).ok, Some(true));
        assert_eq!(judged(-300).ok, Some(true));
        assert_eq!(judged(301).ok, Some(false));
        insta::assert_snapshot!(judged(-3600).detail, @"3600 s behind of AWS; signatures fail beyond 300 s");
    }

    #[test]
    fn a_date_that_is_none_tells_nothing() {
        assert_eq!(judge_clock("soon", SystemTime::now()).ok, None);
    }
}
