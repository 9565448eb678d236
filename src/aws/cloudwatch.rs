//! CloudWatch: the state of alarms.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};

use super::denied::failure;

/// The client to CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name, unique in account and region.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its state.
    pub state: AlarmState,
    /// The description that its author gave it.
    pub description: String,
    /// The reason for its state, as CloudWatch gives it.
    pub reason: String,
    /// Since when.
    pub since: Option<SystemTime>,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmState {
    /// All is well.
    Ok,
    /// Its threshold is crossed.
    Firing,
    /// There is nothing to judge by.
    Unsure,
}

/// The largest number of alarms that one call may name. Source: CloudWatch API, `DescribeAlarms`, `AlarmNames`.
const MOST_NAMES: usize = 100;

impl CloudWatch {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns those of the named alarms that there are.
    ///
    /// # Errors
    /// CloudWatch is not reached or refuses (`cloudwatch:DescribeAlarms`).
    pub async fn list_alarms(&self, names: &[String]) -> Result<Vec<Alarm>> {
        let mut alarms = Vec::new();
        for some in names.chunks(MOST_NAMES) {
            let request = self
                .client
                .describe_alarms()
                .set_alarm_names(Some(some.to_vec()));
            // As many as were named, so there is one page.
            let request = request.max_records(i32::try_from(MOST_NAMES)?);
            let response = request.send().await;
            let output = response
                .map_err(|error| failure(error, "cloudwatch:DescribeAlarms"))
                .context("failed to describe the alarms")?;
            alarms.extend(
                output
                    .metric_alarms
                    .unwrap_or_default()
                    .into_iter()
                    .map(Alarm::from),
            );
        }
        Ok(alarms)
    }
}

impl From<MetricAlarm> for Alarm {
    fn from(alarm: MetricAlarm) -> Self {
        let state = match alarm.state_value {
            Some(StateValue::Alarm) => AlarmState::Firing,
            Some(StateValue::Ok) => AlarmState::Ok,
            _ => AlarmState::Unsure,
        };
        let since = alarm
            .state_transitioned_timestamp
            .or(alarm.state_updated_timestamp);
        Self {
            name: alarm.alarm_name.unwrap_or_default(),
            arn: alarm.alarm_arn.unwrap_or_default(),
            state,
            description: alarm.alarm_description.unwrap_or_default(),
            reason: alarm.state_reason.unwrap_or_default(),
            since: since.and_then(|time| time.try_into().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::describe_alarms::{
        DescribeAlarmsError, DescribeAlarmsOutput,
    };
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    #[tokio::test]
    async fn more_alarms_than_one_call_takes_are_asked_for_in_several() {
        let rule = mock!(Client::describe_alarms)
            .match_requests(|request| request.alarm_names().len() <= MOST_NAMES)
            .then_compute_output(|request| {
                let alarms = request.alarm_names().iter().map(|name| {
                    MetricAlarm::builder()
                        .alarm_name(name)
                        .state_value(StateValue::Alarm)
                        .build()
                });
                DescribeAlarmsOutput::builder()
                    .set_metric_alarms(Some(alarms.collect()))
                    .build()
            });
        let client = CloudWatch::new(fake_client!(aws_sdk_cloudwatch, [&rule]));
        let names: Vec<String> = (0..101).map(|number| format!("alarm-{number}")).collect();
        let alarms = client.list_alarms(&names).await.unwrap();
        assert_eq!(rule.num_calls(), 2);
        assert_eq!((alarms.len(), alarms[100].state), (101, AlarmState::Firing));
        assert_eq!(client.list_alarms(&[]).await.unwrap(), []);
        assert_eq!(rule.num_calls(), 2, "nothing is asked about nothing");
    }

    #[tokio::test]
    async fn a_refusal_names_the_missing_permission() {
        let rule =
            mock!(Client::describe_alarms).then_error(|| access_denied!(DescribeAlarmsError));
        let client = CloudWatch::new(fake_client!(aws_sdk_cloudwatch, [&rule]));
        let error = client.list_alarms(&["a".to_owned()]).await.unwrap_err();
        assert_eq!(
            missing_permission(&error),
            Some("cloudwatch:DescribeAlarms")
        );
    }
}
