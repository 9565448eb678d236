//! Sends the objects that a release changes. In: the objects of one phase. Out: the bucket holds them, and for what
//! pages name, a listing has shown that it does.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use futures_util::stream::{StreamExt, TryStreamExt};

use super::SiteTarget;
use super::difference::is_held;
use crate::aws::{Aws, Object, Upload};
use crate::event::{Event, Reporter};

/// The number of objects that are sent at the same time.
pub(super) const PARALLEL: usize = 16;

/// The name of the task.
pub(super) const TASK: &str = "site files";

pub(super) async fn send(
    uploads: &[Upload],
    target: &SiteTarget,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<()> {
    let puts = uploads.iter().map(|upload| {
        reporter.report(Event::TaskProgress {
            task: TASK.to_owned(),
            detail: upload.key.clone(),
        });
        aws.s3.put_object(&target.bucket, upload)
    });
    futures_util::stream::iter(puts)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

/// Makes sure that the bucket holds what pages are about to name: everything of the release, not only what
/// was just sent.
///
/// # Errors
/// The bucket may not be read, or something is not there, or is something else: somebody else writes too.
pub(super) async fn make_sure(assets: &[Upload], target: &SiteTarget, aws: &Aws) -> Result<()> {
    let held = aws.s3.list_objects(&target.bucket, "").await?;
    let Some(key) = first_missing(assets, &held) else {
        return Ok(());
    };
    bail!(
        "failed to find `{key}` in bucket `{}` as it was sent; the site is as it was before",
        target.bucket
    )
}

fn first_missing<'a>(assets: &'a [Upload], held: &BTreeMap<String, Object>) -> Option<&'a str> {
    let missing = assets.iter().find(|asset| !is_held(asset, held));
    missing.map(|asset| asset.key.as_str())
}
