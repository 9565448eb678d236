//! In: a batch of stream records. Out: the messages that it stands for, and the records that stand
//! for none. Pure: nothing is sent here.

use aws_lambda_events::event::dynamodb::EventRecord;
use domain::Change;
use domain::record::Record;

/// A record's place in its shard, by which Lambda knows it.
pub type SequenceNumber = String;

/// A message, ready to be sent, and the record that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The record.
    pub sequence_number: SequenceNumber,
    /// A [`Change`] as JSON.
    pub text: String,
}

/// The messages that a batch of records stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// To be sent, in the order of the records.
    pub messages: Vec<Message>,
    /// Records that can never be read, in their order.
    pub poison: Vec<Poison>,
    /// The number of records that need no message.
    pub ignored: usize,
}

/// A record that can never be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// The record.
    pub sequence_number: SequenceNumber,
    /// Why it cannot be read.
    pub reason: String,
}

impl Batch {
    /// Reads the records of a batch.
    pub fn read(records: Vec<EventRecord>) -> Self {
        let mut batch = Self::default();
        for record in records {
            batch.add(record);
        }
        batch
    }

    fn add(&mut self, record: EventRecord) {
        // An item is removed from the table by its time to live alone, long after its factory was:
        // that was told when it happened.
        if record.event_name == "REMOVE" {
            self.ignored += 1;
            return;
        }
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        match message_text(record) {
            Ok(text) => self.messages.push(Message {
                sequence_number,
                text,
            }),
            Err(error) => self.poison.push(Poison {
                sequence_number,
                reason: format!("{error:#}"),
            }),
        }
    }
}

fn message_text(record: EventRecord) -> anyhow::Result<String> {
    let image = record.change.new_image;
    anyhow::ensure!(
        !image.is_empty(),
        "the record has no new image: the stream's view type is not NEW_IMAGE"
    );
    let record: Record = serde_dynamo::from_item(image)?;
    let change: Change = record.into_change()?;
    Ok(serde_json::to_string(&change)?)
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
        Batch::read(event.records)
    }

    #[test]
    fn a_new_image_is_told_as_the_whole_factory() {
        let batch = read(&[record("1", "INSERT", image())]);

        insta::assert_snapshot!(
            batch.messages[0].text,
            @r#"{"type":"changed","factory":{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":-5,"upper":5,"numbers":[3],"revision":2}}"#
        );
        assert_eq!(batch.messages[0].sequence_number, "1");
    }

    #[test]
    fn a_deleted_image_is_told_as_a_removal() {
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
    fn what_the_time_to_live_clears_away_is_ignored() {
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
    fn a_poison_record_is_named_and_the_others_go_on() {
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
        let poison: Vec<&str> = batch
            .poison
            .iter()
            .map(|poison| &*poison.sequence_number)
            .collect();
        assert_eq!((sent, poison), (vec!["1", "5"], vec!["2", "3", "4"]));
        assert_eq!(
            batch.poison[0].reason,
            "`lower` is 6; allowed: at most `upper`, which is 5"
        );
    }

    #[test]
    fn a_stream_without_new_images_fails_loudly() {
        let mut keys_only = record("1", "MODIFY", json!(null));
        keys_only["dynamodb"]["StreamViewType"] = json!("KEYS_ONLY");

        let batch = read(&[keys_only]);

        assert!(
            batch.poison[0].reason.contains("not NEW_IMAGE"),
            "{:?}",
            batch.poison
        );
    }
}
