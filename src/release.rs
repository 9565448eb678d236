//! In: the built site and the site stack's outputs. Out: the site's bucket holds this release, and the
//! caches know. What pages name comes first and is made sure of, then pages, then the first page, then
//! `config.json`, which says which build is live: wherever a release is cut off, every page that is there
//! finds all that it names, and the next release sends what is missing. Old assets stay, so that open pages
//! go on working; `tidy` takes them when nobody can need them any more.

mod availability;
mod difference;
mod entry_files;
#[cfg(test)]
pub(crate) mod fake;
mod files;
mod history;
mod live;
mod media_type;
mod page_sign_in;
mod record;
mod remaining;
#[cfg(test)]
mod samples;
mod send;
mod tidy;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::aws::{Aws, Upload};
use crate::build::Site;
use crate::event::{Reporter, task};
pub use availability::{AvailableObjects, missing};
pub use difference::{SiteChanges, difference};
pub use entry_files::{RollbackSource, keep_entry_files, list_kept, switch};
pub use files::PageSettings;
use files::{UploadPhase, uploads};
pub use history::{
    ReleaseId, RollbackIntent, begin_rollback, default_target, find_intent, find_key, list_keys,
    read_records,
};
pub use live::{LiveRelease, Outdated, find_live, outdated, shipped};
pub use page_sign_in::PageSignIn;
pub use record::{
    ArtifactRecord, Deploy, ReleaseRecord, SiteRecord, find_last_record, id_of, keep_record,
    stack_digests,
};
pub use remaining::{Pruned, prune, remaining_files};
use send::{TASK, make_sure, send};
pub use tidy::{Buckets, released_at, tidy};

/// Where a site goes.
#[derive(Clone, Debug)]
pub struct SiteTarget {
    /// Its bucket.
    pub bucket: String,
    /// The distribution before the bucket.
    pub distribution: String,
}

/// Brings the site's bucket to this release and returns how many objects were sent.
///
/// # Errors
/// The bucket may not be written, what was sent is not there, or the invalidation is refused.
pub async fn release(
    site: &Site,
    page: &PageSettings,
    target: &SiteTarget,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<usize> {
    let held = aws.s3.list_objects(&target.bucket, "").await?;
    let SiteChanges { changed, stale, .. } = difference(site, page, &held);
    if changed.is_empty() {
        return Ok(0);
    }
    let sent = changed.len();
    let outcome = |(): &()| format!("{sent} sent");
    task(reporter, TASK, outcome, async {
        for (turn, uploads) in in_turns(changed) {
            send(&uploads, target, aws, reporter).await?;
            if turn < UploadPhase::Page {
                make_sure(&of_turn(turn, site, page), target, aws).await?;
            }
        }
        invalidate(stale, &site.build, target, aws).await
    })
    .await?;
    Ok(sent)
}

/// Sorts objects by when they are sent.
fn in_turns(changed: Vec<Upload>) -> BTreeMap<UploadPhase, Vec<Upload>> {
    let mut turns: BTreeMap<UploadPhase, Vec<Upload>> = BTreeMap::new();
    for upload in changed {
        turns
            .entry(UploadPhase::of(&upload.key))
            .or_default()
            .push(upload);
    }
    turns
}

/// Returns what a site sends in a turn, be it there already or not.
fn of_turn(turn: UploadPhase, site: &Site, page: &PageSettings) -> Vec<Upload> {
    let all = uploads(site, page).into_iter();
    all.filter(|upload| UploadPhase::of(&upload.key) == turn)
        .collect()
}

/// Takes what was replaced out of the caches. A release that is cut off before this leaves nothing stale:
/// what can be replaced is `no-cache`, so that edges ask for it each time.
async fn invalidate(stale: Vec<String>, build: &str, target: &SiteTarget, aws: &Aws) -> Result<()> {
    if stale.is_empty() {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let reference = format!("{build}-{}", now.unwrap_or_default().as_millis());
    aws.cloudfront
        .invalidate(&target.distribution, &stale, &reference)
        .await?;
    Ok(())
}
