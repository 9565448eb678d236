//! CloudWatch Logs: the events of a log group.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

use super::denied::failure;

/// The client to CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct CloudWatchLogs {
    client: Client,
}

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The same event has the same id every time that it is listed.
    pub id: String,
    /// When, as its writer says.
    pub time: SystemTime,
    /// The text, with or without a line's end.
    pub message: String,
}

impl CloudWatchLogs {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists the events of a group from a time on, over all its streams, oldest first. A group that is
    /// not there has none.
    ///
    /// # Errors
    /// CloudWatch Logs is not reached or refuses (`logs:FilterLogEvents`).
    pub async fn list_events(&self, group: &str, since: SystemTime) -> Result<Vec<LogEvent>> {
        let request = self.client.filter_log_events().log_group_name(group);
        let mut pages = request
            .start_time(milliseconds(since)?)
            .into_paginator()
            .send();
        let mut events = Vec::new();
        let mut nameless = BTreeMap::new();
        // A page may be empty and yet not the last.
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    let page = page.events.unwrap_or_default().into_iter();
                    events.extend(page.map(|event| log_event(event, &mut nameless)));
                }
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_resource_not_found_exception()) =>
                {
                    return Ok(Vec::new());
                }
                Err(error) => {
                    return Err(failure(error, "logs:FilterLogEvents"))
                        .with_context(|| format!("failed to read log group `{group}`"));
                }
            }
        }
        Ok(events)
    }
}

fn milliseconds(time: SystemTime) -> Result<i64> {
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(i64::try_from(since_1970.as_millis())?)
}

/// AWS names every event. For an endpoint that does not, its place among the events of its stream at
/// that time is its name: these are counted in `nameless`.
fn log_event(event: FilteredLogEvent, nameless: &mut BTreeMap<String, u32>) -> LogEvent {
    let milliseconds = u64::try_from(event.timestamp.unwrap_or_default()).unwrap_or_default();
    let mut name = |event: &FilteredLogEvent| {
        let place = format!(
            "{} {milliseconds}",
            event.log_stream_name().unwrap_or_default()
        );
        let count = nameless.entry(place.clone()).or_default();
        *count += 1;
        format!("{place} {count}")
    };
    LogEvent {
        id: event.event_id.clone().unwrap_or_else(|| name(&event)),
        time: SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds),
        message: event.message.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::filter_log_events::{
        FilterLogEventsError, FilterLogEventsOutput,
    };
    use aws_sdk_cloudwatchlogs::types::error::ResourceNotFoundException;
    use aws_smithy_mocks::{Rule, mock};

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    fn event(id: &str, milliseconds: i64) -> FilteredLogEvent {
        FilteredLogEvent::builder()
            .event_id(id)
            .timestamp(milliseconds)
            .message("m")
            .build()
    }

    async fn list(rules: &[&Rule]) -> Result<Vec<LogEvent>> {
        let client = CloudWatchLogs::new(fake_client!(aws_sdk_cloudwatchlogs, rules));
        client
            .list_events(
                "group",
                SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            )
            .await
    }

    #[tokio::test]
    async fn all_pages_are_read_even_behind_an_empty_one() {
        let page = |token: Option<&'static str>, output: FilterLogEventsOutput| {
            mock!(Client::filter_log_events)
                .match_requests(move |request| {
                    request.start_time() == Some(1500) && request.next_token() == token
                })
                .then_output(move || output.clone())
        };
        let of = FilterLogEventsOutput::builder;
        let first = page(None, of().events(event("a", 1500)).next_token("2").build());
        let second = page(Some("2"), of().next_token("3").build());
        let third = page(Some("3"), of().events(event("b", 2000)).build());
        let events = list(&[&first, &second, &third]).await.unwrap();
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(
            events[1].time,
            SystemTime::UNIX_EPOCH + Duration::from_secs(2)
        );
    }

    #[tokio::test]
    async fn events_without_a_name_get_one_that_is_the_same_every_time() {
        let nameless = || {
            FilteredLogEvent::builder()
                .log_stream_name("s")
                .timestamp(1500)
                .message("m")
                .build()
        };
        let rule = mock!(Client::filter_log_events).then_output(move || {
            FilterLogEventsOutput::builder()
                .events(nameless())
                .events(nameless())
                .build()
        });
        let (first, again) = (list(&[&rule]).await.unwrap(), list(&[&rule]).await.unwrap());
        assert_ne!(first[0].id, first[1].id);
        assert_eq!(first, again);
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_has_no_events_and_a_refusal_names_the_permission() {
        let missing = mock!(Client::filter_log_events).then_error(|| {
            FilterLogEventsError::ResourceNotFoundException(
                ResourceNotFoundException::builder().build(),
            )
        });
        assert_eq!(list(&[&missing]).await.unwrap(), []);
        let denied =
            mock!(Client::filter_log_events).then_error(|| access_denied!(FilterLogEventsError));
        let error = list(&[&denied]).await.unwrap_err();
        assert_eq!(missing_permission(&error), Some("logs:FilterLogEvents"));
    }
}
