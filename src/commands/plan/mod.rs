//! `plan`: everything that a deploy would do, before anything is touched. Builds, asks, decides nothing
//! and changes nothing: change sets are asked for and deleted again, for stacks that are there and differ.

mod former;
mod losses;
mod stack;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::{connect, ensure_credentials, step};
use crate::aws::{Aws, Object, Stack};
use crate::build::{self, Artifacts};
use crate::config::{Config, Hosting};
use crate::error::UserError;
use crate::event::{Event, Reporter, Step, task};
use crate::file;
use crate::live::LiveChannel;
use crate::local::{self, Platform, StageEndpoint};
use crate::outputs::Outputs;
use crate::plan::{
    self, ArtifactFact, ArtifactPreview, IdleCosts, Plan, Preview, RemainingFile, SavedPlan,
    SitePreview, StackPlan, StageStack, UndescribedStack,
};
use crate::provision::{ImageChoice, Unlisted, find_deployed_stacks, retry_transient};
use crate::publish;
use crate::release::{self, PageSettings, PageSignIn};
use crate::template::AFTER_DEPLOY;
use former::preview_former;
pub(super) use losses::ensure_consent_to_losses;
use stack::{AskAbout, PreviewInputs, PreviewedStack, preview_stack};

const STACKS: &str = "stacks";

/// Finds out what a deploy of a stage would do.
///
/// # Errors
/// The build fails, there are no credentials, a stack is busy or needs a person, or CloudFormation refuses
/// a template.
pub async fn plan(config: &Config, image: ImageChoice, reporter: &dyn Reporter) -> Result<Preview> {
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    super::validate::read_valid_plan(config, &platform.urls(), reporter)?;
    ensure_credentials(config, &platform).await?;
    let mut steps = Vec::new();
    let work = build::build(config, reporter);
    let artifacts = step(Step::Build, &mut steps, reporter, work).await?;
    let work = preview(config, &platform, &artifacts, image, reporter);
    step(Step::Plan, &mut steps, reporter, work).await
}

/// Finds out what a deploy of these artifacts would do.
pub(super) async fn preview(
    config: &Config,
    platform: &Platform,
    artifacts: &Artifacts,
    image: ImageChoice,
    reporter: &dyn Reporter,
) -> Result<Preview> {
    let urls = platform.urls();
    let plan = super::validate::read_plan(config, &urls)?;
    let aws = match endpoint_without_start(platform).await? {
        Some(endpoint) => Some(connect(config, &endpoint).await?),
        None => None,
    };
    let found = find_stacks(aws.as_ref(), config, &plan, reporter).await?;
    let undescribed = undescribed(config, &plan, &found);
    let facts = PreviewInputs {
        aws: aws.as_ref(),
        bucket: artifact_bucket(&found),
        artifacts: publish::facts(artifacts),
        ask: AskAbout::Everything,
        image,
        reporter,
    };
    let work = preview_stacks(&facts, &plan, &found);
    let (mut ahead, planned) = task(reporter, STACKS, |_| "compared".to_owned(), work).await?;
    let held = list_site_objects(aws.as_ref(), &planned).await?;
    let page = PageSettings {
        live: LiveChannel::of(config.settings.live, &planned, &urls)?,
        sign_in: PageSignIn::find(&urls, &planned),
        urls,
    };
    let difference = release::difference(&artifacts.site, &page, &held);
    let remain = remaining_files(config, artifacts, &held, aws.as_ref(), &planned).await?;
    let site = site_preview(&difference, &held, remain);
    let mut parts = parts(config, artifacts, &page, &held);
    let idle_costs = idle_costs(config, &ahead);
    if let Some(former) = preview_former(&facts, config).await? {
        let live = config.settings.live.template();
        let place = ahead.iter().position(|seen| seen.preview.name == live);
        ahead.insert(place.unwrap_or_default(), former);
    }
    parts.extend(ahead.iter().flat_map(|ahead| ahead.parts.clone()));
    let names = ahead.iter().flat_map(|ahead| ahead.names.clone()).collect();
    let stacks: Vec<_> = ahead.into_iter().map(|ahead| ahead.preview).collect();
    Ok(Preview {
        stage: config.stage.to_string(),
        outcome: plan::outcome(&stacks, &site),
        digest: plan::digest(&parts),
        artifacts: artifact_previews(artifacts, &found),
        stacks,
        undescribed,
        site,
        idle_costs,
        names,
        parts,
    })
}

