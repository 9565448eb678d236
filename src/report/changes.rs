//! The changes between two reports of `status`. In: two reports. Out: a line for each change of its
//! health, a stack's state, or a check. Details that move by themselves are no change.

use std::collections::BTreeMap;

use super::{Health, StatusReport};
use crate::plain::plain;

/// Returns what has changed, a line each. Without a report before, everything that is there is reported.
pub fn changes(before: Option<&StatusReport>, after: &StatusReport) -> Vec<String> {
    let old = before.map(facts).unwrap_or_default();
    let new = facts(after);
    let mut lines = Vec::new();
    if before.map(|report| report.health) != Some(after.health) {
        lines.push(format!("stage {} is {}", after.stage, word(after.health)));
    }
    for (name, (state, detail)) in &new {
        let was = old.get(name).map(|(state, _)| state);
        if was != Some(state) {
            lines.push(plain(&format!("{name}: {state} {detail}")));
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    lines.extend(gone.map(|name| plain(&format!("{name}: gone"))));
    lines
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Absent => "absent",
    }
}

/// State and detail of everything, by name.
fn facts(report: &StatusReport) -> BTreeMap<String, (String, String)> {
    let stacks = report.stacks.iter().map(|row| {
        (
            format!("stack {}", row.name),
            (row.state.clone(), String::new()),
        )
    });
    let checks = report.checks.iter().map(|check| {
        let state = if check.ok { "ok" } else { "FAIL" };
        (check.name.clone(), (state.to_owned(), check.detail.clone()))
    });
    let unknown = report
        .seen
        .unknown
        .iter()
        .map(|row| (row.name.clone(), ("unknown".to_owned(), row.detail.clone())));
    stacks.chain(checks).chain(unknown).collect()
}
