//! CloudFront: the invalidation of cached paths, and the names of the account's distributions.

use anyhow::{Context, Result};
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};

use super::denied::failure;
use super::fault::fault;

/// A name of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The host.
    pub name: String,
    /// The id of the distribution.
    pub distribution: String,
}

/// The client to CloudFront.
#[derive(Clone, Debug)]
pub struct CloudFront {
    client: Client,
}

impl CloudFront {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists the names of all distributions of the account.
    ///
    /// # Errors
    /// They may not be listed.
    pub async fn list_aliases(&self) -> Result<Vec<Alias>> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let request = self.client.list_distributions().set_marker(next);
            let page = request
                .send()
                .await
                .map_err(|error| failure(error, "cloudfront:ListDistributions"))
                .context("failed to list the distributions of the account")?;
            let Some(list) = page.distribution_list else {
                return Ok(found);
            };
            for distribution in list.items() {
                let aliases = distribution.aliases().map(|aliases| aliases.items());
                found.extend(aliases.unwrap_or_default().iter().map(|name| Alias {
                    name: name.clone(),
                    distribution: distribution.id().to_owned(),
                }));
            }
            next = list.next_marker.filter(|_| list.is_truncated);
            if next.is_none() {
                return Ok(found);
            }
        }
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
