//! The key of the pages, where an Event API carries changes: one that soon expires makes the stage degraded. When it expires is a
//! parameter of its stack, so nobody is asked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::check::Check;
use crate::clock::rfc3339;
use crate::provision::FoundStack;

/// The parameter of a stack by which its key expires.
const PARAMETER: &str = "KeyExpires";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every deploy of a new quarter renews the key, which has 273 days to go then. Whatever comes this close has not been deployed
/// for seven months.
const SOON: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The key of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageKeyRow {
    /// The stack's short name.
    pub stack: String,
    /// When it expires (RFC 3339, UTC).
    pub expires: String,
    #[serde(skip)]
    time: SystemTime,
}

/// Returns the keys of the stacks that are deployed.
pub(super) fn of(found: &[FoundStack]) -> Vec<PageKeyRow> {
    let rows = found.iter().filter_map(|found| {
        let text = found.stack.as_ref()?.parameters.get(PARAMETER)?;
        Some(row(&found.plan.name, text.parse().ok()?))
    });
    rows.collect()
}

/// Judges the key of a stack that is deployed with these parameters; `None` where none of them is a key's.
pub fn judge_page_key(parameters: &BTreeMap<String, String>, now: SystemTime) -> Option<Check> {
    let expires = parameters.get(PARAMETER)?.parse().ok()?;
    Some(check(&row("", expires), now))
}

pub(super) fn row(stack: &str, expires: u64) -> PageKeyRow {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(expires);
    PageKeyRow {
        stack: stack.to_owned(),
        expires: rfc3339(time),
        time,
    }
}

pub(super) fn check(row: &PageKeyRow, now: SystemTime) -> Check {
    let left = row.time.duration_since(now);
    let days = |time: Duration| time.as_secs() / DAY.as_secs();
    let (ok, detail) = match left {
        Ok(left) if left >= SOON => (true, format!("expires in {} days", days(left))),
        Ok(left) => (
            false,
            format!(
                "expires in {} days: `factory-tree deploy` renews it",
                days(left)
            ),
        ),
        Err(over) => (
            false,
            format!(
                "expired {} days ago, and pages only poll since: `factory-tree deploy` renews it",
                days(over.duration())
            ),
        ),
    };
    Check {
        name: "page key".to_owned(),
        ok,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_expires_within_sixty_days_is_told_with_what_renews_it() {
        let day = DAY.as_secs();
        let row = row("live-appsync", 100 * day);
        let seen = [10, 40, 41, 99, 103].map(|today| {
            let check = check(
                &row,
                SystemTime::UNIX_EPOCH + Duration::from_secs(today * day),
            );
            format!("{} {}", check.ok, check.detail)
        });
        insta::assert_snapshot!(seen.join("\n"), @r"
        true expires in 90 days
        true expires in 60 days
        false expires in 59 days: `factory-tree deploy` renews it
        false expires in 1 days: `factory-tree deploy` renews it
        false expired 3 days ago, and pages only poll since: `factory-tree deploy` renews it
        ");
        assert_eq!(row.expires, "1970-04-11T00:00:00Z");

        let expires = BTreeMap::from([(PARAMETER.to_owned(), (100 * day).to_string())]);
        let on = |today| SystemTime::UNIX_EPOCH + Duration::from_secs(today * day);
        assert!(judge_page_key(&expires, on(40)).unwrap().ok);
        assert!(!judge_page_key(&expires, on(41)).unwrap().ok);
        assert_eq!(judge_page_key(&BTreeMap::new(), on(41)), None);
    }
}
