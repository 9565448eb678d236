//! The alarms of the stacks: one in ALARM makes the stage degraded.

use anyhow::Result;
use serde::Serialize;

use super::{FoundStack, text};
use crate::aws::{Alarm, AlarmState, Aws};
use crate::check::Check;
use crate::plain::plain;

const KIND: &str = "AWS::CloudWatch::Alarm";

/// An alarm of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmRow {
    /// The stack's short name.
    pub stack: String,
    /// Its name in the template.
    pub name: String,
    /// `ok`, `firing`, or `unsure` for want of data.
    pub state: AlarmState,
    /// Its description.
    pub description: String,
    /// The reason for its state.
    pub reason: String,
    /// Since when (RFC 3339, UTC).
    pub since: Option<String>,
}

pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> Result<Vec<AlarmRow>> {
    let names: Vec<String> = found
        .iter()
        .flat_map(|stack| stack.of_kind(KIND))
        .map(|resource| resource.physical_id.clone())
        .collect();
    Ok(rows(found, &aws.cloudwatch.list_alarms(&names).await?))
}

fn rows(found: &[FoundStack], alarms: &[Alarm]) -> Vec<AlarmRow> {
    let of_stacks = found
        .iter()
        .flat_map(|stack| stack.of_kind(KIND).map(move |resource| (stack, resource)));
    let rows = of_stacks.filter_map(|(stack, resource)| {
        let alarm = alarms
            .iter()
            .find(|alarm| alarm.name == resource.physical_id)?;
        Some(AlarmRow {
            stack: stack.plan.name.clone(),
            name: resource.logical_id.clone(),
            state: alarm.state,
            description: alarm.description.clone(),
            reason: alarm.reason.clone(),
            since: text(alarm.since),
        })
    });
    rows.collect()
}

/// A failing check for each alarm that fires; one that passes if none does.
pub(super) fn checks(rows: &[AlarmRow]) -> Vec<Check> {
    let firing: Vec<&AlarmRow> = rows
        .iter()
        .filter(|row| row.state == AlarmState::Firing)
        .collect();
    if firing.is_empty() {
        return quiet(rows).into_iter().collect();
    }
    let failing = firing.into_iter().map(|row| Check {
        name: format!("alarm {}", row.name),
        ok: false,
        detail: describe(row),
    });
    failing.collect()
}

fn quiet(rows: &[AlarmRow]) -> Option<Check> {
    let unsure = rows
        .iter()
        .filter(|row| row.state == AlarmState::Unsure)
        .count();
    let detail = match (rows.len(), unsure) {
        (0, _) => return None,
        (all, 0) => format!("none of {all} in ALARM"),
        (all, unsure) => format!("none of {all} in ALARM, {unsure} without data"),
    };
    Some(Check {
        name: "alarms".to_owned(),
        ok: true,
        detail,
    })
}

fn describe(row: &AlarmRow) -> String {
    let words = if row.description.is_empty() {
        &row.reason
    } else {
        &row.description
    };
    match &row.since {
        Some(since) => format!("in ALARM since {since}: {}", plain(words)),
        None => format!("in ALARM: {}", plain(words)),
    }
}
