//! One stack, brought to what its template says through a change set, and followed until it settles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::aws::{ChangeSetKind, ChangeSetState, CloudFormation, Stack, StackEvent, StackState};
use crate::error::UserError;
use crate::event::{Event, Reporter};
use crate::plan::Template;

use super::DIGEST;

/// What was done to a stack.
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

/// Which stack is meant, and how it is called in events.
pub(super) struct Target<'a> {
    pub(super) door: &'a CloudFormation,
    pub(super) name: &'a str,
    pub(super) template: &'a Template,
    pub(super) task: &'a str,
}

/// Brings a stack to its template with these parameters (the digest among them).
pub(super) async fn ensure(
    target: &Target<'_>,
    parameters: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) -> Result<(Outcome, Stack)> {
    loop {
        let found = target.door.find_stack(target.name).await?;
        match found.as_ref().map(|stack| stack.state) {
            Some(StackState::Ready) if is_current(found.as_ref(), parameters) => {
                let stack = found.context("a stack that is current is there")?;
                return Ok((Outcome::Unchanged, stack));
            }
            None | Some(StackState::Empty) => {
                return apply(target, ChangeSetKind::Create, parameters, reporter).await;
            }
            Some(StackState::Ready | StackState::RolledBack) => {
                return apply(target, ChangeSetKind::Update, parameters, reporter).await;
            }
            // An earlier run of ours was stopped, or somebody else is at work: see it through first.
            Some(StackState::Moving) => wait_for_other(target, found.as_ref(), reporter).await?,
            // It never came up: nothing of it is in use.
            Some(StackState::Broken | StackState::HalfDeleted) => {
                progress(
                    target,
                    reporter,
                    "deleting what is left of a failed creation",
                );
                delete_stack(target.door, target.name, |_| {}).await?;
            }
            Some(StackState::Stuck) => {
                let state = found.map(|stack| stack.status).unwrap_or_default();
                return Err(UserError::StackStuck {
                    stack: target.name.to_owned(),
                    state,
                }
                .into());
            }
        }
    }
}

fn is_current(stack: Option<&Stack>, parameters: &BTreeMap<String, String>) -> bool {
    stack.is_some_and(|stack| stack.parameters.get(DIGEST) == parameters.get(DIGEST))
}

async fn wait_for_other(
    target: &Target<'_>,
    stack: Option<&Stack>,
    reporter: &dyn Reporter,
) -> Result<()> {
    let mut status = stack.map(|stack| stack.status.clone()).unwrap_or_default();
    let mut pace = Pace::new();
    loop {
        progress(
            target,
            reporter,
            &format!("{} already: waiting for it to settle", words(&status)),
        );
        pace.rest().await;
        match target.door.find_stack(target.name).await? {
            Some(stack) if stack.state == StackState::Moving => status = stack.status,
            _ => return Ok(()),
        }
    }
}

async fn apply(
    target: &Target<'_>,
    kind: ChangeSetKind,
    parameters: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) -> Result<(Outcome, Stack)> {
    let seen = seen_events(target, kind).await?;
    let name = change_set_name(parameters);
    let body = &target.template.body;
    let asked = target
        .door
        .create_change_set(kind, target.name, &name, body, parameters)
        .await;
    let (change_set, stack_id) = asked.map_err(|error| refused(target, &format!("{error:#}")))?;
    match wait_for_change_set(target.door, &change_set).await? {
        ChangeSetState::Empty => {
            target.door.delete_change_set(&change_set).await?;
            return Ok((Outcome::Unchanged, get_stack(target, &stack_id).await?));
        }
        ChangeSetState::Failed(text) => {
            target.door.delete_change_set(&change_set).await?;
            return Err(refused(target, &text));
        }
        ChangeSetState::Ready | ChangeSetState::Pending => {}
    }
    target.door.execute_change_set(&change_set).await?;
    let mut failure = None;
    let last = settle(target.door, &stack_id, &seen, |event| {
        if failure.is_none() && event.is_failure() {
            failure = Some(event.clone());
        }
        reporter.report(Event::Resource {
            task: target.task.to_owned(),
            resource: event.into(),
        });
    })
    .await?;
    let stack = get_stack(target, &stack_id).await?;
    match (kind, stack.state) {
        (ChangeSetKind::Create, StackState::Ready) => Ok((Outcome::Created, stack)),
        (ChangeSetKind::Update, StackState::Ready) => Ok((Outcome::Updated, stack)),
        _ => Err(refused(
            target,
            &cause(target, failure.as_ref().unwrap_or(&last)),
        )),
    }
}

