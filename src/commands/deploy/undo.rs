//! The undoing of a deploy that failed: the last good release is restored by the code of `rollback`. In: the deploy and why it
//! failed. Out: the error that says how both have ended. Nobody is asked: whoever deploys with this option has agreed.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Deployment;
use super::record::deploy_record;
use crate::commands::deployed_stage::{RECENT, ReleaseHistory, load_release_history};
use crate::commands::rollback::{Restoration, restore};
use crate::error::{Exit, Place, Undo, UndoOutcome, UserError, user_error};
use crate::event::{Event, Reporter};
use crate::hint;
use crate::provision::DIGEST;
use crate::release::{self, ReleaseRecord};
use crate::report::{RollbackReport, seconds};

/// Restores the last good release, and returns the error of the deploy. A deploy that stopped because it needs a person or
/// credentials says nothing about the release, and is not undone.
pub(super) async fn undo(deployment: &Deployment<'_>, cause: anyhow::Error) -> anyhow::Error {
    if hint::exit(&cause) != Exit::Failure {
        return cause;
    }
    let failure = format!("{cause:#}");
    let undo = match begin(deployment, &failure).await {
        Ok(Beginning::NothingToDo) => return cause,
        Ok(Beginning::NoGoodRelease) => empty(UndoOutcome::NoGoodRelease),
        Ok(Beginning::Restore(history, undo)) => finish(deployment, &history, undo).await,
        Err(error) => Undo {
            problem: Some(format!("{error:#}")),
            ..empty(UndoOutcome::Failed)
        },
    };
    UserError::DeployUndone {
        undo: Box::new(undo),
        place: place(&cause),
        cause: cause.into(),
    }
    .into()
}

fn place(cause: &anyhow::Error) -> Option<Place> {
    user_error(cause).and_then(UserError::place)
}

/// What there is to undo.
enum Beginning {
    /// The last good release is live.
    NothingToDo,
    /// There is none.
    NoGoodRelease,
    /// It is to be restored.
    Restore(Box<ReleaseHistory>, Undo),
}

/// Looks at what is live, and records that the release of this deploy has failed.
async fn begin(deployment: &Deployment<'_>, failure: &str) -> Result<Beginning> {
    let reporter = deployment.reporter;
    let work = load_release_history(deployment.config, deployment.platform);
    let mut history = match work.await {
        Ok(history) => history,
        Err(error) if is_absent(&error) => return Ok(Beginning::NoGoodRelease),
        Err(error) => return Err(error),
    };
    let records = history.read_newest(RECENT).await?;
    let Some(target) = records.into_iter().find(ReleaseRecord::is_good) else {
        return Ok(Beginning::NoGoodRelease);
    };
    let moved = history.live.changed_parts(&target);
    let digests = history.outputs.of_all_stacks(DIGEST);
    if moved.is_empty() {
        report_nothing_to_do(&target, &digests, reporter);
        return Ok(Beginning::NothingToDo);
    }
    let failed_release = record_failure(deployment, &mut history, digests, failure).await;
    reporter.report(Event::UndoStarted {
        cause: failure.to_owned(),
        release: target.id(),
    });
    let undo = Undo {
        failed_release,
        rolled_back_to: Some(target.id()),
        moved,
        ..empty(UndoOutcome::RolledBack)
    };
    Ok(Beginning::Restore(Box::new(history), undo))
}

fn is_absent(error: &anyhow::Error) -> bool {
    matches!(user_error(error), Some(UserError::StageAbsent(_)))
}

/// A stack's template may be another one all the same: a rollback leaves templates and settings as they are deployed.
fn report_nothing_to_do(
    good: &ReleaseRecord,
    digests: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) {
    let id = good.id();
    let text = match unrestored(good, digests).as_slice() {
        [] => format!("release {id} is live, as before: there is nothing to undo"),
        stacks => format!(
            "release {id} is live, as before; template and settings of stack {} stay as this deploy left them",
            stacks.join(", ")
        ),
    };
    reporter.report(Event::Note(text));
}

/// Returns the stacks that a release had with another template or other settings.
fn unrestored(good: &ReleaseRecord, digests: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(name, digest): &(&String, &String)| good.stacks.get(*name) != Some(*digest);
    let stacks = digests.iter().filter(differs);
    stacks.map(|(name, _)| name.clone()).collect()
}

/// Records the release of this deploy as failed and returns its id. The undoing does not fail for want of that.
async fn record_failure(
    deployment: &Deployment<'_>,
    history: &mut ReleaseHistory,
    digests: BTreeMap<String, String>,
    failure: &str,
) -> Option<String> {
    let Deployment {
        config,
        request,
        aws,
        artifacts,
        started,
        reporter,
        ..
    } = *deployment;
    let bucket = &history.bucket;
    let work = async {
        let elapsed = seconds(started.elapsed());
        let deploy = deploy_record(config, aws, elapsed, request.plan_digest()).await?;
        let record = ReleaseRecord::of(deploy, artifacts, digests).failed(failure.to_owned());
        release::keep_record(&record, &aws.s3, bucket).await?;
        let keys = release::list_keys(&aws.s3, bucket).await?;
        anyhow::Ok((record.id(), keys))
    };
    match work.await {
        Ok((id, keys)) => {
            history.keys = keys;
            Some(id)
        }
        Err(error) => {
            reporter.report(Event::Warning(format!(
                "that this release failed is not recorded: {error:#}"
            )));
            None
        }
    }
}

/// Restores the release that `undo` names, and completes it.
async fn finish(deployment: &Deployment<'_>, history: &ReleaseHistory, undo: Undo) -> Undo {
    match restore_good(deployment, history, &undo).await {
        Ok((report, unrestored_stacks)) => Undo {
            release: report.release,
            unrestored_stacks,
            ..undo
        },
        Err(error) => Undo {
            outcome: UndoOutcome::Failed,
            problem: Some(format!("{error:#}")),
            ..undo
        },
    }
}

async fn restore_good(
    deployment: &Deployment<'_>,
    history: &ReleaseHistory,
    undo: &Undo,
) -> Result<(RollbackReport, Vec<String>)> {
    let wanted = undo.rolled_back_to.as_deref().unwrap_or_default();
    let wanted = wanted.parse().map_err(anyhow::Error::msg)?;
    let restoration = Restoration {
        config: deployment.config,
        platform: deployment.platform,
        history,
        started: deployment.started,
    };
    let work = restore(restoration, Some(&wanted), &|_| Ok(()), deployment.reporter);
    // Boxed, because a deploy holds it inside its own future.
    let report = Box::pin(work).await?;
    let good = history.read_one(&wanted).await?;
    let now = load_release_history(deployment.config, deployment.platform).await;
    let left = now.map(|now| unrestored(&good, &now.outputs.of_all_stacks(DIGEST)));
    // The release is restored, also where nobody knows what else was changed.
    Ok((report, left.unwrap_or_default()))
}

fn empty(outcome: UndoOutcome) -> Undo {
    Undo {
        outcome,
        failed_release: None,
        rolled_back_to: None,
        release: None,
        moved: Vec::new(),
        problem: None,
        unrestored_stacks: Vec::new(),
    }
}
