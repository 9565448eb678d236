//! In: a batch of stream records. Out: their messages, and the records that cannot be read. This module is
//! pure: it sends nothing.

use aws_lambda_events::event::dynamodb::EventRecord;
use domain::FactoryChange;
use domain::change::Signal;
use domain::heartbeat::{self, HeartbeatItem};
use domain::item::FactoryItem;
use serde_dynamo::{AttributeValue, Item};

/// The position of a record in its shard, by which Lambda identifies it.
pub type SequenceNumber = String;

/// A message that is ready to send, and the record that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMessage {
    /// The sequence number of the record.
    pub sequence_number: SequenceNumber,
    /// The kind of the message.
    pub kind: MessageKind,
    /// A [`FactoryChange`] or a [`Signal`] as JSON.
    pub text: String,
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The newest state of a factory.
    Change,
    /// A heartbeat. The next one replaces it, so it is worth no second attempt.
    Heartbeat,
}

/// The messages and the unreadable records of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages in the order of the records; of several heartbeats the last one.
    pub messages: Vec<TopicMessage>,
    /// The records that can never be read, in their order.
    pub unreadable: Vec<UnreadableRecord>,
    /// The number of records that need no message.
    pub ignored: usize,
}

/// A record that can never be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRecord {
    /// The sequence number of the record.
    pub sequence_number: SequenceNumber,
    /// The reason why the record cannot be read.
    pub reason: String,
}

impl Batch {
    /// Reads the records of a batch for the publisher of this build.
    pub fn read(records: Vec<EventRecord>, build: &str) -> Self {
        let mut batch = Self::default();
        for record in records {
            batch.add(record, build);
        }
        batch
    }

    /// Returns whether the batch has heartbeats and nothing else.
    pub fn is_heartbeat(&self) -> bool {
        let is_heartbeat = |message: &TopicMessage| message.kind == MessageKind::Heartbeat;
        self.unreadable.is_empty() && self.messages.iter().all(is_heartbeat)
    }

    fn add(&mut self, record: EventRecord, build: &str) {
        // Only the time to live deletes items, long after the removal of the factory was published.
        if record.event_name == "REMOVE" {
            self.ignored += 1;
            return;
        }
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        match read_image(record.change.new_image, build) {
            Ok((kind, text)) => self.push(TopicMessage {
                sequence_number,
                kind,
                text,
            }),
            Err(error) => self.unreadable.push(UnreadableRecord {
                sequence_number,
                reason: format!("{error:#}"),
            }),
        }
    }

    /// Adds a message. A heartbeat takes the place of those before it, however many an outage has left.
    fn push(&mut self, message: TopicMessage) {
        if message.kind == MessageKind::Heartbeat {
            let before = self.messages.len();
            self.messages
                .retain(|earlier| earlier.kind != MessageKind::Heartbeat);
            self.ignored += before - self.messages.len();
        }
        self.messages.push(message);
    }
}

