//! CloudFront: the invalidation of cached paths.

use anyhow::{Context, Result};
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};

use super::fault::fault;

/// The client to CloudFront.
#[derive(Clone, Debug)]
pub struct CloudFront {
    client: Client,
}

impl CloudFront {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Asks for an invalidation and returns its id; it completes in the background. The same
    /// `reference` again is the same invalidation, so a repeat is safe.
    ///
    /// # Errors
    /// There is no such distribution, a path is malformed, or the quota is used up.
    pub async fn invalidate(
        &self,
        distribution: &str,
        paths: &[String],
        reference: &str,
    ) -> Result<String> {
        let quantity = i32::try_from(paths.len()).context("too many paths")?;
        let paths = Paths::builder()
            .quantity(quantity)
            .set_items(Some(paths.to_vec()))
            .build()?;
        let batch = InvalidationBatch::builder()
            .paths(paths)
            .caller_reference(reference)
            .build()?;
        let request = self
            .client
            .create_invalidation()
            .distribution_id(distribution);
        let response = request.invalidation_batch(batch).send().await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to invalidate distribution `{distribution}`"))?;
        Ok(output
            .invalidation
            .map(|invalidation| invalidation.id)
            .unwrap_or_default())
    }
}
