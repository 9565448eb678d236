//! `rollback`: restores an earlier release from its stored objects: the site by its entry files, then
//! Lambdas and server by their artifacts. Nothing is built. First everything that it needs is looked for;
//! only when all of it is there, and with consent, anything is touched. The data stack never is.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};

use super::deploy::record::{deploy_record, record_id_or_warning};
use super::deployed_stage::{RECENT, ReleaseHistory, load_release_history};
use super::step;
use super::verify::verify;
use crate::config::{Config, Live};
use crate::error::UserError;
use crate::event::{Event, Reporter, Step};
use crate::live::LiveChannel;
use crate::local::{self, Platform, ServerRelease};
use crate::outputs::Outputs;
use crate::provision::{self, DIGEST, Provisioned};
use crate::publish;
use crate::release::{
    self, AvailableObjects, PageSettings, PageSignIn, ReleaseId, ReleaseRecord, RollbackIntent,
    RollbackSource, SiteTarget, missing, outdated, shipped,
};
use crate::report::{RollbackReport, StackRow, seconds};
use crate::verify::{Expected, SilentServers};

/// The number of missing objects that an error names.
const NAMED: usize = 5;

/// Asks whether this release, described in a line, may be restored.
pub type RollbackConsent<'a> = &'a dyn Fn(&str) -> Result<()>;

/// Brings an earlier release back: the one that is named, or the one before the live one.
///
/// # Errors
/// There is no such release, a piece of it is gone (then nothing is touched), nobody consents, or what
/// was restored does not work. The same command again continues from there.
pub async fn rollback(
    config: &Config,
    wanted: Option<&ReleaseId>,
    consent: RollbackConsent<'_>,
    reporter: &dyn Reporter,
) -> Result<RollbackReport> {
    let started = Instant::now();
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    let history = load_release_history(config, &platform).await?;
    let restoration = Restoration {
        config,
        platform: &platform,
        history: &history,
        started,
    };
    restore(restoration, wanted, consent, reporter).await
}

/// A stage whose release is restored.
pub(super) struct Restoration<'a> {
    /// Its configuration.
    pub(super) config: &'a Config,
    /// Where it runs.
    pub(super) platform: &'a Platform,
    /// The stage and its releases.
    pub(super) history: &'a ReleaseHistory,
    /// When the work began.
    pub(super) started: Instant,
}

/// Restores a release of a stage that is locked and loaded.
///
/// # Errors
/// As [`rollback`].
pub(super) async fn restore(
    restoration: Restoration<'_>,
    wanted: Option<&ReleaseId>,
    consent: RollbackConsent<'_>,
    reporter: &dyn Reporter,
) -> Result<RollbackReport> {
    let Restoration {
        config,
        platform,
        history,
        started,
    } = restoration;
    let mut steps = Vec::new();
    let work = prepare(config, history, wanted);
    let (target, available) = step(Step::Plan, &mut steps, reporter, work).await?;
    let moved = history.live.changed_parts(&target);
    reporter.report(Event::Note(describe(&target, &moved)));
    consent(&describe(&target, &moved))?;
    let newest = history.keys.first().map(|key| release::id_of(key));
    let intent = RollbackIntent {
        to: target.id(),
        after: newest.unwrap_or_default(),
    };
    release::begin_rollback(&intent, &history.stage.aws.s3, &history.bucket).await?;

    let work = restore_site(config, history, &target, &available, reporter);
    let sent = step(Step::Release, &mut steps, reporter, work).await?;
    let work = restore_artifacts(config, platform, history, &target, reporter);
    let (stacks, rolled) = step(Step::Provision, &mut steps, reporter, work).await?;
    let work = verify_release(config, history, &target, &stacks, reporter);
    step(Step::Verify, &mut steps, reporter, work).await?;

    let seconds = seconds(started.elapsed());
    let touched = sent > 0 || rolled || stacks.iter().any(Provisioned::has_changed);
    let release = if touched || was_interrupted(history, &target).await? {
        keep_record(config, history, &target, &stacks, seconds, reporter).await
    } else {
        None
    };
    Ok(RollbackReport {
        stage: config.stage.to_string(),
        outcome: if release.is_some() || touched {
            "rolled back"
        } else {
            "unchanged"
        },
        rolled_back_to: target.id(),
        build: target.build,
        release,
        seconds,
        urls: history.stage.endpoint.urls.clone(),
        moved,
        stacks: stacks.iter().map(StackRow::from).collect(),
        steps,
    })
}

