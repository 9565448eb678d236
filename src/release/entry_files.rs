//! The files by which a site is entered, kept for a rollback. In: a built site, before it goes live. Out:
//! a copy of each file that keeps its name when the next release changes its content, below
//! `site/<build>/` of the artifact bucket; hashed assets stay in the site's own bucket. And the way back:
//! in: the copies. Out: the site's bucket has them, HTML and `config.json` last. `config.json` itself is
//! not kept: it is written anew from the stage's present addresses.

use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::stream::{StreamExt, TryStreamExt};

use super::difference::{is_held, stale};
use super::files::{CONFIG, PageSettings, is_hashed, page_config, upload};
use super::send::{PARALLEL, TASK, send};
use super::{SiteTarget, in_turns, invalidate};
use crate::aws::{Aws, Object, S3, Upload};
use crate::build::{Site, SiteFile};
use crate::content::Content;
use crate::event::{Reporter, task};

/// Returns the prefix of the keys of a site's entry files in the artifact bucket.
pub(super) fn folder(site_build: &str) -> String {
    format!("site/{site_build}/")
}

/// Returns whether a file of the site must be kept for a rollback: all but hashed names, which never
/// change their content and stay where they are.
pub(super) fn is_kept(path: &str) -> bool {
    !is_hashed(path) && path != CONFIG
}

/// Keeps the entry files of a site, those that are not kept already.
///
/// # Errors
/// The artifact bucket may not be read or written.
pub async fn keep_entry_files(site: &Site, s3: &S3, bucket: &str) -> Result<()> {
    let folder = folder(&site.build);
    let held = s3.list_objects(bucket, &folder).await?;
    let kept = site.files.iter().filter(|file| is_kept(&file.path));
    let copies = kept.map(|file| copy(&folder, file));
    let missing: Vec<Upload> = copies
        .filter(|copy| !held.contains_key(&copy.key))
        .collect();
    let puts = missing.iter().map(|copy| s3.put_object(bucket, copy));
    futures_util::stream::iter(puts)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

fn copy(folder: &str, file: &SiteFile) -> Upload {
    Upload {
        key: format!("{folder}{}", file.path),
        cache_control: "private",
        ..upload(&file.path, Content::File(file.content.clone()))
    }
}

/// Lists what is kept of a site, by key.
///
/// # Errors
/// The artifact bucket may not be read.
pub async fn list_kept(
    site_build: &str,
    s3: &S3,
    bucket: &str,
) -> Result<BTreeMap<String, Object>> {
    s3.list_objects(bucket, &folder(site_build)).await
}

/// Where a site's entry files come from.
#[derive(Clone, Debug)]
pub struct RollbackSource<'a> {
    /// The content id of the site to restore.
    pub build: &'a str,
    /// The artifact bucket.
    pub bucket: &'a str,
    /// The stored entry files of the site, by key.
    pub kept: &'a BTreeMap<String, Object>,
}

/// Brings a site back by its entry files alone and returns how many objects were sent. `held` is what the
/// site's bucket holds.
///
/// # Errors
/// A bucket may not be read or written, or the invalidation is refused.
pub async fn switch(
    source: &RollbackSource<'_>,
    held: &BTreeMap<String, Object>,
    page: &PageSettings,
    target: &SiteTarget,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<usize> {
    let differing = differing(source, held);
    let outcome = |sent: &usize| format!("{sent} sent");
    task(reporter, TASK, outcome, async {
        let gets = differing.iter().map(|path| fetch(source, path, &aws.s3));
        let fetched = futures_util::stream::iter(gets).buffered(PARALLEL);
        let mut uploads: Vec<Upload> = fetched.try_collect().await?;
        let config = upload(CONFIG, page_config(source.build, page).into());
        if !is_held(&config, held) {
            uploads.push(config);
        }
        let sent = uploads.len();
        let stale = stale(&uploads, held);
        for uploads in in_turns(uploads).values() {
            send(uploads, target, aws, reporter).await?;
        }
        invalidate(stale, source.build, target, aws).await?;
        Ok(sent)
    })
    .await
}

/// Returns the paths of the kept files that the site's bucket holds otherwise, or not at all.
fn differing(source: &RollbackSource<'_>, held: &BTreeMap<String, Object>) -> Vec<String> {
    let folder = folder(source.build);
    let kept = source.kept.iter();
    let paths = kept.filter_map(|(key, copy)| {
        let path = key.strip_prefix(&folder)?;
        let is_same = held
            .get(path)
            .is_some_and(|object| object.etag == copy.etag);
        (!is_same).then(|| path.to_owned())
    });
    paths.collect()
}

async fn fetch(source: &RollbackSource<'_>, path: &str, s3: &S3) -> Result<Upload> {
    let key = format!("{}{path}", folder(source.build));
    let content = s3.get_object(source.bucket, &key).await?;
    Ok(upload(path, content.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(rows: &[(&str, &str)]) -> BTreeMap<String, Object> {
        let object = |etag: &str| Object {
            etag: etag.to_owned(),
            ..Object::default()
        };
        let rows = rows.iter();
        rows.map(|(key, etag)| ((*key).to_owned(), object(etag)))
            .collect()
    }

    #[test]
    fn every_name_that_may_come_back_with_another_content_is_kept() {
        let kept = |path| is_kept(path);
        assert!(
            kept("index.html")
                && kept("favicon.svg")
                && kept("assets/logo.png")
                && kept("docs/index.html")
        );
        assert!(!kept("assets/index-a1b2c3d4.js") && !kept("config.json"));
    }

    #[test]
    fn only_what_differs_is_sent_back() {
        let kept = objects(&[
            ("site/b1/favicon.svg", "icon"),
            ("site/b1/index.html", "one"),
            ("site/b1/robots.txt", "all"),
        ]);
        let held = objects(&[
            ("favicon.svg", "icon"),
            ("index.html", "two"),
            ("foreign", "f"),
        ]);
        let source = RollbackSource {
            build: "b1",
            bucket: "artifacts",
            kept: &kept,
        };
        assert_eq!(differing(&source, &held), ["index.html", "robots.txt"]);
    }
}
