//! The time for which a release is watched. In: text such as `5m`. Out: a duration that CloudFormation takes.

use std::str::FromStr;
use std::time::Duration;

/// The most minutes for which CloudFormation watches alarms after a change.
/// Source: CloudFormation API Reference, `RollbackConfiguration`, `MonitoringTimeInMinutes`: 0 to 180.
pub const MOST_MINUTES: u16 = 180;

/// The time for which the alarms of a stage are watched after a change.
///
/// Invariant: at most 180 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BakeTime(Duration);

/// The text is no such time. Worded as the cure: clap prints it after "invalid value … for '--bake'".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "use a number with s, m or h, such as `5m`, and at most `3h`: CloudFormation watches no longer"
)]
pub struct InvalidBakeTime;

impl FromStr for BakeTime {
    type Err = InvalidBakeTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, seconds) = [("s", 1), ("m", 60), ("h", 60 * 60)]
            .into_iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
            .ok_or(InvalidBakeTime)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidBakeTime);
        }
        let number: u64 = digits.parse().map_err(|_| InvalidBakeTime)?;
        let time = Duration::from_secs(number.saturating_mul(seconds));
        if time > Duration::from_secs(60 * u64::from(MOST_MINUTES)) {
            return Err(InvalidBakeTime);
        }
        Ok(Self(time))
    }
}

impl BakeTime {
    /// Returns the time of a number of minutes, cut off at the most that CloudFormation takes.
    pub fn of_minutes(minutes: u16) -> Self {
        Self(Duration::from_secs(
            60 * u64::from(minutes.min(MOST_MINUTES)),
        ))
    }

    /// Returns whether nothing is to be watched.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Returns the time.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// Returns the time in minutes, rounded up: CloudFormation counts in nothing smaller.
    pub fn minutes(self) -> u16 {
        let minutes = self.0.as_secs().div_ceil(60);
        u16::try_from(minutes).unwrap_or(MOST_MINUTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bake_time_is_a_number_and_a_unit_within_three_hours() {
        let seconds = |text: &str| {
            text.parse::<BakeTime>()
                .map(|time| time.duration().as_secs())
        };
        assert_eq!(seconds("0s"), Ok(0));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("180m"), Ok(10_800));
        assert_eq!(seconds("3h"), Ok(10_800));
        for text in [
            "",
            "5",
            "m",
            "-1m",
            "+1m",
            "1.5h",
            "1d",
            "181m",
            "4h",
            "99999999999999999999s",
        ] {
            assert_eq!(seconds(text), Err(InvalidBakeTime), "{text}");
        }
    }

    #[test]
    fn cloudformation_watches_full_minutes() {
        let minutes = |text: &str| text.parse::<BakeTime>().unwrap().minutes();
        assert_eq!(
            [
                minutes("0s"),
                minutes("1s"),
                minutes("60s"),
                minutes("61s"),
                minutes("3h")
            ],
            [0, 1, 1, 2, 180]
        );
        assert_eq!(BakeTime::of_minutes(5).duration(), Duration::from_secs(300));
        assert_eq!(BakeTime::of_minutes(u16::MAX).minutes(), 180);
    }
}
