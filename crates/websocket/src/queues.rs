//! The SQS client: this server's queue, and the queues of the other servers.
//!
//! It needs these permissions: on `<prefix>-*`: `sqs:CreateQueue`, `DeleteQueue`, `DeleteMessage`, `GetQueueUrl`,
//! `ListQueueTags`, `ReceiveMessage`, `TagQueue`; and `sqs:ListQueues` on `*`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::list_queue_tags::ListQueueTagsError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName as Attribute};

use crate::config::{Config, TopicArn};

/// The tag of a queue with the time at which its server was last alive, in seconds since 1970.
pub const ALIVE_AT: &str = "alive-at";

/// The longest time for which a poll waits for a message, in seconds.
const WAIT_SECONDS: i32 = 20;

/// The time for which the queue keeps a message that nobody receives. The feed reads the table again after any
/// longer silence.
pub const RETENTION: Duration = Duration::from_secs(300);

/// The time for which a received message stays hidden, in seconds. Receiving it twice is harmless.
const HIDDEN_SECONDS: &str = "30";

/// The queues of all servers of one stage.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    topic: TopicArn,
    prefix: String,
    own_prefix: String,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The URL for requests.
    pub url: String,
    /// The ARN for policies and subscriptions.
    pub arn: String,
}

/// A message that was received from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The change as JSON.
    pub body: String,
    /// The handle for deleting the message.
    pub receipt_handle: String,
}

/// The reason why a poll failed.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The queue no longer exists.
    #[error("the queue is gone")]
    QueueGone,
    /// Any other failure, which can be transient.
    #[error("the queue does not answer")]
    Failed(#[source] anyhow::Error),
}

