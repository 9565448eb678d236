//! The release record of a deploy or a rollback. In: what was built and provisioned. Out: the record in the artifact bucket,
//! or a warning: the work is done by then, and does not fail for want of one.

use std::time::SystemTime;

use anyhow::Result;

use crate::aws::Aws;
use crate::build::Artifacts;
use crate::config::{Config, ContinuousIntegration};
use crate::event::{Event, Reporter};
use crate::provision::{self, Provisioned};
use crate::release::{self, Deploy, ReleaseRecord};

/// Returns the circumstances of a deploy or a rollback that has just ended, for its record.
pub(in crate::commands) async fn deploy_record(
    config: &Config,
    aws: &Aws,
    seconds: f64,
    plan: Option<String>,
) -> Result<Deploy> {
    Ok(Deploy {
        stage: config.stage.to_string(),
        actor: aws.sts.get_identity().await?.arn,
        ci_actor: ContinuousIntegration::detect().and_then(|job| job.actor),
        seconds,
        at: SystemTime::now(),
        plan,
    })
}

/// Returns whether the newest release record describes what is deployed. If it cannot be asked for, that is warned of, and
/// no second one is written.
pub(super) async fn is_recorded(
    artifacts: &Artifacts,
    stacks: &[Provisioned],
    aws: &Aws,
    reporter: &dyn Reporter,
) -> bool {
    let work = async {
        let outputs = provision::outputs_of(stacks);
        let bucket = outputs.get("foundation", "ArtifactBucket")?;
        let last = release::find_last_record(&aws.s3, bucket).await?;
        Ok(last.is_some_and(|last| last.describes(artifacts, stacks)))
    };
    work.await.unwrap_or_else(|error: anyhow::Error| {
        reporter.report(Event::Warning(format!(
            "whether this release is on record is not known: {error:#}"
        )));
        true
    })
}

/// Keeps a record of what was deployed and returns the release's id. The deploy is done by now: it does
/// not fail for want of one.
pub(super) async fn keep_record(
    deploy: impl Future<Output = Result<Deploy>>,
    artifacts: &Artifacts,
    stacks: &[Provisioned],
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Option<String> {
    let work = async {
        let outputs = provision::outputs_of(stacks);
        let bucket = outputs.get("foundation", "ArtifactBucket")?;
        let digests = release::stack_digests(stacks);
        let record = ReleaseRecord::of(deploy.await?, artifacts, digests);
        release::keep_record(&record, &aws.s3, bucket).await?;
        Ok(record.id())
    };
    record_id_or_warning(work.await, reporter)
}

/// Returns the id of a release whose record was kept; warns of one that was not.
pub(in crate::commands) fn record_id_or_warning(
    record: Result<String>,
    reporter: &dyn Reporter,
) -> Option<String> {
    record
        .map_err(|error| {
            reporter.report(Event::Warning(format!(
                "the release record was not written, so `status` and `rollback` do not know of this release: {error:#}"
            )));
        })
        .ok()
}
