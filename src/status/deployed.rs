//! The last deploy: the newest release record in the artifact bucket.

use anyhow::Result;

use crate::aws::Aws;
use crate::provision::FoundStack;
use crate::release::{self, ReleaseRecord};

/// The stack that holds the artifact bucket.
const FOUNDATION: &str = "foundation";

pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> Result<Option<ReleaseRecord>> {
    let foundation = found.iter().find(|stack| stack.plan.name == FOUNDATION);
    let stack = foundation.and_then(|foundation| foundation.stack.as_ref());
    match stack.and_then(|stack| stack.outputs.get("ArtifactBucket")) {
        Some(bucket) => release::find_last_record(&aws.s3, bucket).await,
        None => Ok(None),
    }
}
