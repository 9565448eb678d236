//! The bake of a release: its alarms are watched for a while before it counts as good. In: a stage that was verified. Out:
//! nothing, or the error that names the alarms that went off. Nothing is undone here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Deployment;
use crate::aws::{Alarm, AlarmState};
use crate::error::UserError;
use crate::event::{Event, Reporter, task};
use crate::plain::plain;
use crate::plan;
use crate::provision::{find_stacks, retry_transient};

const KIND: &str = "AWS::CloudWatch::Alarm";

/// The time between two looks at the alarms. CloudWatch judges an alarm once a minute, or every ten seconds where its period
/// is short (CloudWatch User Guide, "Evaluating an alarm").
const INTERVAL: Duration = Duration::from_secs(10);

const TASK: &str = "bake";

/// The names of alarms.
pub(super) type AlarmNames = BTreeSet<String>;

/// Returns the alarms that are in ALARM before anything has changed: they say nothing about the release.
///
/// # Errors
/// CloudFormation or CloudWatch is not reached, or refuses: then the bake could not be judged either.
pub(super) async fn find_firing(deployment: &Deployment<'_>) -> Result<AlarmNames> {
    let alarms = list_alarms(deployment, &find_names(deployment).await?).await?;
    let firing: AlarmNames = names_of_firing(&alarms).collect();
    if !firing.is_empty() {
        let names: Vec<&str> = firing.iter().map(String::as_str).collect();
        deployment.reporter.report(Event::Warning(format!(
            "in ALARM before this deploy, so not watched during its bake: {}",
            names.join(", ")
        )));
    }
    Ok(firing)
}

/// Watches the alarms for the time of the bake.
///
/// # Errors
/// `UserError::Unhealthy` with the alarms that went into ALARM and were not in `before`.
pub(super) async fn bake(deployment: &Deployment<'_>, before: &AlarmNames) -> Result<()> {
    let reporter = deployment.reporter;
    let mut names = find_names(deployment).await?;
    names.retain(|name| !before.contains(name));
    if names.is_empty() {
        let text = "nothing is watched during the bake: no stack of the stage has an alarm that could go off";
        reporter.report(Event::Warning(text.to_owned()));
        return Ok(());
    }
    let time = deployment.request.options.bake.duration();
    let (all, names) = (names.len(), &names);
    let outcome = |(): &()| format!("none of {all} alarms went off");
    task(reporter, TASK, outcome, async {
        let ask = || list_alarms(deployment, names);
        let fired = watch(time, INTERVAL.min(time), ask, reporter).await?;
        refuse(&deployment.config.stage.to_string(), &fired)
    })
    .await
}

async fn find_names(deployment: &Deployment<'_>) -> Result<Vec<String>> {
    let Deployment {
        config,
        endpoint,
        aws,
        reporter,
        ..
    } = *deployment;
    let stacks = plan::stage_stacks(config, &endpoint.urls);
    let found = retry_transient(reporter, || find_stacks(aws, config, &stacks)).await?;
    let alarms = found.iter().flat_map(|stack| stack.of_kind(KIND));
    Ok(alarms.map(|alarm| alarm.physical_id.clone()).collect())
}

async fn list_alarms(deployment: &Deployment<'_>, names: &[String]) -> Result<Vec<Alarm>> {
    let client = &deployment.aws.cloudwatch;
    retry_transient(deployment.reporter, || client.list_alarms(names)).await
}

fn names_of_firing(alarms: &[Alarm]) -> impl Iterator<Item = String> {
    let firing = alarms
        .iter()
        .filter(|alarm| alarm.state == AlarmState::Firing);
    firing.map(|alarm| alarm.name.clone())
}

/// Asks again and again, the last time when the time is over. Returns the alarms that fire, as soon as one does.
async fn watch<F>(
    time: Duration,
    interval: Duration,
    mut ask: impl FnMut() -> F,
    reporter: &dyn Reporter,
) -> Result<Vec<Alarm>>
where
    F: Future<Output = Result<Vec<Alarm>>>,
{
    let started = Instant::now();
    loop {
        let left = time.saturating_sub(started.elapsed());
        reporter.report(Event::TaskProgress {
            task: TASK.to_owned(),
            detail: left_words(left),
        });
        let mut alarms = ask().await?;
        alarms.retain(|alarm| alarm.state == AlarmState::Firing);
        if !alarms.is_empty() || left.is_zero() {
            return Ok(alarms);
        }
        tokio::time::sleep(interval.min(left)).await;
    }
}

/// Returns `3 min left`, rounded up, or `40 s left`.
fn left_words(left: Duration) -> String {
    match left.as_millis().div_ceil(1000) {
        seconds @ 0..60 => format!("{seconds} s left"),
        seconds => format!("{} min left", seconds.div_ceil(60)),
    }
}

fn refuse(stage: &str, fired: &[Alarm]) -> Result<()> {
    if fired.is_empty() {
        return Ok(());
    }
    let rows = fired.iter().map(|alarm| {
        let words = if alarm.description.is_empty() {
            &alarm.reason
        } else {
            &alarm.description
        };
        format!(
            "alarm `{}` went into ALARM during the bake ({})",
            alarm.name,
            plain(words)
        )
    });
    Err(UserError::Unhealthy {
        stage: stage.to_owned(),
        problem: rows.collect::<Vec<_>>().join(", "),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::event::SilentReporter;
    use crate::hint::{exit, hint};

    const SOON: Duration = Duration::from_millis(1);

    fn alarm(state: AlarmState) -> Alarm {
        Alarm {
            name: "prod-api-errors".to_owned(),
            arn: String::new(),
            state,
            description: "The API answers with 5xx.".to_owned(),
            reason: "Threshold crossed".to_owned(),
            since: None,
        }
    }

    #[tokio::test]
    async fn an_alarm_that_goes_off_ends_the_bake_at_once() {
        let asked = Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            let state = if asked.get() < 3 {
                AlarmState::Unsure
            } else {
                AlarmState::Firing
            };
            std::future::ready(Ok(vec![alarm(state)]))
        };
        let hours = Duration::from_secs(3 * 60 * 60);
        let fired = watch(hours, SOON, ask, &SilentReporter).await.unwrap();
        assert_eq!(asked.get(), 3);
        let error = refuse("prod", &fired).unwrap_err();
        insta::assert_snapshot!(format!("{error:#}\n{}\n{:?}", hint(&error).unwrap(), exit(&error)), @r"
stage `prod` was deployed, but does not work: alarm `prod-api-errors` went into ALARM during the bake (The API answers with 5xx.)
`factory-tree status` shows every check; `factory-tree deploy` repairs what it can
Failure
");
    }

    #[tokio::test]
    async fn a_bake_without_an_alarm_ends_with_a_last_look() {
        let asked = Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            std::future::ready(Ok(vec![alarm(AlarmState::Ok)]))
        };
        let fired = watch(SOON * 5, SOON, ask, &SilentReporter).await.unwrap();
        assert_eq!(fired, []);
        assert!(asked.get() >= 2);
        refuse("prod", &fired).unwrap();
    }

    #[test]
    fn the_time_that_is_left_is_rounded_up() {
        let words = [0, 40, 59, 60, 61, 300].map(|left| left_words(Duration::from_secs(left)));
        assert_eq!(
            words.join(", "),
            "0 s left, 40 s left, 59 s left, 1 min left, 2 min left, 5 min left"
        );
    }
}
