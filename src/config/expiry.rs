//! The time after which a stage may be removed. In: text such as `3d`. Out: a duration. The clock is not read here.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

const HOUR: u64 = 60 * 60;

/// The longest time, in hours: a year. A stage that is to live longer has no expiry.
const MOST_HOURS: u64 = 366 * 24;

/// The time since the last deploy after which `teardown --expired` removes a stage.
///
/// Invariant: full hours, from one hour to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Expiry(Duration);

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || {
            format!(
                "`{text}` is no time after which a stage expires: use a number with h, d or w, such as `3d`, from `1h` to `52w`"
            )
        };
        let (digits, hours) = [("h", 1), ("d", 24), ("w", 7 * 24)]
            .into_iter()
            .find_map(|(unit, hours)| Some((text.strip_suffix(unit)?, hours)))
            .ok_or_else(refused)?;
        let is_number =
            (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let hours = digits
            .parse()
            .ok()
            .filter(|_| is_number)
            .map(|number: u64| number * hours);
        match hours {
            Some(hours @ 1..=MOST_HOURS) => Ok(Self(Duration::from_secs(hours * HOUR))),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Expiry {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Expiry {
    /// Returns the time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0.as_secs() / HOUR;
        match hours % 24 {
            0 => write!(formatter, "{}d", hours / 24),
            _ => write!(formatter, "{hours}h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_number_and_a_unit_from_an_hour_to_a_year() {
        let hours = |text: &str| {
            text.parse::<Expiry>()
                .map(|expiry| expiry.duration().as_secs() / HOUR)
        };
        assert_eq!(hours("1h"), Ok(1));
        assert_eq!(hours("3d"), Ok(72));
        assert_eq!(hours("2w"), Ok(336));
        assert_eq!(hours("52w"), Ok(8_736));
        for text in [
            "", "3", "d", "0h", "-1d", "+1d", "1.5d", "30m", "53w", "367d", "99999h", "3 d", "3D",
        ] {
            let refused = text.parse::<Expiry>().unwrap_err();
            assert!(refused.contains(&format!("`{text}`")), "{refused}");
        }
    }

    #[test]
    fn an_expiry_is_shown_as_it_is_written() {
        let shown = ["1h", "36h", "3d", "24h", "1w"]
            .map(|text| text.parse::<Expiry>().unwrap().to_string());
        assert_eq!(shown, ["1h", "36h", "3d", "1d", "7d"]);
    }
}
