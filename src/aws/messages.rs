//! SQS: the messages of a queue, taken for a while, put back or deleted.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};

use super::denied::failure;
use super::sqs::Sqs;

/// The most messages of one call.
/// Source: Amazon SQS Developer Guide, "Amazon SQS message quotas".
const BATCH: usize = 10;

/// The time for which a message that was taken is hidden from others, in seconds, unless it is put back before.
const HIDDEN_SECONDS: i32 = 300;

/// The time for which a call waits for a message, in seconds. A call that does not wait looks at some of the servers of a queue
/// only (Amazon SQS Developer Guide, "Amazon SQS short and long polling").
const WAIT_SECONDS: i32 = 1;

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenMessage {
    /// The handle for putting it back or deleting it.
    pub receipt: String,
    /// Its text.
    pub body: String,
}

impl Sqs {
    /// Takes every message of a queue that nobody else has taken. Others do not see them for five minutes.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:ReceiveMessage`).
    pub async fn take_messages(&self, url: &str) -> Result<Vec<TakenMessage>> {
        let mut taken = BTreeMap::new();
        loop {
            let request = self.client.receive_message().queue_url(url);
            let request = request
                .max_number_of_messages(i32::try_from(BATCH)?)
                .visibility_timeout(HIDDEN_SECONDS)
                .wait_time_seconds(WAIT_SECONDS);
            let answer = request.send().await;
            let answer = answer
                .map_err(|error| failure(error, "sqs:ReceiveMessage"))
                .with_context(|| format!("failed to read queue `{url}`"))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(taken.into_values().collect());
            }
            // A message may come twice; the last handle is the valid one.
            taken.extend(messages.into_iter().filter_map(|message| {
                let receipt = message.receipt_handle?;
                let body = message.body?;
                Some((message.message_id?, TakenMessage { receipt, body }))
            }));
        }
    }

    /// Puts messages back, so that others see them at once.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:ChangeMessageVisibility`).
    pub async fn put_back(&self, url: &str, receipts: &[&str]) -> Result<()> {
        for chunk in receipts.chunks(BATCH) {
            let entries = chunk.iter().enumerate().map(|(place, receipt)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                let entry = entry.id(place.to_string()).receipt_handle(*receipt);
                entry.visibility_timeout(0).build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let request = self.client.change_message_visibility_batch().queue_url(url);
            let answer = request.set_entries(Some(entries)).send().await;
            answer
                .map_err(|error| failure(error, "sqs:ChangeMessageVisibility"))
                .with_context(|| format!("failed to put messages of queue `{url}` back"))?;
        }
        Ok(())
    }

    /// Deletes messages.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:DeleteMessage`), or does not delete one of them.
    pub async fn delete_messages(&self, url: &str, receipts: &[&str]) -> Result<()> {
        for chunk in receipts.chunks(BATCH) {
            let entries = chunk.iter().enumerate().map(|(place, receipt)| {
                let entry = DeleteMessageBatchRequestEntry::builder();
                entry.id(place.to_string()).receipt_handle(*receipt).build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let request = self.client.delete_message_batch().queue_url(url);
            let answer = request.set_entries(Some(entries)).send().await;
            let answer = answer
                .map_err(|error| failure(error, "sqs:DeleteMessage"))
                .with_context(|| format!("failed to delete messages of queue `{url}`"))?;
            let left = answer.failed.len();
            ensure!(
                left == 0,
                "{left} messages of queue `{url}` were not deleted"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_sqs::Client;
    use aws_sdk_sqs::operation::change_message_visibility_batch::ChangeMessageVisibilityBatchOutput;
    use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchOutput;
    use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
    use aws_sdk_sqs::types::{BatchResultErrorEntry, Message};
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    #[tokio::test]
    async fn messages_are_taken_until_none_is_left_and_each_once() {
        let message = |id: &str, receipt: &str| {
            let message = Message::builder().message_id(id).body("{}");
            message.receipt_handle(receipt).build()
        };
        let batches = Mutex::new(vec![
            vec![],
            vec![message("2", "b"), message("1", "c")],
            vec![message("1", "a")],
        ]);
        let receive = mock!(Client::receive_message).then_compute_output(move |_| {
            let batch = batches.lock().unwrap().pop();
            ReceiveMessageOutput::builder().set_messages(batch).build()
        });
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&receive]));

        let taken = client.take_messages("q").await.unwrap();

        let receipts: Vec<_> = taken.iter().map(|message| &*message.receipt).collect();
        assert_eq!(receipts, ["c", "b"]);
    }

    #[tokio::test]
    async fn messages_are_put_back_and_deleted_in_tens() {
        let back = mock!(Client::change_message_visibility_batch).then_output(|| {
            let output = ChangeMessageVisibilityBatchOutput::builder();
            let output = output.set_successful(Some(vec![]));
            output.set_failed(Some(vec![])).build().unwrap()
        });
        let delete = mock!(Client::delete_message_batch).then_output(|| {
            let output = DeleteMessageBatchOutput::builder();
            let output = output.set_successful(Some(vec![]));
            output.set_failed(Some(vec![])).build().unwrap()
        });
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&back, &delete]));

        client.put_back("q", &["a"; 11]).await.unwrap();
        client.delete_messages("q", &["a"; 20]).await.unwrap();

        assert_eq!((back.num_calls(), delete.num_calls()), (2, 2));
    }

    #[tokio::test]
    async fn a_message_that_stays_and_a_refusal_are_errors() {
        let delete = mock!(Client::delete_message_batch).then_output(|| {
            let entry = BatchResultErrorEntry::builder()
                .id("0")
                .code("InternalError");
            let entry = entry.sender_fault(false).build().unwrap();
            let output = DeleteMessageBatchOutput::builder();
            let output = output.set_successful(Some(vec![]));
            output.set_failed(Some(vec![entry])).build().unwrap()
        });
        let receive =
            mock!(Client::receive_message).then_error(|| access_denied!(ReceiveMessageError));
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&delete, &receive]));

        let stays = client.delete_messages("q", &["a"]).await.unwrap_err();
        assert_eq!(
            stays.to_string(),
            "1 messages of queue `q` were not deleted"
        );
        let refused = client.take_messages("q").await.unwrap_err();
        assert_eq!(missing_permission(&refused), Some("sqs:ReceiveMessage"));
    }
}
