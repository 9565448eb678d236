//! CloudFront: the invalidation of cached paths, and the names and cached behaviours of the account's distributions.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::types::{DistributionSummary, InvalidationBatch, Paths};

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

/// A behaviour of a distribution before an origin that is no bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedBehavior {
    /// CloudFront's own domain of the distribution.
    pub domain: String,
    /// The pattern of its paths.
    pub path: String,
    /// The host of the origin.
    pub origin: String,
    /// The methods that are allowed.
    pub methods: Vec<String>,
    /// The cache policy.
    pub policy: CachePolicy,
    /// The least seconds that the distribution keeps errors, by their status.
    pub errors: BTreeMap<u16, u64>,
}

/// How long answers are kept, and what tells them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CachePolicy {
    /// The least time, in seconds.
    pub min_seconds: u64,
    /// The time where the origin says nothing, in seconds.
    pub default_seconds: u64,
    /// The most time, in seconds.
    pub max_seconds: u64,
    /// The parameters of the query that are part of the key.
    pub query: Vec<String>,
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
        let distributions = self.list_distributions().await?;
        let names = distributions.iter().flat_map(|distribution| {
            let aliases = distribution.aliases().map(|aliases| aliases.items());
            aliases.unwrap_or_default().iter().map(|name| Alias {
                name: name.clone(),
                distribution: distribution.id().to_owned(),
            })
        });
        Ok(names.collect())
    }

    /// Lists the behaviours of the account's distributions that lead to other hosts than buckets, with their cache policies.
    ///
    /// # Errors
    /// They may not be listed.
    pub async fn list_cached_behaviors(&self) -> Result<Vec<CachedBehavior>> {
        let mut found = Vec::new();
        for distribution in self.list_distributions().await? {
            let behaviors = distribution.cache_behaviors();
            for behavior in behaviors.map(|list| list.items()).unwrap_or_default() {
                let origins = distribution.origins().map(|list| list.items());
                let mut origins = origins.unwrap_or_default().iter();
                let origin = origins.find(|origin| origin.id() == behavior.target_origin_id());
                let Some(origin) = origin.filter(|origin| origin.custom_origin_config().is_some())
                else {
                    continue;
                };
                let methods = behavior.allowed_methods().map(|list| list.items());
                found.push(CachedBehavior {
                    domain: distribution.domain_name().to_owned(),
                    path: behavior.path_pattern().to_owned(),
                    origin: origin.domain_name().to_owned(),
                    methods: methods
                        .unwrap_or_default()
                        .iter()
                        .map(|method| method.as_str().to_owned())
                        .collect(),
                    policy: self.get_policy(behavior.cache_policy_id()).await?,
                    errors: error_lifetimes(&distribution),
                });
            }
        }
        Ok(found)
    }

    /// Returns a cache policy; a behaviour without one keeps nothing.
    async fn get_policy(&self, id: Option<&str>) -> Result<CachePolicy> {
        let Some(id) = id else {
            return Ok(CachePolicy::default());
        };
        let response = self.client.get_cache_policy().id(id).send().await;
        let output = response
            .map_err(|error| failure(error, "cloudfront:GetCachePolicy"))
            .with_context(|| format!("failed to get cache policy `{id}`"))?;
        let config = output
            .cache_policy
            .and_then(|policy| policy.cache_policy_config);
        let config = config.with_context(|| format!("cache policy `{id}` has no content"))?;
        let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or_default();
        let key = config
            .parameters_in_cache_key_and_forwarded_to_origin
            .as_ref();
        let names = key.and_then(|key| key.query_strings_config()?.query_strings());
        Ok(CachePolicy {
            min_seconds: seconds(config.min_ttl),
            default_seconds: seconds(config.default_ttl.unwrap_or_default()),
            max_seconds: seconds(config.max_ttl.unwrap_or_default()),
            query: names
                .map(|names| names.items().to_vec())
                .unwrap_or_default(),
        })
    }

    async fn list_distributions(&self) -> Result<Vec<DistributionSummary>> {
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
            next = list.next_marker.filter(|_| list.is_truncated);
            found.extend(list.items.unwrap_or_default());
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

/// Returns how long a distribution keeps errors. Those that it does not name are kept for ten seconds.
/// Source: CloudFront Developer Guide, "Control how long CloudFront caches errors".
fn error_lifetimes(distribution: &DistributionSummary) -> BTreeMap<u16, u64> {
    const CACHED: [u16; 10] = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503];
    const DEFAULT: u64 = 10;
    let mut seconds = BTreeMap::from(CACHED.map(|status| (status, DEFAULT)));
    seconds.insert(504, DEFAULT);
    let responses = distribution
        .custom_error_responses()
        .map(|list| list.items());
    for response in responses.unwrap_or_default() {
        if let Ok(status) = u16::try_from(response.error_code()) {
            let least = response
                .error_caching_min_ttl()
                .and_then(|least| u64::try_from(least).ok());
            seconds.insert(status, least.unwrap_or(DEFAULT));
        }
    }
    seconds
}
