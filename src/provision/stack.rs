//! One stack, deployed through a change set, and followed until the operation has ended.
//! The module `state` says the meaning of a stack's state; `cause` says why something failed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::change_set::{StackOperation, change_set_name, ensure_change_set, wait_for_change_set};
use super::follow::{OperationEnd, wait_for_operation, wait_until_idle};
use super::late::LateResources;
use super::state::{self, DeployAction};
use super::target::StackTarget;
use super::{
    DIGEST, OnBusy, Options, VerifyMode, alarms, cause, delete_stack, estimate, guard, history,
    with_changes,
};
use crate::aws::{ChangeSet, ChangeSetKind, ChangeSetState, Stack, StackEvent, StackState};
use crate::error::UserError;
use crate::event::Event;
use crate::plan::{DELETION_PROTECTION, RETAINED_PROTECTION};

/// The outcome of a deploy for one stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was changed.
    Updated,
    /// There was nothing to do.
    Unchanged,
}

impl Outcome {
    /// Returns the word that people and scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Brings a stack to its template with these parameters (the digest among them).
pub(super) async fn ensure(
    target: &StackTarget<'_>,
    parameters: &BTreeMap<String, String>,
    options: Options,
) -> Result<(Outcome, Stack)> {
    // The outcome of an operation that an earlier run of ours began and that this one has waited for.
    let mut followed = None;
    loop {
        let found = target
            .retry(|| target.client.find_stack(target.name))
            .await?;
        let Some(stack) = found else {
            return create(target, parameters, options).await;
        };
        match state::rules_for(stack.state).deploy {
            DeployAction::Create => return create(target, parameters, options).await,
            DeployAction::Update => {
                if is_current(&stack, parameters)
                    && (options.verify == VerifyMode::TrustDigest || followed.is_some())
                {
                    return Ok((followed.unwrap_or(Outcome::Unchanged), stack));
                }
                let triggers = alarms::triggers(target, &stack, options.bake).await?;
                let change = StackOperation {
                    kind: ChangeSetKind::Update,
                    current: Some(&stack),
                    options,
                    triggers: triggers.as_ref(),
                };
                let (outcome, stack) = apply(target, &change, parameters).await?;
                return Ok((followed.unwrap_or(outcome), stack));
            }
            DeployAction::Follow => {
                let outcome = follow_running_operation(target, stack, parameters, options).await?;
                followed = outcome.or(followed);
            }
            DeployAction::Recreate => {
                target.report_progress("deleting the remains of a failed creation");
                delete_stack(target.client, target.name, target.reporter, |event| {
                    target.report_resource(event)
                })
                .await?;
            }
            DeployAction::RefuseUntilRecovered
            | DeployAction::RefuseUntilTornDown
            | DeployAction::Refuse => {
                let (name, state) = (target.name.to_owned(), stack.status);
                let row = state::rules_for(stack.state);
                return Err(UserError::StackStuck {
                    stack: name,
                    state,
                    meaning: row.meaning,
                    way_out: row.deploy.way_out(),
                }
                .into());
            }
        }
    }
}

/// Creates a stack. Deletion protection would stop the rollback of a failed creation, so it is switched on when
/// its stack has come up.
async fn create(
    target: &StackTarget<'_>,
    parameters: &BTreeMap<String, String>,
    options: Options,
) -> Result<(Outcome, Stack)> {
    let change = StackOperation {
        kind: ChangeSetKind::Create,
        current: None,
        options,
        triggers: None,
    };
    let Some(meanwhile) = while_created(target, parameters) else {
        return apply(target, &change, parameters).await;
    };
    let (outcome, stack) = apply(target, &change, &meanwhile).await?;
    target.report_progress("switching its deletion protection on");
    let change = StackOperation {
        kind: ChangeSetKind::Update,
        current: Some(&stack),
        options,
        triggers: None,
    };
    let (_, stack) = apply(target, &change, parameters).await?;
    Ok((outcome, stack))
}

/// Returns the parameters of the creation, where they are not those that the stack is to have in the end.
fn while_created(
    target: &StackTarget<'_>,
    parameters: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let given = [DELETION_PROTECTION, RETAINED_PROTECTION].into_iter();
    let on = given.filter(|name| parameters.get(*name).is_some_and(|value| value == "true"));
    let off: BTreeMap<_, _> = on
        .map(|name| (name.to_owned(), "false".to_owned()))
        .collect();
    (!off.is_empty()).then(|| with_changes(&target.template.body, parameters, &off))
}

/// Same digest *and* a healthy status: a stack that was rolled back has the digest of what it is.
fn is_current(stack: &Stack, parameters: &BTreeMap<String, String>) -> bool {
    stack.state == StackState::Ready && stack.parameters.get(DIGEST) == parameters.get(DIGEST)
}

/// Follows what runs on a stack. If it is our own, begun by a run that was cut short, its outcome is
/// ours too.
async fn follow_running_operation(
    target: &StackTarget<'_>,
    stack: Stack,
    parameters: &BTreeMap<String, String>,
    options: Options,
) -> Result<Option<Outcome>> {
    let meanwhile = while_created(target, parameters);
    let ours = is_ours(&stack, parameters)
        || meanwhile.is_some_and(|meanwhile| is_ours(&stack, &meanwhile));
    if !ours && options.on_busy == OnBusy::Fail {
        let what = format!("stack `{}`", target.name);
        return Err(UserError::Busy {
            what,
            state: stack.status,
        }
        .into());
    }
    let who = if ours {
        "an earlier run of this deploy"
    } else {
        "somebody else"
    };
    target.report_progress(&format!(
        "{who} is at work ({}): waiting for it",
        status_words(&stack.status)
    ));
    let outcome = match stack.status.as_str() {
        "CREATE_IN_PROGRESS" => Outcome::Created,
        _ => Outcome::Updated,
    };
    wait_until_idle(target.client, stack, target.reporter, |event| {
        target.report_resource(event)
    })
    .await?;
    Ok(ours.then_some(outcome))
}

/// The change set that runs has the digest in its name. A deletion is never ours, though the stack that
/// goes may be the very one that we would make.
fn is_ours(stack: &Stack, parameters: &BTreeMap<String, String>) -> bool {
    if stack.status == "DELETE_IN_PROGRESS" {
        return false;
    }
    let digest = parameters.get(DIGEST).map_or("none", String::as_str);
    let named = stack
        .change_set
        .as_ref()
        .is_some_and(|name| name.contains(digest));
    named
        || stack
            .parameters
            .get(DIGEST)
            .is_some_and(|reported| reported == digest)
}

async fn apply(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
    parameters: &BTreeMap<String, String>,
) -> Result<(Outcome, Stack)> {
    let past = past_events(target, change).await?;
    let name = change_set_name(parameters, change);
    let change_set = ensure_change_set(target, change, &name, parameters).await?;
    match wait_for_change_set(target, &change_set).await? {
        ChangeSetState::Empty => {
            return empty_change_set(target, change, &change_set).await;
        }
        ChangeSetState::Failed(text) => {
            let error = cause::change_set_error(target, &change_set.id, &text).await;
            target
                .retry(|| target.client.delete_change_set(&change_set))
                .await?;
            return Err(error);
        }
        ChangeSetState::Ready { resources } => {
            guard::check(target, change.kind, &change_set).await?;
            let expected = expected(target, change, &past);
            alarms::report(target, change.triggers);
            let task = target.task.to_owned();
            target.reporter.report(Event::TaskSized {
                task,
                resources,
                expected,
            });
            target
                .retry(|| target.client.execute_change_set(&change_set, &name))
                .await?;
        }
        // An answer to an earlier attempt was lost on the way.
        ChangeSetState::Executed | ChangeSetState::Pending => {}
    }
    let late = Mutex::new(LateResources::new(history::resources(&past)));
    let seen = past.into_iter().map(|event| event.id).collect();
    let settled = wait_for_operation(
        target.client,
        &change_set.stack_id,
        &seen,
        target.reporter,
        |event| {
            lock(&late).take(event, Instant::now());
            target.report_resource(event);
        },
    );
    let settled = tokio::select! {
        settled = settled => settled?,
        never = report_late(target, &late) => match never {},
    };
    judge_outcome(target, change, &change_set, &settled).await
}

/// Returns the time that a change should take: from the stack's own past, or, for a stack without one, from published
/// times. CloudFormation watches alarms after that.
fn expected(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
    past: &[StackEvent],
) -> Option<Duration> {
    let expected = match change.kind {
        ChangeSetKind::Create => estimate::creation(&target.template.body),
        ChangeSetKind::Update => history::expected(past, "UPDATE"),
    };
    let watched = change.triggers.map_or(0, |triggers| triggers.minutes);
    expected.map(|expected| expected + Duration::from_secs(60 * u64::from(watched)))
}

/// The pause between two looks for late resources.
const LOOK: Duration = Duration::from_secs(5);

/// Warns of each resource that takes much longer than it did the last time. Never ends: it goes on beside the operation.
async fn report_late(target: &StackTarget<'_>, late: &Mutex<LateResources>) -> Infallible {
    loop {
        tokio::time::sleep(LOOK).await;
        for resource in lock(late).find(Instant::now()) {
            let (task, name) = (target.task, &resource.logical_id);
            let [elapsed, last] = [resource.elapsed, resource.last].map(|time| time.as_secs());
            target.reporter.report(Event::Warning(format!(
                "{task}: {name} has taken {elapsed} s so far, and took {last} s the last time"
            )));
        }
    }
}

fn lock(late: &Mutex<LateResources>) -> MutexGuard<'_, LateResources> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn judge_outcome(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
    change_set: &ChangeSet,
    settled: &OperationEnd,
) -> Result<(Outcome, Stack)> {
    let stack = get_stack(target, &change_set.stack_id).await?;
    match (change.kind, stack.state) {
        (ChangeSetKind::Create, StackState::Ready) => return Ok((Outcome::Created, stack)),
        (ChangeSetKind::Update, StackState::Ready) => return Ok((Outcome::Updated, stack)),
        _ => {}
    }
    // A change that an alarm has ended has no resource that failed.
    let has_failure = settled.events.iter().any(StackEvent::is_failure);
    let of_alarms = match change.triggers {
        Some(triggers) if !has_failure => alarms::error(target, triggers, &stack.status).await,
        _ => None,
    };
    match of_alarms {
        Some(error) => Err(error),
        None => Err(cause::operation_error(target, (&stack.id, &stack.status), settled).await),
    }
}

