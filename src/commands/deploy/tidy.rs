//! The last step of a deploy: it deletes from both buckets the objects that no kept release needs.

use std::time::SystemTime;

use crate::aws::Aws;
use crate::build::Artifacts;
use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::provision::{self, Provisioned};
use crate::release::{self, Buckets};

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