/// Returns the message that an image becomes.
fn read_image(image: Item, build: &str) -> anyhow::Result<(MessageKind, String)> {
    anyhow::ensure!(
        !image.is_empty(),
        "the record has no new image: the stream's view type is not NEW_IMAGE"
    );
    if image.get("pk") == Some(&AttributeValue::S(heartbeat::PARTITION.to_owned())) {
        let heartbeat: HeartbeatItem = serde_dynamo::from_item(image)?;
        let signal = Signal::Heartbeat {
            server: heartbeat.server,
            publisher: build.to_owned(),
        };
        return Ok((MessageKind::Heartbeat, serde_json::to_string(&signal)?));
    }
    let item: FactoryItem = serde_dynamo::from_item(image)?;
    let change: FactoryChange = item.into_change()?;
    Ok((MessageKind::Change, serde_json::to_string(&change)?))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb::Event;
    use serde_json::{Value, json};

    use super::*;

    /// A record as Lambda sends it.
    fn record(sequence_number: &str, event_name: &str, image: Value) -> Value {
        json!({
            "eventID": sequence_number,
            "eventName": event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_000_000,
                "Keys": { "pk": { "S": "tree#main" }, "sk": { "S": "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11" } },
                "NewImage": image,
                "SequenceNumber": sequence_number,
                "SizeBytes": 200,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/s",
        })
    }

    fn image() -> Value {
        json!({
            "pk": { "S": "tree#main" },
            "sk": { "S": "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11" },
            "name": { "S": "mill" },
            "lower": { "N": "-5" },
            "upper": { "N": "5" },
            "numbers": { "L": [{ "N": "3" }] },
            "revision": { "N": "2" },
            "request": { "S": "{}" },
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut image = image();
        image[field] = value;
        image
    }

    fn read(records: &[Value]) -> Batch {
        let event: Event = serde_json::from_value(json!({ "Records": records })).unwrap();
        Batch::read(event.records, "b1")
    }

    #[test]
    fn a_new_image_becomes_a_message_with_the_whole_factory() {
        let batch = read(&[record("1", "INSERT", image())]);

        insta::assert_snapshot!(
            batch.messages[0].text,
            @r#"{"type":"changed","factory":{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":-5,"upper":5,"numbers":[3],"revision":2}}"#
        );
        assert_eq!(batch.messages[0].sequence_number, "1");
    }

    #[test]
    fn who_changed_a_factory_is_in_its_message() {
        let batch = read(&[record(
            "1",
            "MODIFY",
            with("changed_by", json!({ "S": "ada" })),
        )]);

        insta::assert_snapshot!(
            batch.messages[0].text,
            @r#"{"type":"changed","factory":{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":-5,"upper":5,"numbers":[3],"revision":2,"changed_by":"ada"}}"#
        );
    }

    #[test]
    fn a_deleted_image_becomes_a_removal() {
        let batch = read(&[record(
            "1",
            "MODIFY",
            with("deleted", json!({ "BOOL": true })),
        )]);

        insta::assert_snapshot!(
            batch.messages[0].text,
            @r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":2}"#
        );
    }

    #[test]
    fn items_that_the_time_to_live_deletes_are_ignored() {
        let mut removed = record("1", "REMOVE", json!(null));
        removed["userIdentity"] =
            json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });

        assert_eq!(
            read(&[removed]),
            Batch {
                ignored: 1,
                ..Batch::default()
            }
        );
    }

    #[test]
    fn an_unreadable_record_is_reported_and_the_others_are_published() {
        let batch = read(&[
            record("1", "MODIFY", image()),
            record("2", "MODIFY", with("lower", json!({ "N": "6" }))),
            record("3", "MODIFY", with("name", json!({ "BOOL": true }))),
            record("4", "MODIFY", with("pk", json!({ "S": "tree#other" }))),
            record("5", "MODIFY", image()),
        ]);

        let sent: Vec<&str> = batch
            .messages
            .iter()
            .map(|message| &*message.sequence_number)
            .collect();
        let unreadable: Vec<&str> = batch
            .unreadable
            .iter()
            .map(|record| &*record.sequence_number)
            .collect();
        assert_eq!((sent, unreadable), (vec!["1", "5"], vec!["2", "3", "4"]));
        assert_eq!(
            batch.unreadable[0].reason,
            "`lower` is 6; allowed: at most `upper`, which is 5"
        );
    }

    fn heartbeat(sequence_number: &str, server: &str) -> Value {
        let image = json!({
            "pk": { "S": "heartbeat" },
            "sk": { "S": "heartbeat" },
            "server": { "S": server },
            "written_at": { "N": "1795000000000" },
        });
        record(sequence_number, "MODIFY", image)
    }

    #[test]
    fn a_heartbeat_becomes_a_signal_with_the_build_of_the_publisher() {
        let batch = read(&[heartbeat("1", "i-1")]);

        assert_eq!(batch.messages[0].kind, MessageKind::Heartbeat);
        insta::assert_snapshot!(
            batch.messages[0].text,
            @r#"{"type":"heartbeat","server":"i-1","publisher":"b1"}"#
        );
        assert!(batch.is_heartbeat());
    }

    #[test]
    fn of_several_heartbeats_the_last_one_is_sent() {
        let batch = read(&[
            heartbeat("1", "i-1"),
            record("2", "MODIFY", image()),
            heartbeat("3", "i-2"),
        ]);

        let sent: Vec<&str> = batch
            .messages
            .iter()
            .map(|message| &*message.sequence_number)
            .collect();
        assert_eq!((sent, batch.ignored), (vec!["2", "3"], 1));
        assert!(!batch.is_heartbeat());
    }

    #[test]
    fn a_stream_without_new_images_is_reported() {
        let mut keys_only = record("1", "MODIFY", json!(null));
        keys_only["dynamodb"]["StreamViewType"] = json!("KEYS_ONLY");

        let batch = read(&[keys_only]);

        assert!(
            batch.unreadable[0].reason.contains("not NEW_IMAGE"),
            "{:?}",
            batch.unreadable
        );
    }
}
