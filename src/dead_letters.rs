//! The dead letters of a stage: the records of the table's stream that the publisher could not publish. In: the clients and the
//! outputs of a stage. Out: what each letter is about; and the newest state of its factories, published again. A letter is the
//! position of records in the stream, and the old images behind it are never sent. Nothing is written to the table.

mod failure_record;
mod newest_state;

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::aws::{Aws, JsonItem, RecordKey, SequenceNumber, Shard};
use crate::outputs::Outputs;
pub use failure_record::FailureRecord;
pub use newest_state::{Published, publish_newest};

/// The partition key of the heartbeat, whose record is no factory's (`domain::heartbeat`).
const HEARTBEAT: &str = "heartbeat";

/// Where the letters are, and where what they are about is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The URL of the queue.
    pub queue: String,
    /// The name of the table.
    pub table: String,
    /// The name of the publisher Lambda.
    pub publisher: String,
}

impl Source {
    /// Finds the parts of a stage.
    ///
    /// # Errors
    /// A stack or its output is not there.
    pub fn of(outputs: &Outputs) -> Result<Self> {
        Ok(Self {
            queue: outputs.get("api", "DeadLetterQueueUrl")?.to_owned(),
            table: outputs.get("data", "TableName")?.to_owned(),
            publisher: outputs.get("api", "PublisherFunction")?.to_owned(),
        })
    }
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The handle of its message.
    #[serde(skip)]
    pub receipt: String,
    /// The failure, as Lambda recorded it.
    #[serde(flatten)]
    pub failure: FailureRecord,
    /// The ids of the factories that it is about; `None` if the stream no longer has its records. It has them for 24 hours.
    pub factories: Option<Vec<String>>,
    /// The keys of these factories.
    #[serde(skip)]
    pub keys: Vec<JsonItem>,
}

/// The messages of the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// The dead letters, the oldest failure first.
    pub letters: Vec<DeadLetter>,
    /// The handles of messages that are no failure records of Lambda. Nobody but a person can know what they are.
    pub foreign: Vec<String>,
}

impl Taken {
    /// Returns the handles of all messages.
    pub fn receipts(&self) -> Vec<&str> {
        let letters = self.letters.iter().map(|letter| letter.receipt.as_str());
        letters
            .chain(self.foreign.iter().map(String::as_str))
            .collect()
    }
}

/// Takes every message of the queue, and finds the factories that the letters are about. Who takes them puts them back or deletes
/// them. If the stream cannot be read they are put back here.
///
/// # Errors
/// SQS or DynamoDB is not reached or refuses.
pub async fn take(aws: &Aws, source: &Source) -> Result<Taken> {
    let messages = aws.sqs.take_messages(&source.queue).await?;
    let mut taken = Taken::default();
    for message in messages {
        match FailureRecord::read(&message.body) {
            Some(failure) => taken.letters.push(DeadLetter {
                receipt: message.receipt,
                failure,
                factories: None,
                keys: Vec::new(),
            }),
            None => taken.foreign.push(message.receipt),
        }
    }
    if let Err(error) = find_factories(aws, &mut taken.letters).await {
        aws.sqs.put_back(&source.queue, &taken.receipts()).await?;
        return Err(error);
    }
    taken
        .letters
        .sort_by(|one, other| one.failure.at.cmp(&other.failure.at));
    Ok(taken)
}

/// Reads the stream from the first record that it still has of the letters, once for each shard.
async fn find_factories(aws: &Aws, letters: &mut [DeadLetter]) -> Result<()> {
    let mut shards: BTreeMap<Shard, Vec<&mut DeadLetter>> = BTreeMap::new();
    for letter in letters {
        let shard = letter.failure.shard.clone();
        shards.entry(shard).or_default().push(letter);
    }
    for (shard, mut letters) in shards {
        letters.sort_by(|one, other| one.failure.first.order().cmp(&other.failure.first.order()));
        let last = letters.iter().map(|letter| &letter.failure.last);
        let Some(last) = last.max_by_key(|number| number.order()).cloned() else {
            continue;
        };
        let mut found = None;
        for letter in letters {
            if found.is_none() {
                let first = &letter.failure.first;
                found = aws.stream_records.find_keys(&shard, first, &last).await?;
            }
            if let Some(keys) = &found {
                letter.learn(keys);
            }
        }
    }
    Ok(())
}

impl DeadLetter {
    /// Notes the factories of the records that the letter is about.
    fn learn(&mut self, records: &[RecordKey]) {
        let FailureRecord { first, last, .. } = &self.failure;
        let is_meant = |number: &SequenceNumber| {
            number.order() >= first.order() && number.order() <= last.order()
        };
        let mut factories = BTreeMap::new();
        for record in records.iter().filter(|record| is_meant(&record.number)) {
            let word = |name: &str| record.key.get(name).and_then(|value| value["S"].as_str());
            if word("pk") != Some(HEARTBEAT) {
                let id = word("sk").unwrap_or_default().to_owned();
                factories.insert(id, record.key.clone());
            }
        }
        let (ids, keys) = factories.into_iter().unzip();
        self.factories = Some(ids);
        self.keys = keys;
    }
}

/// Returns a letter about these factories.
#[cfg(test)]
pub(crate) fn sample_letter(factories: Option<&[&str]>) -> DeadLetter {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    DeadLetter {
        receipt: "r".to_owned(),
        failure: failure_record::sample("9", "11"),
        factories: factories.map(owned),
        keys: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(number: u32, pk: &str, sk: &str) -> RecordKey {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        RecordKey {
            number: SequenceNumber(number.to_string()),
            key: key.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_letter_is_about_the_factories_of_its_records_each_once_and_no_heartbeat() {
        let mut letter = sample_letter(None);

        letter.learn(&[
            record(8, "tree#main", "before"),
            record(9, "tree#main", "b"),
            record(10, "heartbeat", "heartbeat"),
            record(10, "tree#main", "a"),
            record(11, "tree#main", "b"),
            record(12, "tree#main", "after"),
        ]);

        assert_eq!(letter.factories.unwrap(), ["a", "b"]);
        assert_eq!(letter.keys.len(), 2);
        assert_eq!(letter.keys[0]["sk"]["S"], "a");
    }
}
