//! In: an operation that failed. Out: its root cause in one sentence: the first leaf that failed, with
//! template file, line and property, what is likely behind it, and the cure. What cannot be asked
//! leaves the sentence poorer; it never takes its place.

use std::collections::BTreeSet;

use anyhow::Result;

use super::console;
use super::diagnosis::{self, Diagnosis};
use super::follow::OperationEnd;
use super::target::StackTarget;
use crate::aws::{CloudFormation, FailedEvent, Fault, Operation, StackEvent};
use crate::error::{Aftermath, UserError};
use crate::event::{Event, Reporter};

/// The depth of nested stacks to which a cause is searched.
const DEPTH: usize = 5;

const NESTED: &str = "AWS::CloudFormation::Stack";

/// One thing that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ResourceFailure {
    /// The nested stacks that lead to it, outermost first; empty for the stack itself.
    within: Vec<String>,
    logical_id: String,
    kind: String,
    reason: String,
    property: Option<String>,
}

/// Returns the error of an operation that did not end well. `status` is the stack's after it.
pub(super) async fn operation_error(
    target: &StackTarget<'_>,
    (stack_id, status): (&str, &str),
    settled: &OperationEnd,
) -> anyhow::Error {
    let first = settled.events.iter().find(|event| event.is_failure());
    let failure = match first {
        Some(event) => Some(find_root_failure(target.client, event, target.reporter).await),
        None => {
            let reported =
                list_failures(target.client, Operation::Stack(stack_id), target.reporter).await;
            reported.into_iter().next()
        }
    };
    let stack_reason = || {
        let last = settled.events.iter().rfind(|event| event.of_stack);
        last.and_then(|event| event.reason.clone())
            .unwrap_or_else(|| format!("it ended in {}", settled.status))
    };
    match failure {
        Some(failure) => {
            let group = (failure.kind.as_str(), failure.logical_id.as_str());
            let console = console::ending(target, group, &settled.events).await;
            error_of_failures(target, &[failure], console, aftermath(status))
        }
        None => error_of_reason(target, &stack_reason(), aftermath(status)),
    }
}

/// A creation that was rolled back ends in `ROLLBACK_COMPLETE`, an update in `UPDATE_ROLLBACK_COMPLETE`.
pub(super) fn aftermath(status: &str) -> Aftermath {
    if status.ends_with("ROLLBACK_COMPLETE") || status == "DELETE_COMPLETE" {
        Aftermath::RolledBack
    } else {
        Aftermath::LeftHalfway
    }
}

/// Returns the error of a change set that was refused. `reason` is what CloudFormation says of it.
pub(super) async fn change_set_error(
    target: &StackTarget<'_>,
    change_set: &str,
    reason: &str,
) -> anyhow::Error {
    let failures = list_failures(
        target.client,
        Operation::ChangeSet(change_set),
        target.reporter,
    )
    .await;
    if failures.is_empty() {
        error_of_reason(target, reason, Aftermath::Untouched)
    } else {
        error_of_failures(target, &failures, None, Aftermath::Untouched)
    }
}

/// Returns the error of a change set that CloudFormation refuses outright.
pub(super) fn refusal_error(target: &StackTarget<'_>, reason: &str) -> anyhow::Error {
    error_of_reason(target, reason, Aftermath::Untouched)
}

/// Follows a failing event down through nested stacks, which say no more than that they failed.
async fn find_root_failure(
    client: &CloudFormation,
    event: &StackEvent,
    reporter: &dyn Reporter,
) -> ResourceFailure {
    let mut within = Vec::new();
    let mut current = event.clone();
    while current.kind == NESTED && within.len() < DEPTH {
        let Some(inner) = first_failure_of(client, &current.physical_id, reporter).await else {
            break;
        };
        within.push(std::mem::replace(&mut current, inner).logical_id);
    }
    let reason = current.reason.unwrap_or(current.status);
    ResourceFailure {
        within,
        property: diagnosis::property(&reason),
        logical_id: current.logical_id,
        kind: current.kind,
        reason,
    }
}

/// By its ARN, a nested stack has its events also after it is deleted.
async fn first_failure_of(
    client: &CloudFormation,
    stack_id: &str,
    reporter: &dyn Reporter,
) -> Option<StackEvent> {
    let none = BTreeSet::new();
    match client.list_new_events(stack_id, &none).await {
        Ok(events) => events.into_iter().find(StackEvent::is_failure),
        Err(error) => {
            reporter.report(Event::Warning(format!(
                "the failing resource is in a nested stack whose events cannot be read: {error:#}"
            )));
            None
        }
    }
}

