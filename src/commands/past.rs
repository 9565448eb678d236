//! The past of a deployed stage. In: a `Config`. Out: the stage, the keys of its releases, and what runs.
//! Reads only.

use anyhow::{Context, Result};

use super::standing::{Standing, find_standing};
use crate::config::Config;
use crate::error::UserError;
use crate::local::Platform;
use crate::provision::Outputs;
use crate::release::{self, Live, ReleaseId, ReleaseRecord};

/// How many releases are looked at where nobody asks for all.
pub(super) const RECENT: usize = 20;

/// A deployed stage and its past.
pub(super) struct Past {
    /// The stage.
    pub(super) stage: Standing,
    /// What its stacks put out.
    pub(super) outputs: Outputs,
    /// The artifact bucket.
    pub(super) bucket: String,
    /// The keys of its release records, newest first.
    pub(super) keys: Vec<String>,
    /// What runs.
    pub(super) live: Live,
}

/// Looks at a stage and its past.
///
/// # Errors
/// `UserError::StageAbsent`; there are no credentials, or AWS says no.
pub(super) async fn look_back(config: &Config, platform: &Platform) -> Result<Past> {
    let stage = find_standing(config, platform).await?;
    let outputs: Outputs = stage
        .stacks
        .iter()
        .map(|(plan, stack)| (plan.name.clone(), stack.outputs.clone()))
        .collect();
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let bucket = output(&outputs, "foundation", "ArtifactBucket").map_err(|_| absent())?;
    let site = output(&outputs, "site", "BucketName").ok();
    let (keys, live) = tokio::try_join!(
        release::list_keys(&stage.aws.s3, &bucket),
        release::find_live(&stage.stacks, &stage.aws.s3, site.as_deref()),
    )?;
    Ok(Past {
        stage,
        outputs,
        bucket,
        keys,
        live,
    })
}

impl Past {
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

/// Returns what a stack puts out under a name.
///
/// # Errors
/// There is no such stack, or it puts out no such thing.
pub(super) fn output(outputs: &Outputs, stack: &str, name: &str) -> Result<String> {
    let found = outputs.get(stack).and_then(|of| of.get(name)).cloned();
    found.with_context(|| format!("stack `{stack}` has no output `{name}`"))
}