/// A stage on this machine costs nothing.
fn idle_costs(config: &Config, stacks: &[PreviewedStack]) -> Option<IdleCosts> {
    let stacks = stacks.iter();
    let stacks = stacks.map(|stack| (stack.preview.name.as_str(), &stack.resources));
    let is_paid = config.settings.hosting == Hosting::Aws;
    is_paid.then(|| plan::idle_costs(&config.settings.region, stacks))
}

/// Returns where the stage is reached, or `None` if there is no endpoint to ask: then nothing is there.
async fn endpoint_without_start(platform: &Platform) -> Result<Option<StageEndpoint>> {
    let Some(endpoint) = platform.find().await? else {
        return Ok(None);
    };
    let checks = platform.checks().await;
    let is_dead = checks.iter().any(local::is_dead_endpoint);
    Ok((!is_dead).then_some(endpoint))
}

/// Deployed stacks by short name.
type StacksByName = BTreeMap<String, Stack>;

/// Returns the bucket that the deployed foundation puts out.
fn artifact_bucket(found: &StacksByName) -> Option<String> {
    let foundation = found.get("foundation")?;
    foundation.outputs.get("ArtifactBucket").cloned()
}

async fn find_stacks(
    aws: Option<&Aws>,
    config: &Config,
    plan: &Plan,
    reporter: &dyn Reporter,
) -> Result<StacksByName> {
    let Some(aws) = aws else {
        return Ok(StacksByName::new());
    };
    let stacks: Vec<StageStack> = plan.all().map(StackPlan::stage_stack).collect();
    let found = retry_transient(reporter, || {
        find_deployed_stacks(aws, config, &stacks, Unlisted::Ignore)
    });
    let found = found.await?;
    let by_name = found.into_iter().map(|(known, stack)| (known.name, stack));
    Ok(by_name.collect())
}

/// Returns the stacks of own templates that are deployed and have no template any more.
fn undescribed(config: &Config, plan: &Plan, found: &StacksByName) -> Vec<UndescribedStack> {
    let names = found.keys();
    let without = names.filter(|name| plan.all().all(|stack| stack.name != **name));
    let rows = without.map(|name| UndescribedStack {
        name: name.clone(),
        stack: config.stack_name(name),
    });
    rows.collect()
}

/// Looks at every stack, those at the same time whose needs are known: each wave gives the next one the outputs that its
/// parameters will be.
async fn preview_stacks(
    facts: &PreviewInputs<'_>,
    plan: &Plan,
    found: &StacksByName,
) -> Result<(Vec<PreviewedStack>, Outputs)> {
    let mut planned = Outputs::default();
    let mut ahead: BTreeMap<String, PreviewedStack> = BTreeMap::new();
    let mut waiting: Vec<&StackPlan> = plan.all().collect();
    while !waiting.is_empty() {
        let is_ready = |stack: &&StackPlan| {
            let needs = stack.needs();
            needs.iter().all(|need| planned.contains(need))
        };
        let (wave, blocked): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        anyhow::ensure!(!wave.is_empty(), "stacks need each other in a circle");
        waiting = blocked;
        let looks = wave.iter().map(|stack| {
            if facts.ask == AskAbout::Everything {
                let detail = format!("asking about stack {}", stack.name);
                facts.reporter.report(Event::TaskProgress {
                    task: STACKS.to_owned(),
                    detail,
                });
            }
            preview_stack(facts, stack, found.get(&stack.name), &planned)
        });
        for seen in futures_util::future::try_join_all(looks).await? {
            let name = seen.preview.name.clone();
            ahead.insert(name, seen);
        }
        let seen = ahead.iter();
        planned = seen
            .map(|(name, seen)| (name.clone(), seen.outputs.clone()))
            .collect();
    }
    let in_order = plan.all().filter_map(|stack| ahead.remove(&stack.name));
    Ok((in_order.collect(), planned))
}