impl Queues {
    /// Returns the queues, reached through a client whose timeouts allow a long poll.
    pub fn connect(aws: &SdkConfig, config: &Config) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(26))
            .build();
        let settings = aws_sdk_sqs::config::Builder::from(aws).timeout_config(timeouts);
        Self::new(Client::from_conf(settings.build()), config)
    }

    /// Returns the queues, reached through `client`.
    pub fn new(client: Client, config: &Config) -> Self {
        Self {
            client,
            topic: config.topic.clone(),
            prefix: format!("{}-", config.queue_prefix),
            own_prefix: config.own_queue_prefix(),
        }
    }

    /// Creates a queue for this server to which only the topic can send, and tags it as alive at `now`.
    ///
    /// The name ends in `run`, because SQS refuses the name of a deleted queue for a minute.
    ///
    /// # Errors
    /// Returns why the queue could not be created.
    pub async fn create(&self, run: &str, now: u64) -> Result<Queue> {
        let name = format!("{}{run}", self.own_prefix);
        let arn = self.topic.queue_arn(&name);
        let seconds = RETENTION.as_secs().to_string();
        let response = self
            .client
            .create_queue()
            .queue_name(&name)
            .attributes(Attribute::Policy, policy(&arn, self.topic.as_str()))
            .attributes(Attribute::SqsManagedSseEnabled, "true")
            .attributes(Attribute::MessageRetentionPeriod, seconds)
            .attributes(Attribute::VisibilityTimeout, HIDDEN_SECONDS)
            .attributes(
                Attribute::ReceiveMessageWaitTimeSeconds,
                WAIT_SECONDS.to_string(),
            )
            .tags(ALIVE_AT, now.to_string())
            .send()
            .await
            .with_context(|| format!("failed to create queue `{name}`"))?;
        let url = response.queue_url.context("a created queue has no URL")?;
        Ok(Queue { url, arn })
    }

    /// Deletes a queue, and succeeds if it does not exist.
    ///
    /// # Errors
    /// Returns why the queue could not be deleted.
    pub async fn delete(&self, url: &str) -> Result<()> {
        let response = self.client.delete_queue().queue_url(url).send().await;
        match response {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_queue_does_not_exist()) =>
            {
                Ok(())
            }
            other => other
                .map(drop)
                .with_context(|| format!("failed to delete queue `{url}`")),
        }
    }

    /// Writes into a tag of the queue that its server is alive at `now`.
    ///
    /// # Errors
    /// Returns why the tag could not be written.
    pub async fn tag_alive(&self, url: &str, now: u64) -> Result<()> {
        let response = self
            .client
            .tag_queue()
            .queue_url(url)
            .tags(ALIVE_AT, now.to_string());
        let response = response.send().await;
        response
            .map(drop)
            .with_context(|| format!("failed to stamp queue `{url}`"))
    }

    /// Waits up to 20 s for messages, and returns up to ten.
    ///
    /// # Errors
    /// Returns why the poll failed. The client does not retry; the caller does.
    pub async fn poll(&self, queue: &Queue) -> Result<Vec<ReceivedMessage>, PollError> {
        let once = aws_sdk_sqs::config::Builder::new().retry_config(RetryConfig::disabled());
        let response = self
            .client
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(10)
            .wait_time_seconds(WAIT_SECONDS)
            .customize()
            .config_override(once)
            .send()
            .await;
        let messages = response.map_err(|error| match error.as_service_error() {
            Some(ReceiveMessageError::QueueDoesNotExist(_)) => PollError::QueueGone,
            _ => PollError::Failed(error.into()),
        })?;
        let messages = messages.messages.unwrap_or_default().into_iter();
        let received = messages.filter_map(|message| {
            Some(ReceivedMessage {
                body: message.body?,
                receipt_handle: message.receipt_handle?,
            })
        });
        Ok(received.collect())
    }

    /// Deletes received messages. If this fails, SQS delivers them again, and the hub ignores them.
    pub async fn delete_messages(&self, queue: &Queue, receipt_handles: Vec<String>) {
        if receipt_handles.is_empty() {
            return;
        }
        let entries = receipt_handles
            .into_iter()
            .enumerate()
            .map(|(place, receipt_handle)| {
                let entry = DeleteMessageBatchRequestEntry::builder();
                entry
                    .id(place.to_string())
                    .receipt_handle(receipt_handle)
                    .build()
            });
        let entries: Vec<_> = entries.filter_map(Result::ok).collect();
        let request = self.client.delete_message_batch().queue_url(&queue.url);
        if let Err(error) = request.set_entries(Some(entries)).send().await {
            let error = anyhow::Error::new(error);
            tracing::warn!(error = format!("{error:#}"), "failed to delete messages");
        }
    }

    /// Returns the URLs of the queues of all servers.
    ///
    /// # Errors
    /// Returns why the queues could not be listed.
    pub async fn list(&self) -> Result<Vec<String>> {
        let request = self.client.list_queues().queue_name_prefix(&self.prefix);
        let mut pages = request.max_results(1_000).into_paginator().send();
        let mut urls = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.context("failed to list queues")?;
            urls.extend(page.queue_urls.unwrap_or_default());
        }
        Ok(urls)
    }

    /// Returns the time at which the server of a queue was last alive, or `None` if the queue has no such tag or no
    /// longer exists: SQS lists a deleted queue for up to a minute.
    ///
    /// # Errors
    /// Returns why the tags could not be read.
    pub async fn find_alive_at(&self, url: &str) -> Result<Option<u64>> {
        let response = self.client.list_queue_tags().queue_url(url).send().await;
        let is_gone = |error: &ListQueueTagsError| error.is_queue_does_not_exist();
        if response
            .as_ref()
            .is_err_and(|error| error.as_service_error().is_some_and(is_gone))
        {
            return Ok(None);
        }
        let tags: HashMap<String, String> = response
            .with_context(|| format!("failed to read the tags of queue `{url}`"))?
            .tags
            .unwrap_or_default();
        Ok(tags.get(ALIVE_AT).and_then(|stamp| stamp.parse().ok()))
    }

    /// Returns whether a queue of this name exists.
    ///
    /// # Errors
    /// Returns why the request failed.
    pub async fn exists(&self, name: &str) -> Result<bool> {
        let response = self.client.get_queue_url().queue_name(name).send().await;
        match response {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_queue_does_not_exist()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error).with_context(|| format!("failed to look for queue `{name}`")),
        }
    }

    /// Returns whether a name belongs to the queue of a server of this stage.
    pub fn is_server_queue(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }

    /// Returns whether a name belongs to the queue of a run of this server.
    pub fn is_own_queue(&self, name: &str) -> bool {
        let run = name.strip_prefix(&self.own_prefix).unwrap_or_default();
        run.len() == 8 && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Returns the name of a queue: the last part of its URL or ARN.
pub fn queue_name(queue: &str) -> &str {
    queue.rsplit(['/', ':']).next().unwrap_or(queue)
}

/// Returns a policy that allows only the topic to send to the queue.
fn policy(queue: &str, topic: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests;
