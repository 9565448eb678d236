//! The live release. In: the parameters of the stacks, and the site's `config.json`. Out: which artifacts and
//! which site that is, so that it is known also after a deploy that was cut short or failed.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::files::CONFIG;
use super::record::{ArtifactRecord, ReleaseRecord};
use crate::aws::{S3, Stack};
use crate::plan::{ArtifactFact, ParameterSource, SERVER, StageStack};
use crate::provision::DeployedStack;
use crate::publish::Published;

/// The artifacts that every stage runs. The server is not among them: a stage may do without.
const OURS: [&str; 2] = ["api", "publisher"];

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
        self.changed_artifacts(record).next().is_none() && self.has_site_of(record)
    }

    /// Returns the parts that a rollback to a release would change: `site`, `api`,
    /// `publisher`, `server`, own Lambdas.
    pub fn changed_parts(&self, record: &ReleaseRecord) -> Vec<String> {
        let site = (!self.has_site_of(record)).then(|| "site".to_owned());
        let mut moved: Vec<String> = site.into_iter().collect();
        for fact in self.changed_artifacts(record) {
            let (ArtifactFact::Key(artifact) | ArtifactFact::Build(artifact)) = fact;
            let name = if artifact == SERVER {
                "server".to_owned()
            } else {
                artifact
            };
            if !moved.contains(&name) {
                moved.push(name);
            }
        }
        moved
    }

    /// The properties of artifacts in which a release differs from what runs. The server and an own Lambda count only where
    /// both have it: a release does not take a stack away.
    fn changed_artifacts(&self, record: &ReleaseRecord) -> impl Iterator<Item = ArtifactFact> {
        let wanted = shipped(record);
        let ours = OURS.into_iter().flat_map(ArtifactFact::of);
        let own = wanted.keys().filter(|fact| {
            let (ArtifactFact::Key(name) | ArtifactFact::Build(name)) = fact;
            !OURS.contains(&name.as_str()) && self.artifacts.contains_key(*fact)
        });
        let all: Vec<ArtifactFact> = ours.chain(own.cloned()).collect();
        all.into_iter()
            .filter(move |fact| self.artifacts.get(fact) != wanted.get(fact))
    }

    fn has_site_of(&self, record: &ReleaseRecord) -> bool {
        self.site.as_ref() == Some(&record.site.build)
    }
}

/// Returns the parameters of stacks that name a release's artifacts.
pub fn shipped(record: &ReleaseRecord) -> Published {
    let known = record.artifacts.iter().flat_map(|(name, artifact)| {
        [
            (ArtifactFact::Key(name.clone()), artifact.key.clone()),
            (ArtifactFact::Build(name.clone()), artifact.id().to_owned()),
        ]
    });
    known.collect()
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
fn facts(plan: &StageStack) -> impl Iterator<Item = (&str, ArtifactFact)> {
    plan.parameters
        .iter()
        .filter_map(|(name, source)| match source {
            ParameterSource::Artifact(fact) => Some((name.as_str(), fact.clone())),
            _ => None,
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
        let other = known.filter(|(name, value)| stack.parameters.get(*name) != Some(*value));
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

    #[test]
    fn an_own_lambda_counts_where_both_have_it() {
        let with = |build: &str, own: &str| {
            let mut record = record(build, 0);
            let artifact = ArtifactRecord {
                key: format!("artifacts/counter/{own}.zip"),
                hash: own.repeat(64),
            };
            record.artifacts.insert("counter".to_owned(), artifact);
            record
        };
        let running = LiveRelease {
            artifacts: shipped(&with("a", "1")),
            ..live("a")
        };
        assert_eq!(running.changed_parts(&with("a", "2")), ["counter"]);
        assert!(running.is(&with("a", "1")));
        assert!(
            running.is(&record("a", 0)),
            "a release of before there was one"
        );
        assert!(live("a").is(&with("a", "2")), "its stack is gone");
    }
}
