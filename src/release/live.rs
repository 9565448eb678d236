//! The live release. In: the parameters of the stacks, and the site's `config.json`. Out: which artifacts and
//! which site that is, so that it is known also after a deploy that was cut short or failed.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::files::CONFIG;
use super::record::{ArtifactRecord, ReleaseRecord};
use crate::aws::{S3, Stack};
use crate::plan::{ArtifactFact, ParameterSource, StageStack};
use crate::provision::DeployedStack;
use crate::publish::Published;

/// The artifacts and the site that are live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveRelease {
    /// The artifacts, as the parameters of the stacks name them.
    pub artifacts: Published,
    /// The content id of the site; unknown when its bucket does not say.
    pub site: Option<String>,
}

impl LiveRelease {
    /// Returns the place of the newest record that is of what runs; records come newest first. A good release goes before
    /// one that failed and shipped the same.
    pub fn position(&self, records: &[ReleaseRecord]) -> Option<usize> {
        let is_live = |record: &ReleaseRecord| self.is(record);
        let good = records
            .iter()
            .position(|record| record.is_good() && is_live(record));
        good.or_else(|| records.iter().position(is_live))
    }

    /// Returns whether what runs is what a release brought.
    pub fn is(&self, record: &ReleaseRecord) -> bool {
        self.artifacts == shipped(record) && self.has_site_of(record)
    }

    /// Returns the parts that a rollback to a release would change: `site`, `api`,
    /// `publisher`, `server`.
    pub fn changed_parts(&self, record: &ReleaseRecord) -> Vec<&'static str> {
        use ArtifactFact as Fact;
        let wanted = shipped(record);
        let is_other = |fact| self.artifacts.get(&fact) != wanted.get(&fact);
        let parts = [
            ("site", !self.has_site_of(record)),
            ("api", is_other(Fact::ApiKey)),
            ("publisher", is_other(Fact::PublisherKey)),
            ("server", is_other(Fact::BundleKey)),
        ];
        let moved = parts.into_iter().filter(|(_, is_other)| *is_other);
        moved.map(|(name, _)| name).collect()
    }

    fn has_site_of(&self, record: &ReleaseRecord) -> bool {
        self.site.as_ref() == Some(&record.site.build)
    }
}

/// Returns the parameters of stacks that name a release's artifacts.
pub fn shipped(record: &ReleaseRecord) -> Published {
    use ArtifactFact as Fact;
    let facts = [
        ("api", Fact::ApiKey, Fact::ApiBuild),
        ("publisher", Fact::PublisherKey, Fact::PublisherBuild),
        ("websocket", Fact::BundleKey, Fact::ServerBuild),
    ];
    let known = facts.into_iter().filter_map(|(name, key, build)| {
        let artifact = record.artifacts.get(name)?;
        Some([
            (key, artifact.key.clone()),
            (build, artifact.id().to_owned()),
        ])
    });
    known.flatten().collect()
}

impl ArtifactRecord {
    /// Returns the short content id: what the running part says its build is, as `Artifact::id`.
    pub fn id(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// Finds what runs: from stacks as they were found, and from the bucket of the site.
///
/// # Errors
/// The bucket may not be read.
pub async fn find_live(
    stacks: &[DeployedStack],
    s3: &S3,
    site_bucket: Option<&str>,
) -> Result<LiveRelease> {
    let reported = stacks.iter().flat_map(|(plan, stack)| {
        facts(plan).filter_map(|(name, fact)| Some((fact, stack.parameters.get(name)?.clone())))
    });
    let site = match site_bucket {
        Some(bucket) => find_site_build(s3, bucket).await?,
        None => None,
    };
    Ok(LiveRelease {
        artifacts: reported.collect(),
        site,
    })
}

#[derive(Deserialize)]
struct DeployedPageConfig {
    build: String,
}

async fn find_site_build(s3: &S3, bucket: &str) -> Result<Option<String>> {
    if !s3.list_objects(bucket, CONFIG).await?.contains_key(CONFIG) {
        return Ok(None);
    }
    let body = s3.get_object(bucket, CONFIG).await?;
    let config = serde_json::from_slice::<DeployedPageConfig>(&body);
    Ok(config.ok().map(|config| config.build))
}

/// The parameters of a stack that name artifacts.
fn facts(plan: &StageStack) -> impl Iterator<Item = (&'static str, ArtifactFact)> {
    plan.parameters
        .iter()
        .filter_map(|(name, source)| match source {
            ParameterSource::Artifact(fact) => Some((*name, *fact)),
            ParameterSource::Value(_) | ParameterSource::Output { .. } => None,
        })
}

/// A stack that must be updated: as planned, as found, and the parameters that change.
pub type Outdated<'a> = (&'a StageStack, &'a Stack, BTreeMap<String, String>);

/// Returns the stacks that must be updated so that these artifacts run. No other stack has parameters of
/// artifacts, so the data stack is never among them.
pub fn outdated<'a>(
    stacks: &'a [DeployedStack],
    wanted: &'a Published,
) -> impl Iterator<Item = Outdated<'a>> {
    let all = stacks.iter().map(|(plan, stack)| {
        let known = facts(plan).filter_map(|(name, fact)| Some((name, wanted.get(&fact)?)));
        let other = known.filter(|(name, value)| stack.parameters.get(*name) != Some(value));
        let other = other.map(|(name, value)| (name.to_owned(), value.clone()));
        (plan, stack, other.collect())
    });
    all.filter(|(_, _, other): &Outdated<'_>| !other.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::{live, record};

    #[test]
    fn the_newest_release_that_ships_what_runs_is_live() {
        let records = [record("b", 0), record("a", 1), record("a", 2)];
        assert_eq!(live("a").position(&records), Some(1));
        assert_eq!(live("c").position(&records), None);
        let failed = ["a", "b"].map(|build| record(build, 0).failed(String::new()));
        let [a, b] = failed;
        assert_eq!(live("a").position(&[a, b.clone(), record("a", 1)]), Some(2));
        assert_eq!(live("b").position(&[b, record("a", 1)]), Some(0));
        let half = LiveRelease {
            site: Some("b".to_owned()),
            ..live("a")
        };
        assert_eq!(half.position(&records), None);
        assert_eq!(half.changed_parts(&records[1]), ["site"]);
        assert_eq!(
            half.changed_parts(&records[0]),
            ["api", "publisher", "server"]
        );
    }
}