/// Lists what the site's bucket holds. One that is not there yet holds nothing.
async fn list_site_objects(
    aws: Option<&Aws>,
    planned: &Outputs,
) -> Result<BTreeMap<String, Object>> {
    let bucket = planned.find("site", "BucketName");
    match (aws, bucket) {
        (Some(aws), Some(bucket)) if bucket != AFTER_DEPLOY => {
            aws.s3.list_objects(bucket, "").await
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// Finds the files that a site of before has and this one has not. Where there is no bucket yet, there are none.
async fn remaining_files(
    config: &Config,
    artifacts: &Artifacts,
    held: &BTreeMap<String, Object>,
    aws: Option<&Aws>,
    planned: &Outputs,
) -> Result<Vec<RemainingFile>> {
    let bucket = planned.find("foundation", "ArtifactBucket");
    let (Some(aws), Some(bucket), false) = (aws, bucket, held.is_empty()) else {
        return Ok(Vec::new());
    };
    let files = artifacts.site.files.iter();
    let site = files.map(|file| file.path.clone()).collect();
    let keep = config.settings.keep_releases;
    release::remaining_files(held, &site, bucket, keep, aws).await
}

fn site_preview(
    difference: &release::SiteChanges,
    held: &BTreeMap<String, Object>,
    remain: Vec<RemainingFile>,
) -> SitePreview {
    let keys = difference.changed.iter().map(|upload| upload.key.clone());
    let (change, add) = keys.partition(|key| held.contains_key(key));
    SitePreview {
        add,
        change,
        unchanged: difference.unchanged,
        invalidate: difference.stale.clone(),
        remain,
    }
}

fn artifact_previews(artifacts: &Artifacts, found: &StacksByName) -> Vec<ArtifactPreview> {
    let rows = artifacts.programs().map(|artifact| {
        let parameter = ArtifactFact::Build(artifact.name.clone()).parameter();
        let mut given = found
            .values()
            .filter_map(|stack| stack.parameters.get(&parameter));
        ArtifactPreview {
            name: artifact.name.clone(),
            before: given.next().cloned(),
            after: artifact.id().to_owned(),
        }
    });
    rows.collect()
}

/// Returns the parts of the digest that are of no stack. Another version of this program may do other
/// things, so it is one of them.
fn parts(
    config: &Config,
    artifacts: &Artifacts,
    page: &PageSettings,
    held: &BTreeMap<String, Object>,
) -> BTreeMap<String, String> {
    let PageSettings { urls, live, .. } = page;
    let stage = config.stage.to_string();
    let files = artifacts.site.build.as_str();
    let sign_in = urls.sign_in.as_ref().map(|sign_in| sign_in.pages.as_str());
    let mut addresses = vec![urls.site.as_str(), &urls.api, &urls.socket];
    addresses.extend(sign_in);
    if let LiveChannel::AppSync(channel) = live {
        addresses.extend([channel.key.as_str(), &channel.channel]);
    }
    let held = held
        .iter()
        .flat_map(|(key, object)| [key.as_str(), object.etag.as_str()]);
    let of_artifacts = artifacts.programs().map(|artifact| {
        let name = format!("artifact {}", artifact.name);
        (name, plan::part([artifact.hash.as_str()]))
    });
    let others = [
        ("stage", plan::part([stage.as_str()])),
        (
            "site files",
            plan::part([files].into_iter().chain(addresses)),
        ),
        ("objects in the site's bucket", plan::part(held)),
        (
            "version of factory-tree",
            plan::part([env!("CARGO_PKG_VERSION")]),
        ),
    ];
    let others = others.map(|(name, hash)| (name.to_owned(), hash));
    others.into_iter().chain(of_artifacts).collect()
}

/// Writes a plan to a file.
///
/// # Errors
/// The file cannot be written.
pub fn save(preview: &Preview, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(preview)?;
    file::save(file, (text + "\n").as_bytes())
}

/// Reads a plan that was written to a file.
///
/// # Errors
/// `UserError::InvalidPlanFile`.
pub fn read(file: &Path) -> Result<SavedPlan> {
    let no = |problem: String| UserError::InvalidPlanFile {
        file: file.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(file).map_err(|error| no(error.to_string()))?;
    Ok(serde_json::from_str(&text).map_err(|error| no(error.to_string()))?)
}