/// Chooses the release and finds every piece of it, before anything is touched.
async fn prepare(
    config: &Config,
    history: &ReleaseHistory,
    wanted: Option<&ReleaseId>,
) -> Result<(ReleaseRecord, AvailableObjects)> {
    let target = match wanted {
        Some(id) => history.read_one(id).await?,
        None => find_default(config, history).await?,
    };
    let (s3, bucket) = (&history.stage.aws.s3, &history.bucket);
    let site = history.outputs.get("site", "BucketName")?;
    let (site, entry_files, artifacts) = tokio::try_join!(
        s3.list_objects(site, ""),
        release::list_kept(&target.site.build, s3, bucket),
        s3.list_objects(bucket, publish::PREFIX),
    )?;
    let available = AvailableObjects {
        site,
        entry_files,
        artifacts,
    };
    let gone = missing(&target, &available);
    if gone.is_empty() {
        return Ok((target, available));
    }
    Err(UserError::ReleaseIncomplete {
        id: target.id(),
        missing: first_of(gone),
        commit: target.commit.clone(),
    }
    .into())
}

/// A site has thousands of files: some of those that are gone say enough.
fn first_of(mut gone: Vec<String>) -> Vec<String> {
    let more = gone.len().saturating_sub(NAMED);
    gone.truncate(NAMED);
    if more > 0 {
        gone.push(format!("and {more} more"));
    }
    gone
}

async fn find_default(config: &Config, history: &ReleaseHistory) -> Result<ReleaseRecord> {
    let (records, intent) = tokio::try_join!(
        history.read_newest(RECENT),
        release::find_intent(&history.stage.aws.s3, &history.bucket),
    )?;
    let target = release::default_target(&records, &history.live, intent.as_ref());
    let none = || UserError::NoEarlierRelease(config.stage.to_string());
    Ok(target.cloned().ok_or_else(none)?)
}

/// Describes the rollback in a line.
fn describe(target: &ReleaseRecord, moved: &[String]) -> String {
    let commit = match (target.commit.as_deref(), target.dirty) {
        (None, _) => "of an unknown commit".to_owned(),
        (Some(commit), Some(true)) => format!("of commit {commit:.12} and changes on top"),
        (Some(commit), _) => format!("of commit {commit:.12}"),
    };
    let what = if moved.is_empty() {
        "no changes, it is live already".to_owned()
    } else {
        moved.join(", ")
    };
    format!("release {} of {}, {commit}: {what}", target.id(), target.at)
}

async fn restore_site(
    config: &Config,
    history: &ReleaseHistory,
    target: &ReleaseRecord,
    available: &AvailableObjects,
    reporter: &dyn Reporter,
) -> Result<usize> {
    let to = SiteTarget {
        bucket: history.outputs.get("site", "BucketName")?.to_owned(),
        distribution: history.outputs.get("site", "DistributionId")?.to_owned(),
    };
    let source = RollbackSource {
        build: &target.site.build,
        bucket: &history.bucket,
        kept: &available.entry_files,
    };
    let (urls, aws) = (&history.stage.endpoint.urls, &history.stage.aws);
    let page = PageSettings {
        live: LiveChannel::of(config.settings.live, &history.outputs, urls)?,
        sign_in: PageSignIn::find(urls, &history.outputs),
        urls: urls.clone(),
    };
    release::switch(&source, &available.site, &page, &to, aws, reporter).await
}

/// Updates the stacks whose artifacts are others, with nothing else changed, and rolls the server out. Returns
/// those stacks, and whether the server changed.
async fn restore_artifacts(
    config: &Config,
    platform: &Platform,
    history: &ReleaseHistory,
    target: &ReleaseRecord,
    reporter: &dyn Reporter,
) -> Result<(Vec<Provisioned>, bool)> {
    let (aws, wanted) = (&history.stage.aws, shipped(target));
    let updates =
        outdated(&history.stage.stacks, &wanted).map(|(plan, stack, changes)| async move {
            provision::update_parameters(aws, plan, stack, &changes, reporter).await
        });
    let stacks = futures_util::future::try_join_all(updates).await?;
    let rolled = match config.settings.live {
        Live::Servers => roll_out(platform, history, target, &stacks, reporter).await?,
        Live::AppSync => {
            let zone = history.outputs.get("dns", "HostedZoneId")?;
            platform.roll_out(aws, zone, None, reporter).await?
        }
    };
    Ok((stacks, rolled))
}

