//! The handler of one batch: reads it, publishes its messages, and reports the failed records.

use std::time::{Duration, Instant};

use aws_lambda_events::event::dynamodb::Event;
use serde::Serialize;

use crate::batch::{Batch, MessageKind, SequenceNumber};
use crate::publish::Publish;

/// The response to Lambda: the failed records of a batch. An empty list is a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed records. Lambda continues from the one with the lowest sequence number.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The sequence number of the record.
    pub item_identifier: SequenceNumber,
}

/// Publishes a batch, and returns the failed records in their order. `build` is the build id of this publisher, which the
/// heartbeats carry on.
pub async fn publish_changes(
    destination: &impl Publish,
    build: &str,
    event: Event,
) -> BatchResponse {
    let started = Instant::now();
    let order: Vec<_> = event
        .records
        .iter()
        .map(|record| record.change.sequence_number.clone())
        .collect();
    let batch = Batch::read(event.records, build);
    for record in &batch.unreadable {
        tracing::error!(
            sequence_number = record.sequence_number,
            reason = record.reason,
            "a record cannot be read"
        );
    }

    let refused = destination.publish(&batch.messages).await;

    // A heartbeat is not reported: no change is to wait until it was tried again, and the next one is on its way.
    let refused = refused
        .into_iter()
        .filter(|message| message.kind == MessageKind::Change)
        .map(|message| &message.sequence_number);
    let failed: Vec<&SequenceNumber> = batch
        .unreadable
        .iter()
        .map(|record| &record.sequence_number)
        .chain(refused)
        .collect();
    log(&batch, order.len(), failed.len(), started.elapsed());
    response(&order, &failed)
}

/// Logs a batch. Heartbeats come all day, and nobody reads their lines.
fn log(batch: &Batch, records: usize, failed: usize, elapsed: Duration) {
    if batch.is_heartbeat() {
        tracing::debug!(records, "heartbeat");
        return;
    }
    tracing::info!(
        records,
        published = (batch.messages.len() + batch.unreadable.len()).saturating_sub(failed),
        ignored = batch.ignored,
        failed,
        milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        "batch"
    );
}

