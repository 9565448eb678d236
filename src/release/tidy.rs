//! The objects that no release needs any more and that we put there. In: the release records and the objects of the
//! buckets. Out: those objects are deleted. The releases that are kept keep all that they name: the live one, as
//! many before it as the stage says, and those that were live within the last day, whose pages may still
//! be open. Only keys below our own prefixes are touched in the artifact bucket, and in the site's bucket
//! only what a record of ours lists, under the very content that it lists. Records themselves stay: they
//! are small, and say which release was live when.
//!
//! Both buckets keep versions, so what is deleted here can be brought back until their lifecycle rules
//! forget it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use futures_util::stream::{StreamExt, TryStreamExt};

use super::record::{PREFIX as RECORDS, ReleaseRecord, read_record};
use crate::aws::{Object, S3};
use crate::clock::parse_utc;
use crate::publish::PREFIX as ARTIFACTS;
use crate::template::TEMPLATES;

/// The prefix of the pages of past sites in the artifact bucket, each below its build.
const SITES: &str = "site/";

/// A younger object may belong to a deploy that has not written its record yet, and a page that is older is not
/// open any more.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The number of records that are read at the same time.
const PARALLEL: usize = 16;

/// The number of records behind the kept ones that are searched for files that no kept one lists. Each release
/// drops about one; the rest is for what an earlier run could not delete.
pub(super) const ASKED: usize = 200;

/// The two buckets of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Buckets<'a> {
    /// That of the artifacts and records.
    pub artifacts: &'a str,
    /// That of the site.
    pub site: &'a str,
}

/// A file as a record lists it: path and ETag.
type Listed = BTreeSet<(String, String)>;

/// Deletes what no kept release needs and returns how many objects that were. `live` is the build that is
/// live now; where no kept record is of it, nothing is deleted.
///
/// # Errors
/// A bucket may not be read or written, or a record is of a newer deployer and cannot be understood.
pub async fn tidy(
    buckets: Buckets<'_>,
    live: &str,
    keep_releases: u16,
    s3: &S3,
    now: SystemTime,
) -> Result<usize> {
    let held = s3.list_objects(buckets.artifacts, "").await?;
    let keys: Vec<&String> = held
        .keys()
        .filter(|key| key.starts_with(RECORDS))
        .rev()
        .collect();
    let (kept, older) = keys.split_at(count_kept(&keys, keep_releases, now));
    let records = records(kept, buckets.artifacts, s3);
    let records: Vec<ReleaseRecord> = records.try_collect().await?;
    if !records.iter().any(|record| record.build == live) {
        return Ok(0);
    }
    let garbage = unreferenced(&records, &held, now);
    s3.delete_objects(buckets.artifacts, &garbage).await?;
    let forgotten = forgotten_files(&records, older, buckets, s3).await?;
    s3.delete_objects(buckets.site, &forgotten).await?;
    Ok(garbage.len() + forgotten.len())
}

/// Finds the files of the site that only older releases list.
async fn forgotten_files(
    kept: &[ReleaseRecord],
    older: &[&String],
    buckets: Buckets<'_>,
    s3: &S3,
) -> Result<Vec<String>> {
    let mut candidates = s3.list_objects(buckets.site, "").await?;
    candidates.retain(|path, _| {
        !kept
            .iter()
            .any(|record| record.site.files.contains_key(path))
    });
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let asked = &older[..older.len().min(ASKED)];
    let listed =
        records(asked, buckets.artifacts, s3).try_fold(Listed::new(), |mut listed, record| {
            listed.extend(record.site.etags);
            std::future::ready(Ok(listed))
        });
    Ok(ours(&candidates, &listed.await?))
}

/// Reads records, a few at a time, in the order of their keys.
fn records<'a>(
    keys: &'a [&'a String],
    bucket: &'a str,
    s3: &'a S3,
) -> impl futures_util::Stream<Item = Result<ReleaseRecord>> + 'a {
    let reads = keys.iter().map(move |key| read_record(s3, bucket, key));
    futures_util::stream::iter(reads).buffered(PARALLEL)
}

/// Decides how many records are kept, of those with these keys, newest first: the live one and as many
/// before it as wanted, all of the last day, and the one that was live when that day began.
pub(super) fn count_kept(keys: &[&String], keep_releases: u16, now: SystemTime) -> usize {
    let is_young = |key: &&&String| released_at(key).is_none_or(|at| at + DAY > now);
    let young = keys.iter().filter(is_young).count();
    let wanted = usize::from(keep_releases).max(young) + 1;
    wanted.min(keys.len())
}

/// Reads the time that a record's key begins with.
pub fn released_at(key: &str) -> Option<SystemTime> {
    let name = key.strip_prefix(RECORDS)?;
    let end = name.find('Z')?;
    parse_utc(&name[..=end])
}

