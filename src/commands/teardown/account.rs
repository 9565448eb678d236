//! The stages of a configuration file as the account knows them. In: the key of the stages, or one of them. Out: which of them have
//! stacks, when they last changed, and what they cost. Nothing is changed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Result;

use crate::aws::{Aws, StackState};
use crate::config::{Config, Region, STACKS};
use crate::event::Reporter;
use crate::local::Platform;
use crate::plan::{self, STAGE_TAG};
use crate::provision::{self, DeployedStack, Unlisted, retry_transient};
use crate::release;
use crate::template::{self, Body};

/// The stacks that some stages have beside those that every stage has.
const SOMETIMES: [&str; 2] = ["auth", "live-appsync"];

/// The stack whose artifact bucket keeps the records of releases.
const FOUNDATION: &str = "foundation";

/// Lists the stages of a key that have stacks in the account, each with the newest change of its stacks.
pub(super) async fn list_stages(
    of: &Config,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, Option<SystemTime>>> {
    let prefix = match of.all_of_pattern() {
        Some(all) => all.pattern.stack_prefix(&of.name),
        None => of.stack_name(""),
    };
    let mut regions = vec![of.settings.region.clone(), Region::of_cloudfront()];
    regions.dedup();
    let mut stages: BTreeMap<String, Option<SystemTime>> = BTreeMap::new();
    for region in regions {
        let client = aws.cloudformation_in(&region);
        let stacks = retry_transient(reporter, || client.list_stack_changes(&prefix)).await?;
        for (stack, changed) in stacks {
            let name = match stage_of(of, &stack) {
                Some(name) => name.to_owned(),
                // A stack of an own template: its tag says whose.
                None => match client
                    .find_stack(&stack)
                    .await?
                    .and_then(|mut stack| stack.tags.remove(STAGE_TAG))
                {
                    Some(name) => name,
                    None => continue,
                },
            };
            let known = stages.entry(name).or_insert(changed);
            *known = known.zip(changed).map(|(one, other)| one.max(other));
        }
    }
    Ok(stages)
}

/// Returns the stage of a stack of ours, by the stack's name.
fn stage_of<'a>(of: &Config, stack: &'a str) -> Option<&'a str> {
    let name = stack.strip_prefix(of.name.as_str())?.strip_prefix('-')?;
    let stages = STACKS
        .iter()
        .chain(&SOMETIMES)
        .filter_map(|stack| name.strip_suffix(stack)?.strip_suffix('-'));
    // Of stacks whose names end alike, the longer name is meant.
    stages.min_by_key(|stage| stage.len())
}

/// Finds the stacks of a stage that are deployed.
pub(super) async fn find_stacks(config: &Config, aws: &Aws) -> Result<Vec<DeployedStack>> {
    let stacks = plan::stage_stacks(config, &Platform::of(config).urls());
    provision::find_deployed_stacks(aws, config, &stacks, Unlisted::Refuse).await
}

/// Returns when the newest release was recorded: a deploy that changes nothing but the site changes no stack.
pub(super) async fn last_release(
    aws: &Aws,
    stacks: &[DeployedStack],
) -> Result<Option<SystemTime>> {
    let foundation = stacks.iter().find(|(plan, _)| plan.name == FOUNDATION);
    // Where its deletion has failed, the bucket may be gone.
    let Some((_, stack)) = foundation.filter(|(_, stack)| stack.state != StackState::HalfDeleted)
    else {
        return Ok(None);
    };
    let Some(bucket) = stack.outputs.get("ArtifactBucket") else {
        return Ok(None);
    };
    let keys = release::list_keys(&aws.s3, bucket).await?;
    Ok(keys.first().and_then(|key| release::released_at(key)))
}

/// Returns the costs of a stage without visitors, in US dollars a month, or `None` where its templates cannot be read.
pub(super) async fn monthly_costs(
    config: &Config,
    aws: &Aws,
    stacks: &[DeployedStack],
    reporter: &dyn Reporter,
) -> Option<f64> {
    let mut rendered = Vec::new();
    for (plan, stack) in stacks {
        let client = aws.cloudformation_in(&plan.region);
        let body: Body = retry_transient(reporter, || client.get_template(&stack.id))
            .await
            .ok()?
            .into();
        let resources = template::render(body.document().ok()?, &stack.parameters).resources;
        rendered.push((plan.name.as_str(), resources));
    }
    let stacks = rendered.iter().map(|(name, resources)| (*name, resources));
    Some(plan::idle_costs(&config.settings.region, stacks).total)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the configuration of a stage of a pattern that expires after three days.
    pub(in super::super) fn config(stage: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("factory-tree.yaml");
        let text = "stages:\n  preview-*: { domain: '{stage}.example.com', region: us-east-1, expires_after: 3d }\n";
        std::fs::write(&file, text).unwrap();
        Config::load(&file, Some(stage)).unwrap()
    }

    #[test]
    fn the_stage_of_a_stack_is_known_by_the_stacks_that_every_stage_has() {
        let of = config("preview-1");
        for (stack, stage) in [
            ("factory-tree-preview-1-data", Some("preview-1")),
            (
                "factory-tree-preview-1-certificate-us-east-1",
                Some("preview-1"),
            ),
            ("factory-tree-preview-data-site", Some("preview-data")),
            ("factory-tree-preview-1-auth", Some("preview-1")),
            ("factory-tree-preview-1-queue", None),
            ("factory-tree-data", None),
            ("other-preview-1-data", None),
        ] {
            assert_eq!(stage_of(&of, stack), stage, "{stack}");
        }
    }
}
