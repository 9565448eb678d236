//! The releases of a stage, newest first. In: the artifact bucket. Out: their keys and records, which of
//! them an id means, and which a rollback goes back to. Nothing is chosen by asking what runs: that comes
//! in as `LiveRelease`.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use futures_util::stream::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::live::LiveRelease;
use super::record::{ID_DIGITS, PREFIX, ReleaseRecord, id_of, read_record};
use crate::aws::{S3, Upload};
use crate::error::UserError;

/// The number of records that are read at the same time.
const PARALLEL: usize = 16;

/// The number of releases that an error names.
const NAMED: usize = 10;

/// Where a rollback says what it is about to do.
const INTENT: &str = "rollback.json";

/// The id of a release, or what it begins with, as a person types it.
///
/// Invariant: 1 to 8 hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseId(String);

impl FromStr for ReleaseId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_id = (1..=ID_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err("use an id that `factory-tree releases` shows, or how it begins");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Lists the keys of all release records, newest first: a key begins with its time.
///
/// # Errors
/// The bucket may not be read.
pub async fn list_keys(s3: &S3, bucket: &str) -> Result<Vec<String>> {
    let held = s3.list_objects(bucket, PREFIX).await?;
    Ok(held.into_keys().rev().collect())
}

/// Reads records, in the order of their keys.
///
/// # Errors
/// The bucket may not be read, or a record is of a newer deployer and cannot be understood.
pub async fn read_records(s3: &S3, bucket: &str, keys: &[String]) -> Result<Vec<ReleaseRecord>> {
    let reads = keys.iter().map(|key| read_record(s3, bucket, key));
    futures_util::stream::iter(reads)
        .buffered(PARALLEL)
        .try_collect()
        .await
}

/// Finds the key of the one release whose id begins like this.
///
/// # Errors
/// `UserError::UnknownRelease`, `UserError::AmbiguousRelease`.
pub fn find_key<'a>(keys: &'a [String], wanted: &ReleaseId) -> Result<&'a String, UserError> {
    let is_meant = |key: &&String| id_of(key).starts_with(&wanted.0);
    let meant: Vec<&String> = keys.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [key] => Ok(key),
        [] => Err(UserError::UnknownRelease {
            id: wanted.to_string(),
            known: keys.iter().take(NAMED).map(|key| named(key)).collect(),
        }),
        several => Err(UserError::AmbiguousRelease {
            id: wanted.to_string(),
            meant: several.iter().take(NAMED).map(|key| named(key)).collect(),
        }),
    }
}

/// An id with the time that the key contains: `3f2a91c0 (2026-11-24T23:59:59Z)`.
fn named(key: &str) -> String {
    let time = key.trim_start_matches(PREFIX);
    let time = time.split_once('Z').map_or(time, |(time, _)| time);
    format!("{} ({time}Z)", id_of(key))
}

/// A rollback that has begun. It is written before anything is changed, so that the same command
/// after a rollback that was cut short means the same release. A newer record makes it void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackIntent {
    /// The release that is brought back.
    pub to: String,
    /// The newest release when it began.
    pub after: String,
}

/// Returns what the last rollback was about to do, or `None` if there never was one.
///
/// # Errors
/// The bucket may not be read.
pub async fn find_intent(s3: &S3, bucket: &str) -> Result<Option<RollbackIntent>> {
    if !s3.list_objects(bucket, INTENT).await?.contains_key(INTENT) {
        return Ok(None);
    }
    let body = s3.get_object(bucket, INTENT).await?;
    // One that cannot be understood gives no information; the next one replaces it.
    Ok(serde_json::from_slice(&body).ok())
}

/// Writes down what a rollback is about to do.
///
/// # Errors
/// The bucket may not be written.
pub async fn begin_rollback(intent: &RollbackIntent, s3: &S3, bucket: &str) -> Result<()> {
    let upload = Upload {
        key: INTENT.to_owned(),
        body: serde_json::to_vec(intent)?.into(),
        content_type: "application/json".to_owned(),
        cache_control: "private",
    };
    s3.put_object(bucket, &upload).await
}