async fn roll_out(
    platform: &Platform,
    history: &ReleaseHistory,
    target: &ReleaseRecord,
    stacks: &[Provisioned],
    reporter: &dyn Reporter,
) -> Result<bool> {
    let artifact = target.artifacts.get("websocket");
    let artifact = artifact.context("the record names no server bundle")?;
    let aws = &history.stage.aws;
    let folder = tempfile::tempdir().context("failed to make a temporary folder")?;
    let bundle = folder.path().join("websocket.tar.gz");
    let content = aws.s3.get_object(&history.bucket, &artifact.key).await?;
    tokio::fs::write(&bundle, content)
        .await
        .with_context(|| format!("failed to write `{}`", bundle.display()))?;
    let outputs = outputs_after(history, stacks);
    let output = |stack, name| outputs.get(stack, name).map(str::to_owned);
    let server = ServerRelease {
        bundle,
        build: artifact.id().to_owned(),
        environment: output("websocket", "ServerEnvironment")?,
        policy_arn: output("websocket", "ServerPolicyArn")?,
    };
    let zone = output("dns", "HostedZoneId")?;
    platform.roll_out(aws, &zone, Some(&server), reporter).await
}

/// The outputs of all stacks after some were updated.
fn outputs_after(history: &ReleaseHistory, updated: &[Provisioned]) -> Outputs {
    let mut outputs = history.outputs.clone();
    for stack in updated {
        outputs.insert(&stack.name, stack.outputs.clone());
    }
    outputs
}

/// As a deploy: it has worked only when the running system answers with this very release.
async fn verify_release(
    config: &Config,
    history: &ReleaseHistory,
    target: &ReleaseRecord,
    stacks: &[Provisioned],
    reporter: &dyn Reporter,
) -> Result<()> {
    let build = |name: &str| {
        let artifact = target.artifacts.get(name);
        artifact.map(|artifact| artifact.id().to_owned())
    };
    let expected = Expected {
        site: Some(target.site.build.clone()),
        api: build("api"),
        server: build("websocket").filter(|_| config.settings.live == Live::Servers),
        publisher: build("publisher"),
        silent_servers: SilentServers::Accepted,
    };
    let (stage, outputs) = (&history.stage, outputs_after(history, stacks));
    let aws = (&stage.aws, &outputs);
    let verified = verify(config, &expected, &stage.endpoint, aws, reporter).await;
    verified.with_context(|| format!("release `{}` was restored", target.id()))?;
    Ok(())
}

/// Returns whether the newest record is of another release than the restored one: an earlier run did the
/// work, and ended before it could say so.
async fn was_interrupted(history: &ReleaseHistory, target: &ReleaseRecord) -> Result<bool> {
    let newest = history.read_newest(1).await?;
    Ok(newest
        .first()
        .is_some_and(|newest| !newest.ships_like(target)))
}

async fn keep_record(
    config: &Config,
    history: &ReleaseHistory,
    target: &ReleaseRecord,
    stacks: &[Provisioned],
    seconds: f64,
    reporter: &dyn Reporter,
) -> Option<String> {
    let aws = &history.stage.aws;
    let work = async {
        let mut deploy = deploy_record(config, aws, seconds, None).await?;
        deploy.at = after_newest(&history.keys, deploy.at);
        let digests = outputs_after(history, stacks).of_all_stacks(DIGEST);
        let record = ReleaseRecord::of_rollback(deploy, target, digests);
        release::keep_record(&record, &aws.s3, &history.bucket).await?;
        Ok(record.id())
    };
    record_id_or_warning(work.await, reporter)
}

/// Returns the time of a new record: records are sorted by it, and it has full seconds only.
fn after_newest(keys: &[String], now: SystemTime) -> SystemTime {
    let newest = keys.first().and_then(|key| release::released_at(key));
    newest.map_or(now, |newest| now.max(newest + Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_rollback_is_newer_than_every_other_one() {
        let seconds = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let keys = ["releases/1970-01-01T00:01:40Z-b.json".to_owned()];
        assert_eq!(after_newest(&keys, seconds(100)), seconds(101));
        assert_eq!(after_newest(&keys, seconds(200)), seconds(200));
        assert_eq!(after_newest(&[], seconds(100)), seconds(100));
    }

    #[test]
    fn of_many_missing_files_some_are_named_and_all_are_counted() {
        let gone = |count: usize| {
            (0..count)
                .map(|number| format!("`{number}` is gone"))
                .collect()
        };
        assert_eq!(first_of(gone(5)).len(), 5);
        let reported = first_of(gone(2_001));
        assert_eq!(reported.len(), 6);
        assert_eq!(reported[5], "and 1996 more");
    }
}