/// Decides which objects of the artifact bucket are deleted: those that are below our prefixes, are older than a day, and
/// are named by none of the kept records.
fn unreferenced(
    kept: &[ReleaseRecord],
    held: &BTreeMap<String, Object>,
    now: SystemTime,
) -> Vec<String> {
    let artifacts = kept.iter().flat_map(|record| record.artifacts.values());
    let artifacts: BTreeSet<&String> = artifacts.map(|artifact| &artifact.key).collect();
    let sites: BTreeSet<&str> = kept
        .iter()
        .map(|record| record.site.build.as_str())
        .collect();
    let is_needed = |key: &String| match key.strip_prefix(SITES) {
        Some(name) => name
            .split_once('/')
            .is_none_or(|(build, _)| sites.contains(build)),
        // CloudFormation has read a template within a day.
        None if key.starts_with(TEMPLATES) => false,
        None => !key.starts_with(ARTIFACTS) || artifacts.contains(key),
    };
    let is_old = |object: &Object| object.modified.is_some_and(|at| at + DAY <= now);
    let garbage = held
        .iter()
        .filter(|(key, object)| !is_needed(key) && is_old(object));
    garbage.map(|(key, _)| key.clone()).collect()
}

/// Decides what of the site's bucket is deleted, of the candidates that no kept record lists: what an
/// older one lists with this very content. Anything else is not ours.
fn ours(candidates: &BTreeMap<String, Object>, listed: &Listed) -> Vec<String> {
    let is_listed = |(path, object): &(&String, &Object)| {
        listed.contains(&((*path).clone(), object.etag.clone()))
    };
    let ours = candidates.iter().filter(is_listed);
    ours.map(|(path, _)| path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::record;

    fn at(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)
    }

    fn held(objects: &[(&str, u64)]) -> BTreeMap<String, Object> {
        let objects = objects.iter().map(|(key, hours)| {
            let object = Object {
                etag: format!("etag of {key}"),
                modified: Some(at(*hours)),
                ..Object::default()
            };
            ((*key).to_owned(), object)
        });
        objects.collect()
    }

    /// Keys of releases at these hours, newest first.
    fn kept(hours: &[u64], keep_releases: u16, now: u64) -> usize {
        let key = |hour: &u64| format!("{RECORDS}{}-b.json", crate::clock::rfc3339(at(*hour)));
        let keys: Vec<String> = hours.iter().map(key).collect();
        count_kept(&keys.iter().collect::<Vec<_>>(), keep_releases, at(now))
    }

    #[test]
    fn the_live_release_is_kept_and_as_many_before_it_as_wanted() {
        assert_eq!(kept(&[90, 80, 70, 60], 2, 1000), 3);
        assert_eq!(kept(&[90, 80, 70, 60], 0, 1000), 1);
        assert_eq!(kept(&[90], 10, 1000), 1);
        assert_eq!(kept(&[], 10, 1000), 0);
    }

    #[test]
    fn what_was_live_within_a_day_is_kept_however_many_that_were() {
        // At 100, the release of 70 was live until 77: that is within a day. The one of 60 was not.
        assert_eq!(kept(&[99, 98, 97, 77, 70, 60], 1, 100), 5);
        // A key without a time is not taken for old.
        let keys = [format!("{RECORDS}whatever"), format!("{RECORDS}what")];
        assert_eq!(count_kept(&keys.iter().collect::<Vec<_>>(), 0, at(100)), 2);
    }

    #[test]
    fn artifacts_and_pages_that_no_kept_record_names_go_once_they_are_a_day_old() {
        let held = held(&[
            ("artifacts/api/a.zip", 0),
            ("artifacts/api/b.zip", 0),
            ("artifacts/api/c.zip", 77),
            ("foreign.txt", 0),
            ("releases/1970-01-01T00:00:00Z-b.json", 0),
            ("rollback.json", 0),
            ("site/a/index.html", 0),
            ("site/b/index.html", 0),
            ("site/notes.txt", 0),
        ]);
        let garbage = unreferenced(&[record("a", 0)], &held, at(100));
        assert_eq!(garbage, ["artifacts/api/b.zip", "site/b/index.html"]);
        assert_eq!(
            unreferenced(&[record("a", 0), record("b", 0)], &held, at(100)),
            [""; 0]
        );
        assert_eq!(unreferenced(&[record("a", 0)], &held, at(101)).len(), 3);
        let templates = [("templates/a.yaml", 0), ("templates/b.yaml", 90)];
        let garbage = unreferenced(&[record("a", 0)], &self::held(&templates), at(100));
        assert_eq!(garbage, ["templates/a.yaml"]);
    }

    #[test]
    fn of_the_site_only_what_a_record_lists_with_this_very_content_is_ours() {
        let candidates = held(&[("assets/a.js", 0), ("assets/b.js", 0), ("foreign.txt", 0)]);
        let listed = [
            ("assets/a.js", "etag of assets/a.js"),
            ("assets/b.js", "of before"),
        ];
        let listed = listed.map(|(path, etag)| (path.to_owned(), etag.to_owned()));
        assert_eq!(ours(&candidates, &listed.into()), ["assets/a.js"]);
    }
}
