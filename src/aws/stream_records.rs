//! DynamoDB: the records of a table's stream, and items as they are, without a meaning. In: keys. Out: items in the JSON of
//! DynamoDB, in which a record of a stream carries its image too.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde_json::{Map, Value, json};

use super::direct::{Call, Direct};
use super::fault::Fault;
use super::ssm::error;

/// An item, or the key of one, in the JSON of DynamoDB: `{"pk": {"S": "…"}}`.
pub type JsonItem = Map<String, Value>;

/// The client to the records of streams, and to the items of tables.
#[derive(Clone, Debug)]
pub struct StreamRecords {
    streams: Direct,
    tables: Direct,
}

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// The ARN of the stream.
    pub stream: String,
    /// The id of the shard.
    pub id: String,
}

/// The place of a record in its shard. Numbers grow, and are longer than any integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceNumber(pub String);

impl SequenceNumber {
    /// Returns a key by which the numbers of a shard are in order.
    pub fn order(&self) -> (usize, &str) {
        let digits = self.0.trim_start_matches('0');
        (digits.len(), digits)
    }
}

/// The key of a record of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordKey {
    /// The place of the record.
    pub number: SequenceNumber,
    /// The key of the item that was written.
    pub key: JsonItem,
}

/// The most pages of records that are read; a shard of four hours of a busy table has fewer.
const MAX_PAGES: usize = 2_000;

impl StreamRecords {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let way = Direct::new(config, "dynamodb", error);
        Self {
            streams: way.clone().at_host("streams.dynamodb"),
            tables: way,
        }
    }

    /// Returns the keys of the records of a shard from one place to another, or `None` if the first is no longer in the stream,
    /// which keeps a record for 24 hours.
    ///
    /// # Errors
    /// DynamoDB is not reached or refuses (`dynamodb:GetShardIterator`, `dynamodb:GetRecords`).
    pub async fn find_keys(
        &self,
        shard: &Shard,
        first: &SequenceNumber,
        last: &SequenceNumber,
    ) -> Result<Option<Vec<RecordKey>>> {
        let Some(mut iterator) = self.find_iterator(shard, first).await? else {
            return Ok(None);
        };
        let mut keys = Vec::new();
        for _ in 0..MAX_PAGES {
            let body = json!({ "ShardIterator": iterator });
            let page = self.ask_stream("dynamodb:GetRecords", &body).await;
            let page = page.with_context(|| format!("failed to read stream `{}`", shard.stream))?;
            keys.extend(
                page["Records"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(key),
            );
            let is_over = keys
                .last()
                .is_some_and(|key: &RecordKey| key.number.order() >= last.order());
            match page["NextShardIterator"].as_str() {
                Some(next) if !is_over => next.clone_into(&mut iterator),
                _ => break,
            }
        }
        keys.retain(|key| key.number.order() <= last.order());
        Ok(Some(keys))
    }

    async fn find_iterator(&self, shard: &Shard, at: &SequenceNumber) -> Result<Option<String>> {
        let body = json!({
            "StreamArn": shard.stream,
            "ShardId": shard.id,
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "SequenceNumber": at.0,
        });
        match self.ask_stream("dynamodb:GetShardIterator", &body).await {
            Ok(answer) => Ok(answer["ShardIterator"].as_str().map(str::to_owned)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("failed to read stream `{}`", shard.stream))
            }
        }
    }

    /// Returns an item as it is now, or `None` if there is none.
    ///
    /// # Errors
    /// DynamoDB is not reached or refuses (`dynamodb:GetItem`).
    pub async fn find_item(&self, table: &str, key: &JsonItem) -> Result<Option<JsonItem>> {
        let body = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let answer = self.ask_table("dynamodb:GetItem", &body).await;
        let answer = answer.with_context(|| format!("failed to read table `{table}`"))?;
        Ok(answer["Item"].as_object().cloned())
    }

    /// Returns every item of a partition as it is now.
    ///
    /// # Errors
    /// DynamoDB is not reached or refuses (`dynamodb:Query`).
    pub async fn list_items(&self, table: &str, partition: &str) -> Result<Vec<JsonItem>> {
        let mut body = json!({
            "TableName": table,
            "KeyConditionExpression": "pk = :partition",
            "ExpressionAttributeValues": { ":partition": { "S": partition } },
            "ConsistentRead": true,
        });
        let mut items = Vec::new();
        loop {
            let page = self.ask_table("dynamodb:Query", &body).await;
            let page = page.with_context(|| format!("failed to read table `{table}`"))?;
            let of_page = page["Items"].as_array().into_iter().flatten();
            items.extend(of_page.filter_map(|item| item.as_object().cloned()));
            let next = &page["LastEvaluatedKey"];
            if next.as_object().is_none_or(Map::is_empty) {
                return Ok(items);
            }
            body["ExclusiveStartKey"] = next.clone();
        }
    }

    /// Writes an item, in place of the one with its key.
    ///
    /// # Errors
    /// DynamoDB is not reached or refuses (`dynamodb:PutItem`).
    pub async fn put_item(&self, table: &str, item: &JsonItem) -> Result<()> {
        let body = json!({ "TableName": table, "Item": item });
        let answer = self.ask_table("dynamodb:PutItem", &body).await;
        answer.with_context(|| format!("failed to write table `{table}`"))?;
        Ok(())
    }

    async fn ask_stream(&self, permission: &'static str, body: &Value) -> Result<Value> {
        ask(&self.streams, "DynamoDBStreams_20120810", permission, body).await
    }

    async fn ask_table(&self, permission: &'static str, body: &Value) -> Result<Value> {
        ask(&self.tables, "DynamoDB_20120810", permission, body).await
    }
}

