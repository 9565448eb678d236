//! Drift: resources that are no longer as their template says, found by CloudFormation. It is shown and
//! makes nothing unhealthy: an operator's hand may have been right.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use serde::Serialize;

use super::{FoundStack, Unknown, reason_without_answer};
use crate::aws::{Aws, DriftedResource, PropertyDrift};
use crate::plain::plain;

/// The longest time that the detection may take on any stack: some minutes on one of hundreds of resources, seconds
/// on ours.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A resource that has drifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriftRow {
    /// The stack's short name.
    pub stack: String,
    /// Its name in the template.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// The kind of drift.
    pub state: DriftState,
    /// The properties that differ.
    pub differences: Vec<PropertyDrift>,
}

/// The kind of a resource's drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftState {
    /// Some of its properties differ.
    Modified,
    /// It is gone.
    Deleted,
}

/// Compares every stack with its template, all at the same time. Returns what has drifted, and the
/// stacks of which that is unknown.
pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> (Vec<DriftRow>, Vec<Unknown>) {
    let there = found.iter().filter(|stack| stack.stack.is_some());
    let answers = join_all(there.map(|stack| ask_one(aws, stack))).await;
    let (rows, unknown): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let rows = rows.into_iter().flatten().flatten().collect();
    (rows, unknown.into_iter().filter_map(Result::err).collect())
}

async fn ask_one(aws: &Aws, stack: &FoundStack) -> Result<Vec<DriftRow>, Unknown> {
    let answer = tokio::time::timeout(TIMEOUT, detect(aws, stack)).await;
    let detail = match answer {
        Ok(Ok(drifted)) => return Ok(rows(&stack.plan.name, drifted)),
        Ok(Err(error)) => reason_without_answer(&error),
        Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
    };
    Err(Unknown {
        name: format!("drift of {}", stack.plan.name),
        detail,
    })
}

async fn detect(aws: &Aws, stack: &FoundStack) -> Result<Vec<DriftedResource>> {
    let client = aws.cloudformation_in(&stack.plan.region);
    let detection = client.start_drift_detection(&stack.plan.stack).await?;
    let mut rest = Duration::from_millis(100);
    while !client.is_drift_detected(&detection).await? {
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(Duration::from_secs(3));
    }
    client.list_drifted_resources(&stack.plan.stack).await
}

pub(super) fn rows(stack: &str, drifted: Vec<DriftedResource>) -> Vec<DriftRow> {
    let rows = drifted.into_iter().map(|resource| DriftRow {
        stack: stack.to_owned(),
        resource: resource.logical_id,
        kind: resource.kind,
        state: if resource.deleted {
            DriftState::Deleted
        } else {
            DriftState::Modified
        },
        differences: resource.differences,
    });
    rows.collect()
}

impl fmt::Display for DriftRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            DriftState::Modified => "differs from its template",
            DriftState::Deleted => "was deleted outside CloudFormation",
        };
        let (stack, resource, kind) = (&self.stack, plain(&self.resource), plain(&self.kind));
        write!(formatter, "\n  drift {stack}/{resource} ({kind}) {state}")?;
        for PropertyDrift {
            path,
            expected,
            actual,
        } in &self.differences
        {
            let (path, expected, actual) = (plain(path), value(expected), value(actual));
            write!(formatter, "\n    {path}: expected {expected}, is {actual}")?;
        }
        Ok(())
    }
}

fn value(text: &str) -> String {
    // CloudFormation writes what is not there as `null` or as nothing.
    if text.is_empty() || text == "null" {
        "nothing".to_owned()
    } else {
        plain(text)
    }
}