/// Decides which release a rollback restores when none is named, never one that failed: that of a rollback that was cut
/// short; else, where what runs is no recorded release (a deploy that failed), the newest one; else the newest
/// that is older than the live one and ships something else. What a rollback brought back counts as of
/// its own time, so a second rollback goes further back, and never forth to what the first one left.
pub fn default_target<'a>(
    records: &'a [ReleaseRecord],
    live: &LiveRelease,
    intent: Option<&RollbackIntent>,
) -> Option<&'a ReleaseRecord> {
    let newest = records.first()?;
    let good = || records.iter().filter(|record| record.is_good());
    let find = |id: &str| records.iter().position(|record| record.id() == id);
    if let Some(intent) = intent.filter(|intent| intent.after == newest.id()) {
        return find(&intent.to).map(|place| &records[place]);
    }
    let Some(live) = live
        .position(records)
        .filter(|live| records[*live].is_good())
    else {
        return good().next();
    };
    let mut origin = live;
    while let Some(id) = &records[origin].rolled_back_to {
        match find(id) {
            Some(older) if older > origin => origin = older,
            _ => break,
        }
    }
    let mut older = records[origin + 1..].iter();
    older.find(|record| record.is_good() && !record.ships_like(&records[live]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::{live, record};

    fn key(time: &str) -> String {
        format!("{PREFIX}2026-11-25T{time}Z-c519f9b95509.json")
    }

    #[test]
    fn an_id_is_found_by_how_it_begins() {
        let keys = [key("08:00:00"), key("07:00:00")];
        let id = id_of(&keys[1]);
        for wanted in [&id[..8], &id[..3], &id[..3].to_uppercase()] {
            assert_eq!(find_key(&keys, &wanted.parse().unwrap()).unwrap(), &keys[1]);
        }
    }

    #[test]
    fn an_id_that_means_none_or_several_is_reported_with_those_that_there_are() {
        let keys: Vec<String> = (0..40)
            .map(|minute| key(&format!("07:{minute:02}:00")))
            .collect();
        let first = |key: &String| id_of(key)[..1].to_owned();
        let counts = |digit: &String| keys.iter().filter(|key| first(key) == *digit).count();
        let digit = keys
            .iter()
            .map(first)
            .find(|digit| counts(digit) > 1)
            .unwrap();
        let error = find_key(&keys, &digit.parse().unwrap()).unwrap_err();
        assert!(matches!(&error, UserError::AmbiguousRelease { meant, .. } if meant.len() > 1));

        let error = find_key(&keys[..1], &"00000000".parse().unwrap()).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.hint()));
        assert!("3f2a91c0f".parse::<ReleaseId>().is_err());
        assert!("live".parse::<ReleaseId>().is_err());
    }

    /// The history of the tests below, newest first: what each release ships.
    fn target(ships: &[&str], runs: &str, intent: Option<(usize, usize)>) -> Option<String> {
        let mut records: Vec<ReleaseRecord> = Vec::new();
        for (place, text) in ships.iter().enumerate().rev() {
            let (build, to) = text.split_once('>').map_or((*text, None), |(build, to)| {
                let to: usize = to.parse().unwrap();
                (build, Some(to))
            });
            let (build, is_good) = match build.strip_suffix('!') {
                Some(build) => (build, false),
                None => (build, true),
            };
            let mut made = record(build, place);
            if !is_good {
                made = made.failed("it answers 500".to_owned());
            }
            made.rolled_back_to =
                to.map(|to| record(ships[to].split('>').next().unwrap(), to).id());
            records.insert(0, made);
        }
        let intent = intent.map(|(to, after)| RollbackIntent {
            to: records[to].id(),
            after: records[after].id(),
        });
        let found = default_target(&records, &live(runs), intent.as_ref())?;
        let place = records.iter().position(|record| record == found).unwrap();
        Some(format!("{place} {}", found.site.build))
    }

    #[test]
    fn a_rollback_goes_to_the_release_before_the_live_one() {
        assert_eq!(target(&["c", "b", "a"], "c", None).as_deref(), Some("1 b"));
        // A release of stacks only ships the same: going back to it would change nothing.
        assert_eq!(target(&["c", "c", "a"], "c", None).as_deref(), Some("2 a"));
        assert_eq!(target(&["a"], "a", None), None);
        assert_eq!(target(&[], "a", None), None);
    }

    #[test]
    fn after_a_deploy_that_failed_it_goes_to_the_newest_release() {
        assert_eq!(target(&["b", "a"], "broken", None).as_deref(), Some("0 b"));
    }

    #[test]
    fn a_release_that_failed_is_never_chosen() {
        // Undone: what the undoing brought back is live.
        let undone = ["b>2", "c!", "b", "a"];
        assert_eq!(target(&undone, "b", None).as_deref(), Some("3 a"));
        // Not undone: it is what runs, or a part of it is.
        assert_eq!(target(&["c!", "b"], "c", None).as_deref(), Some("1 b"));
        assert_eq!(target(&["c!", "b"], "d", None).as_deref(), Some("1 b"));
        assert_eq!(target(&["c", "b!", "a"], "c", None).as_deref(), Some("2 a"));
        // The undoing was cut short.
        let begun = target(&["c!", "b", "a"], "c", Some((2, 0)));
        assert_eq!(begun.as_deref(), Some("2 a"));
        assert_eq!(target(&["c!"], "c", None), None);
    }

    #[test]
    fn a_second_rollback_goes_further_back_and_not_to_what_the_first_one_left() {
        assert_eq!(
            target(&["b>2", "c", "b", "a"], "b", None).as_deref(),
            Some("3 a")
        );
    }

    #[test]
    fn a_rollback_that_was_cut_short_goes_on_and_a_newer_release_voids_it() {
        // The site is back already, the record is not written: what runs looks like `a`.
        let ships = ["c", "b", "a"];
        assert_eq!(target(&ships, "b", Some((1, 0))).as_deref(), Some("1 b"));
        assert_eq!(target(&ships, "c", Some((2, 1))).as_deref(), Some("1 b"));
    }
}
