//! The files that are no part of a site any more and still answer, because kept releases have them. In: the site's
//! bucket, a site, and the records of the releases that are kept. Out: each such file, and until when; and,
//! asked for by `deploy --prune-now`, all of that deleted at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;

use super::difference::invalidation_path;
use super::entry_files::folder;
use super::files::{CONFIG, is_hashed};
use super::history::{list_keys, read_records};
use super::record::ReleaseRecord;
use super::tidy::{ASKED, Buckets, DAY, count_kept};
use crate::aws::{Aws, Object, missing_permission};
use crate::clock::{parse_utc, rfc3339};
use crate::plan::RemainingFile;

/// From how many paths on all is invalidated at once: CloudFront takes 3 000 paths at a time (CloudFront Developer Guide,
/// "Quotas on invalidations"), and a wildcard counts as one.
const PATHS: usize = 1000;

/// Finds the files that keep their name, are in the site's bucket, and are no part of a site: `held` is what the bucket
/// holds. Assets with a hash in their name are no news: every release leaves some.
///
/// # Errors
/// A bucket may not be read. Records that may not be read leave unknown until when.
pub async fn remaining_files(
    held: &BTreeMap<String, Object>,
    site: &BTreeSet<String>,
    artifact_bucket: &str,
    keep_releases: u16,
    aws: &Aws,
) -> Result<Vec<RemainingFile>> {
    let gone = held
        .keys()
        .filter(|path| !site.contains(*path) && *path != CONFIG && !is_hashed(path));
    let gone: Vec<&String> = gone.collect();
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = list_keys(&aws.s3, artifact_bucket).await?;
    let newest_first: Vec<&String> = keys.iter().collect();
    let kept = count_kept(&newest_first, keep_releases, SystemTime::now());
    keys.truncate(kept);
    let unknown = |path: &&String| RemainingFile {
        path: (*path).clone(),
        releases: None,
        until: None,
    };
    match read_records(&aws.s3, artifact_bucket, &keys).await {
        Ok(records) => Ok(remaining(&gone, &records, keep_releases)),
        Err(error) if missing_permission(&error).is_some() => {
            Ok(gone.iter().map(unknown).collect())
        }
        Err(error) => Err(error),
    }
}

/// Decides until when files remain. `kept` are the kept records, newest first. A file that none of them has is not ours, or
/// goes with the next release.
fn remaining(gone: &[&String], kept: &[ReleaseRecord], keep_releases: u16) -> Vec<RemainingFile> {
    let row = |path: &&String| {
        let has = |record: &ReleaseRecord| record.site.files.contains_key(*path);
        let position = kept.iter().position(has)?;
        let next = position.checked_sub(1).and_then(|next| kept.get(next));
        let superseded = next.and_then(|next| parse_utc(&next.at));
        Some(RemainingFile {
            path: (*path).clone(),
            releases: Some((usize::from(keep_releases) + 1).saturating_sub(position)),
            until: superseded.map(|at| rfc3339(at + DAY)),
        })
    };
    gone.iter().filter_map(row).collect()
}

/// The objects that were deleted before their time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// The paths of the site's files that answer no more.
    pub files: Vec<String>,
    /// The ids of the releases that had one of them and cannot be restored any more, newest first.
    pub lost_releases: Vec<String>,
}

/// Deletes from both buckets, at once, every file of the site that the live release does not have and an earlier one
/// has, and takes them out of the caches. `live` is the build that is live now. Records stay as they are: they
/// say what was, and a rollback to a release that misses a file is refused.
///
/// # Errors
/// There is no record of the live release, a bucket may not be read or written, or the invalidation is refused.
pub async fn prune(
    buckets: Buckets<'_>,
    distribution: &str,
    live: &str,
    aws: &Aws,
) -> Result<Pruned> {
    let mut keys = list_keys(&aws.s3, buckets.artifacts).await?;
    keys.truncate(ASKED);
    let records = read_records(&aws.s3, buckets.artifacts, &keys).await?;
    let now = records.iter().find(|record| record.build == live);
    let now = now.context("failed to find the record of the live release")?;
    let held = aws.s3.list_objects(buckets.site, "").await?;
    let files = forgotten(&now.site.files, &records, &held);
    let copies = copies(now, &records);
    let kept = aws.s3.list_objects(buckets.artifacts, "").await?;
    let copies: Vec<String> = copies
        .into_iter()
        .filter(|key| kept.contains_key(key))
        .collect();
    aws.s3.delete_objects(buckets.artifacts, &copies).await?;
    aws.s3.delete_objects(buckets.site, &files).await?;
    invalidate(&files, distribution, aws).await?;
    let touched = !files.is_empty() || !copies.is_empty();
    let lost_releases = if touched {
        lost(now, &records)
    } else {
        Vec::new()
    };
    Ok(Pruned {
        files,
        lost_releases,
    })
}

