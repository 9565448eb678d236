//! The newest state of factories, published by the stage's own publisher. In: the keys of factories. Out: which of them the
//! publisher published. The publisher is called with what the table has now, in the form of a stream's records: so a change, a
//! removal and an item that is unreadable are to it what they always are, and no message of ours can differ from its messages.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::{DeadLetter, Source};
use crate::aws::{Aws, JsonItem};
use crate::error::UserError;
use crate::plain::plain;

/// The partition of all factories (`domain::item`).
const TREE: &str = "tree#main";

/// The records of one call, as many as the event source mapping hands over (`BatchSize` in `templates/api.yaml`).
const BATCH: usize = 100;

/// The result of publishing the newest states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The number of factories that were published.
    pub factories: usize,
    /// The number of factories that the table no longer has: their removal has expired, and every server has read the table since.
    pub gone: usize,
    /// The ids of those that the publisher refuses or the topic did not take.
    pub failed: Vec<String>,
}

impl Published {
    /// Returns whether everything that a letter is about was published.
    pub fn covers(&self, letter: &DeadLetter) -> bool {
        match &letter.factories {
            Some(factories) => !factories.iter().any(|id| self.failed.contains(id)),
            None => self.failed.is_empty(),
        }
    }
}

/// Publishes the newest state of every factory that the letters are about; of all factories if one of them is about records that
/// the stream no longer has.
///
/// # Errors
/// `UserError::PublisherFailed`; AWS is not reached or refuses.
pub async fn publish_newest(
    aws: &Aws,
    source: &Source,
    letters: &[DeadLetter],
) -> Result<Published> {
    let mut items = BTreeMap::new();
    let mut published = Published::default();
    if letters.iter().any(|letter| letter.factories.is_none()) {
        let all = aws.stream_records.list_items(&source.table, TREE).await?;
        items.extend(all.into_iter().map(|item| (id(&item), item)));
    }
    let keys = letters.iter().flat_map(|letter| &letter.keys);
    let keys: BTreeMap<String, &JsonItem> = keys.map(|key| (id(key), key)).collect();
    for (id, key) in keys {
        match aws.stream_records.find_item(&source.table, key).await? {
            Some(item) => drop(items.insert(id, item)),
            None => published.gone += 1,
        }
    }
    let items: Vec<(String, JsonItem)> = items.into_iter().collect();
    for chunk in items.chunks(BATCH) {
        let answer = aws.lambda.invoke(&source.publisher, &event(chunk)).await?;
        let failed = failed(&answer, chunk)?;
        published.factories += chunk.len() - failed.len();
        published.failed.extend(failed);
    }
    Ok(published)
}

fn id(item: &JsonItem) -> String {
    let id = item.get("sk").and_then(|value| value["S"].as_str());
    id.unwrap_or_default().to_owned()
}

/// Returns items as the records of a stream; the sequence number of each is its place.
fn event(items: &[(String, JsonItem)]) -> Value {
    let records = items.iter().enumerate().map(|(place, (_, item))| {
        json!({
            "eventID": place.to_string(),
            "eventName": "MODIFY",
            "eventSource": "aws:dynamodb",
            "awsRegion": "",
            "dynamodb": {
                "NewImage": item,
                "SequenceNumber": place.to_string(),
                "SizeBytes": 0,
                "StreamViewType": "NEW_IMAGE",
            },
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// Returns the ids of the items that the publisher reports as failed.
fn failed(answer: &Value, items: &[(String, JsonItem)]) -> Result<Vec<String>> {
    let Some(failures) = answer["batchItemFailures"].as_array() else {
        let problem = answer["errorMessage"]
            .as_str()
            .unwrap_or("it answers nothing of its batch");
        let problem = plain(problem);
        return Err(UserError::PublisherFailed { problem }.into());
    };
    let places = failures.iter().filter_map(|failure| {
        let number = failure["itemIdentifier"].as_str()?;
        number.parse::<usize>().ok()
    });
    let ids = places.filter_map(|place| Some(items.get(place)?.0.clone()));
    Ok(ids.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letters::sample_letter as letter;

    fn item(id: &str) -> (String, JsonItem) {
        let item = json!({ "pk": { "S": TREE }, "sk": { "S": id }, "revision": { "N": "7" } });
        (id.to_owned(), item.as_object().unwrap().clone())
    }

    #[test]
    fn the_publisher_gets_the_items_as_records_of_a_stream() {
        let event = event(&[item("a"), item("b")]);

        let record = &event["Records"][1];
        assert_eq!(record["eventName"], "MODIFY");
        assert_eq!(record["dynamodb"]["SequenceNumber"], "1");
        assert_eq!(record["dynamodb"]["NewImage"]["revision"]["N"], "7");
    }

    #[test]
    fn a_letter_is_done_when_all_that_it_is_about_was_published() {
        let items = [item("a"), item("b"), item("c")];
        let answer = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
        let published = Published {
            failed: failed(&answer, &items).unwrap(),
            ..Published::default()
        };

        assert_eq!(published.failed, ["b"]);
        assert!(published.covers(&letter(Some(&["a", "c"]))));
        assert!(published.covers(&letter(Some(&[]))), "heartbeats only");
        assert!(!published.covers(&letter(Some(&["a", "b"]))));
        assert!(!published.covers(&letter(None)));
        assert!(Published::default().covers(&letter(None)));
    }

    #[test]
    fn a_publisher_that_fails_is_an_error() {
        let answer = json!({ "errorMessage": "no topic", "errorType": "Runtime.ExitError" });
        let error = failed(&answer, &[]).unwrap_err();
        assert_eq!(error.to_string(), "the publisher fails: no topic");
    }
}
