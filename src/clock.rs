//! Points in time as text. In: a time, or its text. Out: the other. The clock itself is read by the
//! callers. Calendar arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", for the
//! proleptic Gregorian calendar, with eras of 400 years that begin in March.

use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

/// Days from 0000-03-01, where the first era begins, to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;

/// Formats a time as `2026-11-24 08:05:09Z`, for people who read a log.
pub fn utc(time: SystemTime) -> String {
    rfc3339(time).replace('T', " ")
}

/// Formats a time to the second (RFC 3339, UTC): `2026-11-24T08:05:09Z`. Before 1970 it is 1970.
pub fn rfc3339(time: SystemTime) -> String {
    format!("{}Z", date_and_time(since_1970(time).as_secs()))
}

/// Formats a time to the millisecond (RFC 3339, UTC): `2026-11-24T08:05:09.042Z`.
pub fn rfc3339_millis(time: SystemTime) -> String {
    let since = since_1970(time);
    format!(
        "{}.{:03}Z",
        date_and_time(since.as_secs()),
        since.subsec_millis()
    )
}

/// Reads a time in UTC, with or without a fraction of a second, with a `T` or a space between date and
/// time. `None` for anything else, and before 1970.
pub fn parse_utc(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once(['T', ' '])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_since_1970(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds(fraction)?))
}

/// Digits behind the point, as nanoseconds.
fn nanoseconds(fraction: &str) -> Option<u32> {
    let is_number =
        (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{fraction:0<9}").parse().ok())?
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parts: Option<Vec<u64>> = text
        .split(separator)
        .map(|part| part.parse().ok())
        .collect();
    parts?.try_into().ok()
}

/// Returns how long ago a time was, no more exactly than matters: `41 s ago`, `2 min ago`, `3 h ago`, `5 days ago`.
pub fn ago(time: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(time).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / DAY),
    }
}

/// Returns the first moment of the quarter of a year that a time is in, in UTC.
pub fn start_of_quarter(time: SystemTime) -> SystemTime {
    let (year, month, _) = civil_date(since_1970(time).as_secs() / DAY);
    let days = days_since_1970(year, month - (month - 1) % 3, 1);
    SystemTime::UNIX_EPOCH + Duration::from_secs(days.unwrap_or_default() * DAY)
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn date_and_time(seconds: u64) -> String {
    let (year, month, day) = civil_date(seconds / DAY);
    let second = seconds % DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// `civil_from_days` of the source.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// `days_from_civil` of the source.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_BEFORE_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_formatted_as_date_and_time_in_utc() {
        let at = |seconds| utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(at(1_795_564_799), "2026-11-24 23:59:59Z");
    }

    #[test]
    fn what_is_formatted_is_read_back_for_every_day_of_eras() {
        for day in (0..200_000).step_by(13) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(day * DAY * 1000 + 3_723_004);
            assert_eq!(parse_utc(&rfc3339_millis(time)), Some(time), "day {day}");
        }
    }

    #[test]
    fn a_quarter_begins_with_january_april_july_or_october() {
        let start = |text: &str| rfc3339(start_of_quarter(parse_utc(text).unwrap()));
        assert_eq!(start("2026-11-27T07:10:00Z"), "2026-10-01T00:00:00Z");
        assert_eq!(start("2026-12-31T23:59:59Z"), "2026-10-01T00:00:00Z");
        assert_eq!(start("2027-01-01T00:00:00Z"), "2027-01-01T00:00:00Z");
        assert_eq!(start("2028-02-29T12:00:00Z"), "2028-01-01T00:00:00Z");
        assert_eq!(start("2028-06-30T23:59:59Z"), "2028-04-01T00:00:00Z");
        assert_eq!(start("2028-09-09T00:00:00Z"), "2028-07-01T00:00:00Z");
    }

    #[test]
    fn how_long_ago_a_time_was_is_as_exact_as_it_matters() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_799);
        let ago = |seconds| ago(now - Duration::from_secs(seconds), now);
        let shown = [0, 59, 60, 3_599, 3_600, 172_799, 172_800].map(ago);
        insta::assert_snapshot!(shown.join(" | "), @"0 s ago | 59 s ago | 1 min ago | 59 min ago | 1 h ago | 47 h ago | 2 days ago");
        // A clock that is behind.
        assert_eq!(super::ago(now, now - Duration::from_secs(9)), "0 s ago");
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00:00Z",
            "2026-11-24T08:05:09",
            "1969-12-31T00:00:00Z",
            "2026-11-24T99999999999999999:05:09Z",
            "2026-11-24T08:05:09.1e99Z",
        ] {
            assert_eq!(parse_utc(text), None, "{text}");
        }
        assert_eq!(
            parse_utc("2026-11-24 08:05:09Z").map(rfc3339),
            Some("2026-11-24T08:05:09Z".to_owned())
        );
    }
}
