//! The day on which a key expires. In: a stack's plan, its other parameters and the time. Out: the parameters with the day put
//! in. A deploy renews the key by it, but changes the stack for that once a quarter only.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::clock::start_of_quarter;
use crate::plan::{ParameterSource, StackPlan};

/// The longest life of a key, counted from the start of a quarter: so it has 273 days to go at least when a deploy makes it.
/// Source: AWS AppSync API Reference, `CreateApiKey`, `expires`.
const LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Puts in when the keys of a stack expire, in seconds since 1970.
pub(super) fn with_key_expiry(
    plan: &StackPlan,
    mut parameters: BTreeMap<String, String>,
    now: SystemTime,
) -> BTreeMap<String, String> {
    let sources = plan.parameters.iter();
    let keys = sources.filter(|(_, source)| **source == ParameterSource::KeyExpiry);
    for (name, _) in keys {
        parameters.insert(name.clone(), expiry(now).to_string());
    }
    parameters
}

fn expiry(now: SystemTime) -> u64 {
    let expires = start_of_quarter(now) + LIFE;
    let since_1970 = expires.duration_since(SystemTime::UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_utc, rfc3339};

    fn expires(now: &str) -> (String, u64) {
        let now = parse_utc(now).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(expiry(now));
        let left = then.duration_since(now).unwrap().as_secs() / (24 * 60 * 60);
        (rfc3339(then), left)
    }

    #[test]
    fn all_deploys_of_a_quarter_give_a_key_the_same_day_within_what_appsync_takes() {
        let day = "2027-10-01T00:00:00Z".to_owned();
        assert_eq!(expires("2026-10-01T00:00:00Z"), (day.clone(), 365));
        assert_eq!(expires("2026-12-31T23:59:59Z"), (day, 273));
        let next = "2028-01-01T00:00:00Z".to_owned();
        assert_eq!(expires("2027-01-01T00:00:00Z"), (next, 365));
    }
}