/// Lists the failed records in the order of the batch.
///
/// A record without a sequence number is listed with an empty one. Lambda treats this as a failure of the
/// whole batch, so no record is lost.
fn response(order: &[Option<SequenceNumber>], failed: &[&SequenceNumber]) -> BatchResponse {
    let in_order = order
        .iter()
        .map(|number| number.clone().unwrap_or_default());
    BatchResponse {
        batch_item_failures: in_order
            .filter(|number| failed.contains(&number))
            .map(|item_identifier| BatchItemFailure { item_identifier })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::Client;
    use aws_sdk_sns::config::retry::RetryConfig;
    use aws_sdk_sns::config::{Credentials, Region};
    use aws_sdk_sns::error::ErrorMetadata;
    use aws_sdk_sns::operation::publish_batch::{PublishBatchError, PublishBatchOutput};
    use aws_sdk_sns::types::BatchResultErrorEntry;
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };
    use serde_json::json;

    use super::*;
    use crate::topic::Topic;

    fn topic(rules: &[Rule]) -> Topic {
        let mut answers = MockResponseInterceptor::new().rule_mode(RuleMode::Sequential);
        for rule in rules {
            answers = answers.with_rule(rule);
        }
        let config = aws_sdk_sns::Config::builder()
            .behavior_version_latest()
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(create_mock_http_client())
            .interceptor(answers)
            .build();
        Topic::new(Client::from_conf(config), "arn:topic")
    }

    /// A batch of records numbered from 1; those in `poison` cannot be read.
    fn event(records: usize, poison: &[usize]) -> Event {
        let records: Vec<_> = (1..=records)
            .map(|number| {
                let lower = if poison.contains(&number) { "9" } else { "0" };
                json!({
                    "eventID": "e", "eventName": "MODIFY", "awsRegion": "r",
                    "dynamodb": {
                        "SequenceNumber": number.to_string(),
                        "SizeBytes": 1,
                        "NewImage": {
                            "pk": { "S": "tree#main" },
                            "sk": { "S": "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11" },
                            "name": { "S": "mill" },
                            "lower": { "N": lower },
                            "upper": { "N": "5" },
                            "numbers": { "L": [] },
                            "revision": { "N": number.to_string() },
                        },
                    },
                })
            })
            .collect();
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    fn accepts(entries: usize) -> Rule {
        mock!(Client::publish_batch)
            .match_requests(move |request| {
                request.topic_arn() == Some("arn:topic")
                    && request.publish_batch_request_entries().len() == entries
            })
            .then_output(|| PublishBatchOutput::builder().build())
    }

    fn refuses(ids: &'static [&'static str]) -> Rule {
        mock!(Client::publish_batch).then_output(|| {
            let entry = |id: &&str| {
                let entry = BatchResultErrorEntry::builder()
                    .id(*id)
                    .code("InternalError");
                entry.sender_fault(false).build().unwrap()
            };
            PublishBatchOutput::builder()
                .set_failed(Some(ids.iter().map(entry).collect()))
                .build()
        })
    }

    fn fails() -> Rule {
        mock!(Client::publish_batch).then_error(|| {
            PublishBatchError::generic(ErrorMetadata::builder().code("Throttled").build())
        })
    }

    fn failures(response: &BatchResponse) -> Vec<&str> {
        response
            .batch_item_failures
            .iter()
            .map(|failure| &*failure.item_identifier)
            .collect()
    }

    #[tokio::test]
    async fn a_batch_is_published_in_tens() {
        let rules = [accepts(10), accepts(10), accepts(3)];

        let response = publish_changes(&topic(&rules), "b1", event(23, &[])).await;

        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"batchItemFailures":[]}"#
        );
        assert!(rules.iter().all(|rule| rule.num_calls() == 1));
    }

    #[tokio::test]
    async fn an_unreadable_record_is_reported_and_the_others_are_published() {
        let rules = [accepts(4)];

        let response = publish_changes(&topic(&rules), "b1", event(5, &[2])).await;

        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#
        );
        assert_eq!(rules[0].num_calls(), 1);
    }

    #[tokio::test]
    async fn refused_messages_are_reported_in_the_order_of_the_records() {
        let response = publish_changes(&topic(&[refuses(&["2", "0"])]), "b1", event(5, &[2])).await;

        // The poison record is not sent, so the third message sent is record 4.
        assert_eq!(failures(&response), ["1", "2", "4"]);
    }

    #[tokio::test]
    async fn a_failing_call_fails_its_ten_and_the_next_ten_are_sent() {
        let rules = [fails(), accepts(2)];

        let response = publish_changes(&topic(&rules), "b1", event(12, &[])).await;

        assert_eq!(failures(&response).len(), 10);
        assert_eq!(failures(&response)[0], "1");
        assert_eq!(rules[1].num_calls(), 1);
    }

    #[tokio::test]
    async fn a_heartbeat_that_is_refused_holds_up_nobody() {
        let heartbeat = json!({
            "eventID": "e", "eventName": "MODIFY", "awsRegion": "r",
            "dynamodb": {
                "SequenceNumber": "7",
                "SizeBytes": 1,
                "NewImage": {
                    "pk": { "S": "heartbeat" },
                    "sk": { "S": "heartbeat" },
                    "server": { "S": "i-1" },
                    "written_at": { "N": "1" },
                },
            },
        });
        let event = serde_json::from_value(json!({ "Records": [heartbeat] })).unwrap();

        let response = publish_changes(&topic(&[fails()]), "b1", event).await;

        assert_eq!(response, BatchResponse::default());
    }

    #[tokio::test]
    async fn an_empty_batch_sends_no_request() {
        assert_eq!(
            publish_changes(&topic(&[]), "b1", event(0, &[])).await,
            BatchResponse::default()
        );
    }
}