/// Decides what is deleted of the site's bucket: what a record lists under this very content, and the live one does not.
fn forgotten(
    live: &BTreeMap<String, String>,
    records: &[ReleaseRecord],
    held: &BTreeMap<String, Object>,
) -> Vec<String> {
    let is_ours = |path: &String, object: &Object| {
        let mut etags = records
            .iter()
            .filter_map(|record| record.site.etags.get(path));
        etags.any(|etag| *etag == object.etag)
    };
    let gone = held
        .iter()
        .filter(|(path, object)| !live.contains_key(*path) && is_ours(path, object));
    gone.map(|(path, _)| path.clone()).collect()
}

/// Returns the keys of the copies that a rollback would bring such files back from.
fn copies(live: &ReleaseRecord, records: &[ReleaseRecord]) -> BTreeSet<String> {
    let of_record = |record: &ReleaseRecord| {
        let folder = folder(&record.site.build);
        let paths = missing_now(live, record);
        paths
            .map(|path| format!("{folder}{path}"))
            .collect::<Vec<_>>()
    };
    records.iter().flat_map(of_record).collect()
}

fn missing_now<'a>(
    live: &'a ReleaseRecord,
    record: &'a ReleaseRecord,
) -> impl Iterator<Item = &'a String> {
    let paths = record.site.files.keys();
    paths.filter(move |path| *path != CONFIG && !live.site.files.contains_key(*path))
}

fn lost(live: &ReleaseRecord, records: &[ReleaseRecord]) -> Vec<String> {
    let lost = records
        .iter()
        .filter(|record| missing_now(live, record).next().is_some());
    lost.map(ReleaseRecord::id).collect()
}

async fn invalidate(files: &[String], distribution: &str, aws: &Aws) -> Result<()> {
    let paths: Vec<String> = match files.len() {
        0 => return Ok(()),
        1..=PATHS => files.iter().map(|path| invalidation_path(path)).collect(),
        _ => vec!["/*".to_owned()],
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let reference = format!("prune-{}", now.unwrap_or(Duration::ZERO).as_millis());
    aws.cloudfront
        .invalidate(distribution, &paths, &reference)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::record;

    /// Kept records, newest first, each with these files besides its own.
    fn kept(files: &[&[&str]]) -> Vec<ReleaseRecord> {
        let rows = files.iter().enumerate();
        rows.map(|(age, files)| {
            let mut record = record("a", age);
            for file in *files {
                record.site.files.insert((*file).to_owned(), "x".to_owned());
                record.site.etags.insert((*file).to_owned(), "e".to_owned());
            }
            record
        })
        .collect()
    }

    #[test]
    fn a_file_remains_until_the_last_release_that_has_it_is_forgotten() {
        let records = kept(&[&["a.pdf"], &["a.pdf", "b.pdf"], &["b.pdf", "c.pdf"]]);
        let names = ["a.pdf", "b.pdf", "c.pdf", "foreign.pdf"].map(str::to_owned);
        let rows = remaining(&names.iter().collect::<Vec<_>>(), &records, 10);
        let rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        RemainingFile { path: "a.pdf", releases: Some(11), until: None }
        RemainingFile { path: "b.pdf", releases: Some(10), until: Some("2026-11-25T23:59:59Z") }
        RemainingFile { path: "c.pdf", releases: Some(9), until: Some("2026-11-25T23:58:59Z") }
        "#);
    }

    #[test]
    fn only_what_a_record_lists_and_the_live_one_does_not_is_forgotten() {
        let records = kept(&[&["new.pdf"], &["old.pdf", "other.pdf"]]);
        let object = |etag: &str| Object {
            etag: etag.to_owned(),
            ..Object::default()
        };
        let held = [
            ("new.pdf", "e"),
            ("old.pdf", "e"),
            ("other.pdf", "of somebody else"),
            ("foreign.pdf", "e"),
            ("config.json", "e"),
        ];
        let held = held.map(|(path, etag)| (path.to_owned(), object(etag)));
        let files = forgotten(&records[0].site.files, &records, &held.into());
        assert_eq!(files, ["old.pdf"]);
        assert_eq!(
            copies(&records[0], &records)
                .into_iter()
                .collect::<Vec<_>>(),
            ["site/a/old.pdf", "site/a/other.pdf"]
        );
        assert_eq!(lost(&records[0], &records), [records[1].id()]);
    }
}
