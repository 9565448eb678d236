//! The alarms of a stack, which CloudFormation watches while it changes the stack. In: the stack as it is and the time of
//! the watching. Out: the alarms that are handed over, and, when one has ended a change, the error that names it.

use std::collections::BTreeMap;

use anyhow::Result;

use super::cause::aftermath;
use super::target::StackTarget;
use crate::aws::{Alarm, AlarmState, MOST_TRIGGERS, RollbackTriggers, Stack};
use crate::config::BakeTime;
use crate::error::UserError;
use crate::event::Event;
use crate::plain::plain;

const KIND: &str = "AWS::CloudWatch::Alarm";

/// An alarm and its name in the template.
type NamedAlarm = (String, Alarm);

/// Returns the alarms that CloudFormation is to watch, or `None` where nothing changes about that. Only alarms that are
/// there and stay are handed over: one that is missing fails the change. An alarm that fires already says nothing about this
/// release, and would undo the one that mends it.
pub(super) async fn triggers(
    target: &StackTarget<'_>,
    stack: &Stack,
    bake: BakeTime,
) -> Result<Option<RollbackTriggers>> {
    let alarms = if bake.is_zero() {
        Vec::new()
    } else {
        list_alarms(target, stack).await?
    };
    let (firing, quiet): (Vec<_>, Vec<_>) = alarms
        .into_iter()
        .partition(|(_, alarm)| alarm.state == AlarmState::Firing);
    if !firing.is_empty() {
        target.reporter.report(Event::Warning(format!(
            "in ALARM already, so not watched while stack `{}` changes: {}",
            target.name,
            names(&firing)
        )));
    }
    let (watched, rest) = quiet.split_at(quiet.len().min(MOST_TRIGGERS));
    if !rest.is_empty() {
        target.reporter.report(Event::Note(format!(
            "CloudFormation watches {MOST_TRIGGERS} alarms at most while stack `{}` changes: the first ones of its template, \
             without {}",
            target.name,
            names(rest)
        )));
    }
    if watched.is_empty() {
        // CloudFormation would go on with those of the last time.
        return Ok(stack.has_rollback_triggers.then(RollbackTriggers::default));
    }
    Ok(Some(RollbackTriggers {
        alarms: watched.iter().map(|(_, alarm)| alarm.arn.clone()).collect(),
        minutes: bake.minutes(),
    }))
}

/// Lists the alarms of a stack that its new template still has, in the order of that template.
async fn list_alarms(target: &StackTarget<'_>, stack: &Stack) -> Result<Vec<NamedAlarm>> {
    let Some(client) = target
        .alarms
        .filter(|_| target.template.body.contains(KIND))
    else {
        return Ok(Vec::new());
    };
    let list = || target.client.list_every_resource(&stack.id);
    let resources = target.retry(list).await?;
    let alarms = resources
        .into_iter()
        .filter(|resource| resource.kind == KIND && !resource.physical_id.is_empty());
    let placed = alarms.filter_map(|alarm| {
        let line = target.template.line_of(&alarm.logical_id)?;
        Some((line, (alarm.logical_id, alarm.physical_id)))
    });
    let placed: BTreeMap<usize, (String, String)> = placed.collect();
    let names: Vec<String> = placed.values().map(|(_, name)| name.clone()).collect();
    let found = target.retry(|| client.list_alarms(&names)).await?;
    let of_name = |name: &String| found.iter().find(|alarm| alarm.name == *name).cloned();
    let named = placed
        .into_values()
        .filter_map(|(logical_id, name)| Some((logical_id, of_name(&name)?)));
    Ok(named.collect())
}

fn names(alarms: &[NamedAlarm]) -> String {
    let names: Vec<&str> = alarms.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}

/// Says for how long CloudFormation goes on watching, because the stack seems to stand still meanwhile.
pub(super) fn report(target: &StackTarget<'_>, triggers: Option<&RollbackTriggers>) {
    let Some(triggers) = triggers.filter(|triggers| !triggers.alarms.is_empty()) else {
        return;
    };
    target.report_progress(&format!(
        "CloudFormation watches {} of its alarms, also for {} min after the change",
        triggers.alarms.len(),
        triggers.minutes
    ));
}

/// Returns the error of a change that an alarm has ended, or `None` where none of them fires.
pub(super) async fn error(
    target: &StackTarget<'_>,
    triggers: &RollbackTriggers,
    status: &str,
) -> Option<anyhow::Error> {
    let names: Vec<String> = triggers
        .alarms
        .iter()
        .filter_map(|arn| name_of(arn))
        .collect();
    let alarms = target.alarms?.list_alarms(&names).await.ok()?;
    let firing = alarms
        .iter()
        .filter(|alarm| alarm.state == AlarmState::Firing);
    let words: Vec<String> = firing
        .map(|alarm| format!("alarm `{}` ({})", alarm.name, plain(words(alarm))))
        .collect();
    if words.is_empty() {
        return None;
    }
    let error = UserError::StackFailed {
        stack: target.name.to_owned(),
        cause: format!(
            "in ALARM while CloudFormation watched the change: {}",
            words.join(", ")
        ),
        template: target.template.file.clone(),
        line: None,
        aftermath: aftermath(status),
        cure: Some("`factory-tree logs --since 30m` shows what the release did".to_owned()),
    };
    Some(error.into())
}

fn words(alarm: &Alarm) -> &str {
    if alarm.description.is_empty() {
        &alarm.reason
    } else {
        &alarm.description
    }
}

/// Returns the name in an alarm's ARN, which may contain colons: `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`.
fn name_of(arn: &str) -> Option<String> {
    arn.splitn(7, ':').nth(6).map(str::to_owned)
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