/// CloudFormation sees nothing to do. Our digest differs, or we would not have asked: so either somebody
/// asked with `--verify`, or CloudFormation does not see the change.
async fn empty_change_set(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
    change_set: &ChangeSet,
) -> Result<(Outcome, Stack)> {
    target
        .retry(|| target.client.delete_change_set(change_set))
        .await?;
    if change.options.verify == VerifyMode::TrustDigest {
        target.reporter.report(Event::Warning(format!(
            "template or parameters of stack `{}` have changed, but CloudFormation sees nothing to do: \
             `factory-tree plan` shows what it does not see",
            target.name
        )));
    }
    let stack = get_stack(target, &change_set.stack_id).await?;
    Ok((Outcome::Unchanged, stack))
}

async fn past_events(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
) -> Result<Vec<StackEvent>> {
    match change.kind {
        ChangeSetKind::Create => Ok(Vec::new()),
        ChangeSetKind::Update => {
            target
                .retry(|| target.client.list_newest_events(target.name))
                .await
        }
    }
}

async fn get_stack(target: &StackTarget<'_>, id: &str) -> Result<Stack> {
    let stack = target.retry(|| target.client.find_stack(id)).await?;
    stack.with_context(|| format!("stack `{}` was deleted during the operation", target.name))
}

/// `CREATE_IN_PROGRESS` is "create in progress".
fn status_words(status: &str) -> String {
    status.to_lowercase().replace('_', " ")
}