/// Source: DynamoDB Low-Level API, "Request format" and "Response format".
async fn ask(way: &Direct, target: &str, permission: &'static str, body: &Value) -> Result<Value> {
    let operation = permission.split(':').next_back().unwrap_or_default();
    let call = Call {
        permission,
        method: "POST",
        path: "/".to_owned(),
        headers: vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", format!("{target}.{operation}")),
        ],
        body: body.to_string(),
    };
    let text = way.send(call).await?;
    serde_json::from_str(&text).context("the answer is not JSON")
}

fn key(record: &Value) -> Option<RecordKey> {
    let change = &record["dynamodb"];
    Some(RecordKey {
        number: SequenceNumber(change["SequenceNumber"].as_str()?.to_owned()),
        key: change["Keys"].as_object()?.clone(),
    })
}

/// Source: DynamoDB Streams API Reference, `GetShardIterator`, "Errors": a record of more than 24 hours ago is trimmed, and
/// later its shard is gone too.
fn is_gone(error: &anyhow::Error) -> bool {
    let code = Fault::of(error).and_then(|fault| fault.code.as_deref());
    matches!(
        code,
        Some("TrimmedDataAccessException" | "ResourceNotFoundException")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::direct::fake_config;

    fn shard() -> Shard {
        let (stream, id) = ("arn:stream".to_owned(), "shard-1".to_owned());
        Shard { stream, id }
    }

    fn number(text: &str) -> SequenceNumber {
        SequenceNumber(text.to_owned())
    }

    #[tokio::test]
    async fn the_keys_from_one_place_to_another_are_read() {
        let record = |number: &str, id: &str| json!({ "dynamodb": { "SequenceNumber": number, "Keys": { "sk": { "S": id } } } });
        let answer = json!({
            "ShardIterator": "i",
            "Records": [record("9", "a"), record("10", "b"), record("11", "c")],
            "NextShardIterator": "j",
        });
        let config = fake_config(|_| 200, &answer.to_string());
        let client = StreamRecords::new(&config);

        let found = client
            .find_keys(&shard(), &number("9"), &number("10"))
            .await;

        let keys = found.unwrap().unwrap();
        let ids: Vec<_> = keys.iter().map(|key| &key.key["sk"]["S"]).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[tokio::test]
    async fn of_records_that_the_stream_no_longer_has_nothing_is_known() {
        for code in ["TrimmedDataAccessException", "ResourceNotFoundException"] {
            let answer = format!(r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}"#);
            let config = fake_config(|_| 400, &answer);
            let client = StreamRecords::new(&config);
            let found = client.find_keys(&shard(), &number("1"), &number("1")).await;
            assert_eq!(found.unwrap(), None, "{code}");
        }
    }

    #[tokio::test]
    async fn an_item_is_read_consistently_and_a_missing_one_is_none() {
        let found = fake_config(
            |request| {
                let body = String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned();
                let target = request.headers()["x-amz-target"].to_str().unwrap();
                let is_right = target == "DynamoDB_20120810.GetItem"
                    && body.contains(r#""ConsistentRead":true"#);
                if is_right { 200 } else { 500 }
            },
            r#"{"Item": {"pk": {"S": "tree"}}}"#,
        );
        let found = StreamRecords::new(&found);
        let item = found.find_item("t", &JsonItem::new()).await.unwrap();
        assert_eq!(item.unwrap()["pk"]["S"], "tree");
        let missing = StreamRecords::new(&fake_config(|_| 200, "{}"));
        let item = missing.find_item("t", &JsonItem::new()).await.unwrap();
        assert_eq!(item, None);
    }
}
