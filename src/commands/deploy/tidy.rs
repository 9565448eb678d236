//! The last step of a deploy: it deletes from both buckets the objects that no kept release needs or, when that was asked for,
//! those that the live one does not need.

use std::time::SystemTime;

use anyhow::{Context, Result};

use super::DeployRequest;
use crate::aws::Aws;
use crate::build::Artifacts;
use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::provision::{self, Provisioned};
use crate::release::{self, Buckets, Pruned};

/// Deletes what no kept release needs. The release is live by now: it does not fail for want of room.
pub(super) async fn tidy(
    config: &Config,
    artifacts: &Artifacts,
    stacks: &[Provisioned],
    aws: &Aws,
    reporter: &dyn Reporter,
) {
    let outputs = provision::outputs_of(stacks);
    let work = async {
        let buckets = Buckets {
            artifacts: outputs.get("foundation", "ArtifactBucket")?,
            site: outputs.get("site", "BucketName")?,
        };
        let (live, keep) = (artifacts.build(), config.settings.keep_releases);
        release::tidy(buckets, &live, keep, &aws.s3, SystemTime::now()).await
    };
    match work.await {
        Ok(0) => {}
        Ok(deleted) => reporter.report(Event::Note(format!(
            "deleted objects that no kept release needs: {deleted}"
        ))),
        Err(error) => reporter.report(Event::Warning(format!(
            "objects that no release needs were not deleted; the next deploy tries again: {error:#}"
        ))),
    }
}

/// Deletes at once what only earlier releases have of the site, if that is asked for.
///
/// # Errors
/// It was asked for and could not be done; the release is live.
pub(super) async fn prune_on_request(
    request: &DeployRequest,
    artifacts: &Artifacts,
    stacks: &[Provisioned],
    aws: &Aws,
) -> Result<Option<Pruned>> {
    if !request.prune {
        return Ok(None);
    }
    let outputs = provision::outputs_of(stacks);
    let buckets = Buckets {
        artifacts: outputs.get("foundation", "ArtifactBucket")?,
        site: outputs.get("site", "BucketName")?,
    };
    let distribution = outputs.get("site", "DistributionId")?;
    let live = artifacts.build();
    let work = release::prune(buckets, distribution, &live, aws);
    work.await.map(Some).context(
        "the release is live, and what only earlier ones have is not deleted; the same command tries again",
    )
}