/// A change set's name must be unique on its stack and start with a letter. Two deploys in the same
/// second, or a repeat after an interruption, must not collide: so the time is in it, in nanoseconds.
fn change_set_name(parameters: &BTreeMap<String, String>) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let digest = parameters.get(DIGEST).map_or("none", String::as_str);
    format!(
        "factory-tree-{digest}-{}",
        now.unwrap_or_default().as_nanos()
    )
}

async fn seen_events(target: &Target<'_>, kind: ChangeSetKind) -> Result<BTreeSet<String>> {
    match kind {
        ChangeSetKind::Create => Ok(BTreeSet::new()),
        ChangeSetKind::Update => {
            let events = target.door.list_newest_events(target.name).await?;
            Ok(events.into_iter().map(|event| event.id).collect())
        }
    }
}

async fn get_stack(target: &Target<'_>, id: &str) -> Result<Stack> {
    let stack = target.door.find_stack(id).await?;
    stack.with_context(|| format!("stack `{}` has gone while it was worked on", target.name))
}

async fn wait_for_change_set(door: &CloudFormation, id: &str) -> Result<ChangeSetState> {
    let mut pace = Pace::new();
    loop {
        match door.get_change_set_state(id).await? {
            ChangeSetState::Pending => pace.rest().await,
            settled => return Ok(settled),
        }
    }
}

/// Follows a stack by its ARN until it settles, handing on every event that is not in `seen`, and
/// returns the event with which it settled.
///
/// # Errors
/// CloudFormation is not reached or says no.
pub async fn settle(
    door: &CloudFormation,
    stack_id: &str,
    seen: &BTreeSet<String>,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<StackEvent> {
    let mut seen = seen.clone();
    let mut pace = Pace::new();
    loop {
        let events = door.list_newest_events(stack_id).await?;
        for event in events
            .into_iter()
            .filter(|event| !seen.contains(&event.id))
            .collect::<Vec<_>>()
        {
            seen.insert(event.id.clone());
            on_event(&event);
            // The first event of an operation is the stack's own "…_IN_PROGRESS": a settled one ends it.
            if event.is_settled() && event.status != "REVIEW_IN_PROGRESS" {
                return Ok(event);
            }
        }
        pace.rest().await;
    }
}

/// Deletes a stack and waits until it is gone. One that is not there is gone.
///
/// # Errors
/// Something in it could not be deleted: the first failing resource and its reason.
pub async fn delete_stack(
    door: &CloudFormation,
    name: &str,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<()> {
    let Some(stack) = door.find_stack(name).await? else {
        return Ok(());
    };
    let events = door.list_newest_events(&stack.id).await?;
    let seen = events.into_iter().map(|event| event.id).collect();
    door.delete_stack(&stack.id).await?;
    let mut failure = None;
    let last = settle(door, &stack.id, &seen, |event| {
        if failure.is_none() && event.is_failure() {
            failure = Some(event.clone());
        }
        on_event(event);
    })
    .await?;
    if last.status == "DELETE_COMPLETE" {
        return Ok(());
    }
    let event = failure.unwrap_or(last);
    anyhow::bail!(
        "{} ({}): {}",
        event.logical_id,
        event.kind,
        event.reason.unwrap_or(event.status)
    )
}

fn progress(target: &Target<'_>, reporter: &dyn Reporter, detail: &str) {
    reporter.report(Event::TaskProgress {
        task: target.task.to_owned(),
        detail: detail.to_owned(),
    });
}

/// `CREATE_IN_PROGRESS` is "create in progress".
fn words(status: &str) -> String {
    status.to_lowercase().replace('_', " ")
}

fn refused(target: &Target<'_>, cause: &str) -> anyhow::Error {
    let template = target.template.file.clone();
    UserError::StackFailed {
        stack: target.name.to_owned(),
        cause: cause.to_owned(),
        template,
    }
    .into()
}

fn cause(target: &Target<'_>, event: &StackEvent) -> String {
    let reason = event.reason.as_deref().unwrap_or(&event.status);
    let file = target
        .template
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    match target.template.line_of(&event.logical_id) {
        Some(line) => format!(
            "{} ({}, {file}:{line}): {reason}",
            event.logical_id, event.kind
        ),
        None => format!("{} ({}): {reason}", event.logical_id, event.kind),
    }
}

/// How long to rest between two looks: short at first, for what settles at once, then longer, so that
/// a long wait costs few calls. From 0.1 s to 5 s, half as long again each time.
struct Pace {
    next: Duration,
}

impl Pace {
    fn new() -> Self {
        Self {
            next: Duration::from_millis(100),
        }
    }

    async fn rest(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(Duration::from_secs(5));
    }
}