/// Returns the failures that `DescribeEvents` reports; nothing where it is not granted, or not there.
async fn list_failures(
    client: &CloudFormation,
    operation: Operation<'_>,
    reporter: &dyn Reporter,
) -> Vec<ResourceFailure> {
    let answer: Result<Vec<FailedEvent>> = client.list_failed_events(operation).await;
    match answer {
        Ok(events) => events
            .into_iter()
            .filter(|event| !event.reason.is_empty())
            .map(ResourceFailure::from)
            .collect(),
        Err(error) => {
            if Fault::of(&error).is_some_and(Fault::is_denied) {
                reporter.report(Event::Warning(
                    "grant `cloudformation:DescribeEvents` to see more of the cause".to_owned(),
                ));
            }
            Vec::new()
        }
    }
}

impl From<FailedEvent> for ResourceFailure {
    fn from(event: FailedEvent) -> Self {
        let property = event.property.filter(|path| !path.is_empty());
        Self {
            within: Vec::new(),
            property: property.or_else(|| diagnosis::property(&event.reason)),
            logical_id: event.logical_id,
            kind: event.kind,
            reason: event.reason,
        }
    }
}

/// Several failures (of an early validation) are reported in full, one a line; `console` comes after them.
fn error_of_failures(
    target: &StackTarget<'_>,
    failures: &[ResourceFailure],
    console: Option<String>,
    aftermath: Aftermath,
) -> anyhow::Error {
    let sentences: Vec<String> = failures
        .iter()
        .map(|failure| describe(target, failure))
        .collect();
    let first = failures.first();
    let line = first.and_then(|failure| line_of_failure(target, failure));
    let diagnosis = first.and_then(|failure| diagnosis::diagnose(&failure.reason));
    let cause = sentences.join("\n  ") + &console.unwrap_or_default();
    stack_failed(target, cause, line, diagnosis, aftermath)
}

fn error_of_reason(target: &StackTarget<'_>, reason: &str, aftermath: Aftermath) -> anyhow::Error {
    let line = line_of_named_resource(target, reason);
    let diagnosis = diagnosis::diagnose(reason);
    let sentence = match &diagnosis {
        Some(Diagnosis { cause, .. }) => format!("{reason}: {cause}"),
        None => reason.to_owned(),
    };
    stack_failed(target, sentence, line, diagnosis, aftermath)
}

fn stack_failed(
    target: &StackTarget<'_>,
    cause: String,
    line: Option<usize>,
    diagnosis: Option<Diagnosis>,
    aftermath: Aftermath,
) -> anyhow::Error {
    UserError::StackFailed {
        stack: target.name.to_owned(),
        cause,
        template: target.template.file.clone(),
        line,
        cure: diagnosis.map(|diagnosis| diagnosis.cure),
        aftermath,
    }
    .into()
}

fn line_of_failure(target: &StackTarget<'_>, failure: &ResourceFailure) -> Option<usize> {
    // A resource of a nested stack is not declared in this file, but the nested stack is.
    let declared = failure.within.first().unwrap_or(&failure.logical_id);
    target.template.line_of(declared)
}

/// Returns the line of the resource that a reason names in brackets, as in "[Table]".
fn line_of_named_resource(target: &StackTarget<'_>, reason: &str) -> Option<usize> {
    let inside = reason.split('[').nth(1)?.split(']').next()?;
    target.template.line_of(inside)
}

fn describe(target: &StackTarget<'_>, failure: &ResourceFailure) -> String {
    let path: Vec<&str> = failure
        .within
        .iter()
        .map(String::as_str)
        .chain([failure.logical_id.as_str()])
        .collect();
    let file = target.template.file.file_name().unwrap_or_default();
    let place = match line_of_failure(target, failure) {
        Some(line) => format!(", {}:{line}", file.to_string_lossy()),
        None => String::new(),
    };
    let property = failure
        .property
        .as_ref()
        .map(|path| format!(" at {path}"))
        .unwrap_or_default();
    let likely = diagnosis::diagnose(&failure.reason)
        .map(|diagnosis| format!(": {}", diagnosis.cause))
        .unwrap_or_default();
    let reason = failure.reason.trim().trim_end_matches('.');
    let ResourceFailure { kind, .. } = failure;
    format!(
        "{} ({kind}{place}){property}: {reason}{likely}",
        path.join(" > ")
    )
}
