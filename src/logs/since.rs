//! The span of time that a log is read for. In: text such as `10m`. Out: a duration.

use std::str::FromStr;
use std::time::Duration;

/// A time span that reaches back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub Duration);

/// The text is no time span. Worded as the cure: clap prints it after "invalid value … for '--since'".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("use a number with s, m, h or d, such as `10m`")]
pub struct InvalidSince;

/// No log is kept for longer. Source: CloudWatch Logs API, `PutRetentionPolicy`: ten years.
const MOST_SECONDS: u64 = 3653 * 24 * 60 * 60;

impl FromStr for Since {
    type Err = InvalidSince;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = text.chars().last().ok_or(InvalidSince)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return Err(InvalidSince),
        };
        let digits = &text[..text.len() - 1];
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = digits
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or(InvalidSince)?;
        Ok(Self(Duration::from_secs(
            number.saturating_mul(seconds).min(MOST_SECONDS),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_a_number_and_a_unit() {
        let seconds = |text: &str| text.parse::<Since>().map(|since| since.0.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("10m"), Ok(600));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("18446744073709551615d"), Ok(MOST_SECONDS));
        for text in [
            "",
            "m",
            "10",
            "-1m",
            "+1m",
            "1.5h",
            "10 m",
            "10µ",
            "tenm",
            "99999999999999999999s",
        ] {
            assert_eq!(seconds(text), Err(InvalidSince), "{text}");
        }
    }
}
