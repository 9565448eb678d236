//! Sending messages to a topic of SNS. The client needs only the permission `sns:Publish` on the topic.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::PublishBatchRequestEntry;

use crate::batch::TopicMessage;
use crate::publish::Publish;

/// The most messages of one call. The call stays far below its limit of 256 KiB, because a message has
/// less than 2 KiB.
const MAX_ENTRIES: usize = 10;

/// The longest time for a call with its retries: a full batch of the stream, ten calls, ends within the function's
/// timeout of 30 s (`templates/api.yaml`), so that the function can report the failed records.
const OPERATION: Duration = Duration::from_millis(2_500);

/// The topic to which the program publishes messages.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// Returns the topic, with region, credentials and endpoint from the environment.
    pub async fn connect(arn: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_millis(1_200))
            .operation_timeout(OPERATION)
            .build();
        let config = startup::aws_config_loader()
            .timeout_config(timeouts)
            .load()
            .await;
        Self::new(Client::new(&config), arn)
    }

    /// Returns the topic, reached through `client`.
    pub fn new(client: Client, arn: &str) -> Self {
        Self {
            client,
            arn: arn.to_owned(),
        }
    }

    async fn publish_chunk<'a>(&self, chunk: &'a [TopicMessage]) -> Vec<&'a TopicMessage> {
        let entries = match entries(chunk) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "a batch could not be built");
                return chunk.iter().collect();
            }
        };
        let response = self
            .client
            .publish_batch()
            .topic_arn(&self.arn)
            .set_publish_batch_request_entries(Some(entries))
            .send()
            .await;
        match response {
            Ok(output) => output
                .failed()
                .iter()
                .inspect(|entry| tracing::error!(code = entry.code(), "a message was refused"))
                .filter_map(|entry| chunk.get(entry.id().parse::<usize>().ok()?))
                .collect(),
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::error!(
                    error = format!("{error:#}"),
                    "a batch could not be published"
                );
                chunk.iter().collect()
            }
        }
    }
}

impl Publish for Topic {
    async fn publish<'a>(&self, messages: &'a [TopicMessage]) -> Vec<&'a TopicMessage> {
        let mut failed = Vec::new();
        for chunk in messages.chunks(MAX_ENTRIES) {
            failed.extend(self.publish_chunk(chunk).await);
        }
        failed
    }
}

/// Returns the entries of one call; an entry's id is its place in the chunk.
fn entries(chunk: &[TopicMessage]) -> Result<Vec<PublishBatchRequestEntry>, BuildError> {
    chunk
        .iter()
        .enumerate()
        .map(|(place, message)| {
            PublishBatchRequestEntry::builder()
                .id(place.to_string())
                .message(&message.text)
                .build()
        })
        .collect()
}
