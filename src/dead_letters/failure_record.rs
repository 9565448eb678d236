//! The record of a failure that Lambda sends to the destination of an event source mapping. In: the text of a message. Out: the
//! position of the records, and the reason. Pure.

use serde::Serialize;
use serde_json::Value;

use crate::aws::{SequenceNumber, Shard};
use crate::plain::plain;

/// A failure, as Lambda recorded it.
/// Source: Lambda Developer Guide, "Retain discarded records for a DynamoDB event source in Lambda".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureRecord {
    /// When Lambda gave up (RFC 3339, UTC).
    pub at: String,
    /// Lambda's word for the reason, for example `RetryAttemptsExhausted`.
    pub reason: String,
    /// How often the publisher was called, about.
    pub calls: u64,
    /// Lambda's word for the publisher's last error, for example `Unhandled`; `None` if it reported the records itself.
    pub error: Option<String>,
    /// The number of records.
    pub records: u64,
    /// When the first of them was written, about.
    pub written: String,
    /// The shard that they are in.
    #[serde(skip)]
    pub shard: Shard,
    /// The first of them.
    #[serde(skip)]
    pub first: SequenceNumber,
    /// The last of them.
    #[serde(skip)]
    pub last: SequenceNumber,
}

impl FailureRecord {
    /// Reads a message; returns `None` if it is no such record.
    pub fn read(text: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(text).ok()?;
        let (request, batch) = (&message["requestContext"], &message["DDBStreamBatchInfo"]);
        let word = |value: &Value| value.as_str().map(plain);
        Some(Self {
            at: word(&message["timestamp"])?,
            reason: word(&request["condition"])?,
            calls: request["approximateInvokeCount"]
                .as_u64()
                .unwrap_or_default(),
            error: word(&message["responseContext"]["functionError"]),
            records: batch["batchSize"].as_u64().unwrap_or_default(),
            written: word(&batch["approximateArrivalOfFirstRecord"]).unwrap_or_default(),
            shard: Shard {
                stream: word(&batch["streamArn"])?,
                id: word(&batch["shardId"])?,
            },
            first: SequenceNumber(word(&batch["startSequenceNumber"])?),
            last: SequenceNumber(word(&batch["endSequenceNumber"])?),
        })
    }
}

/// Returns a record of a failure of these records.
#[cfg(test)]
pub(crate) fn sample(first: &str, last: &str) -> FailureRecord {
    let text = serde_json::json!({
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:publisher",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2026-11-26T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001573689847184-864758bb",
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "approximateArrivalOfFirstRecord": "2026-11-26T00:13:19Z",
            "approximateArrivalOfLastRecord": "2026-11-26T00:13:20Z",
            "batchSize": 3,
            "streamArn": "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2026-11-14T00:13:19.717",
        },
    });
    FailureRecord::read(&text.to_string()).expect("a failure record")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_and_reason_are_read() {
        let record = sample("9", "11");

        assert_eq!(record.shard.id, "shardId-00000001573689847184-864758bb");
        assert_eq!((&*record.first.0, &*record.last.0), ("9", "11"));
        insta::assert_json_snapshot!(record, @r#"
        {
          "at": "2026-11-26T00:13:49.717Z",
          "reason": "RetryAttemptsExhausted",
          "calls": 11,
          "error": "Unhandled",
          "records": 3,
          "written": "2026-11-26T00:13:19Z"
        }
        "#);
    }

    #[test]
    fn another_message_is_none() {
        assert_eq!(FailureRecord::read("hello"), None);
        assert_eq!(FailureRecord::read(r#"{"requestContext": {}}"#), None);
    }
}
