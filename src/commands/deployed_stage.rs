//! A stage that is deployed, for those who work with what is there. In: a `Config`. Out: its clients, its
//! stacks as they are. No template of the sources is read, so a broken one stops nobody. Nothing is started or changed.

use anyhow::{Context, Result};

use super::connect;
use crate::aws::Aws;
use crate::config::Config;
use crate::error::UserError;
use crate::local::{self, Platform, StageEndpoint};
use crate::outputs::Outputs;
use crate::plan;
use crate::provision::{DeployedStack, Unlisted, find_deployed_stacks};
use crate::release::{self, LiveRelease, ReleaseId, ReleaseRecord};

/// A deployed stage.
pub(super) struct DeployedStage {
    /// Where it is.
    pub(super) endpoint: StageEndpoint,
    /// Its clients.
    pub(super) aws: Aws,
    /// Its stacks that are there; at least one.
    pub(super) stacks: Vec<DeployedStack>,
}

impl DeployedStage {
    /// Returns the outputs of its stacks.
    pub(super) fn outputs(&self) -> Outputs {
        let stacks = self.stacks.iter();
        let outputs = stacks.map(|(plan, stack)| (plan.name.clone(), stack.outputs.clone()));
        outputs.collect()
    }
}

/// Finds a stage and its stacks.
///
/// # Errors
/// `UserError::StageAbsent` when nothing of the stage is there; there are no credentials, or AWS refuses the call.
pub(super) async fn find_deployed_stage(
    config: &Config,
    platform: &Platform,
) -> Result<DeployedStage> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let endpoint = platform.find().await?.ok_or_else(absent)?;
    let parts = platform.checks().await;
    if parts.iter().any(local::is_dead_endpoint) {
        return Err(absent().into());
    }
    let aws = connect(config, &endpoint).await?;
    let stacks = plan::stage_stacks(config, &endpoint.urls);
    let stacks = find_deployed_stacks(&aws, config, &stacks, Unlisted::Ignore).await?;
    if stacks.is_empty() {
        return Err(absent().into());
    }
    Ok(DeployedStage {
        endpoint,
        aws,
        stacks,
    })
}

/// The number of releases that are read where nobody asks for all.
pub(super) const RECENT: usize = 20;

/// A deployed stage and its past.
pub(super) struct ReleaseHistory {
    /// The stage.
    pub(super) stage: DeployedStage,
    /// The outputs of its stacks.
    pub(super) outputs: Outputs,
    /// The artifact bucket.
    pub(super) bucket: String,
    /// The keys of its release records, newest first.
    pub(super) keys: Vec<String>,
    /// The live release.
    pub(super) live: LiveRelease,
}

/// Looks at a stage and its past.
///
/// # Errors
/// `UserError::StageAbsent`; there are no credentials, or AWS refuses the call.
pub(super) async fn load_release_history(
    config: &Config,
    platform: &Platform,
) -> Result<ReleaseHistory> {
    let stage = find_deployed_stage(config, platform).await?;
    let outputs = stage.outputs();
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let bucket = outputs.find("foundation", "ArtifactBucket").cloned();
    let bucket = bucket.ok_or_else(absent)?;
    let site = outputs.find("site", "BucketName").cloned();
    let (keys, live) = tokio::try_join!(
        release::list_keys(&stage.aws.s3, &bucket),
        release::find_live(&stage.stacks, &stage.aws.s3, site.as_deref()),
    )?;
    Ok(ReleaseHistory {
        stage,
        outputs,
        bucket,
        keys,
        live,
    })
}

impl ReleaseHistory {
    /// Reads the newest records, at most `count`.
    ///
    /// # Errors
    /// The bucket may not be read.
    pub(super) async fn read_newest(&self, count: usize) -> Result<Vec<ReleaseRecord>> {
        let keys = &self.keys[..count.min(self.keys.len())];
        release::read_records(&self.stage.aws.s3, &self.bucket, keys).await
    }

    /// Reads the record of the release that an id means.
    ///
    /// # Errors
    /// It means none or several, or the bucket may not be read.
    pub(super) async fn read_one(&self, id: &ReleaseId) -> Result<ReleaseRecord> {
        let key = release::find_key(&self.keys, id)?.clone();
        let read = release::read_records(&self.stage.aws.s3, &self.bucket, &[key]).await?;
        read.into_iter().next().context("no record was read")
    }
}
