//! The one door to SQS: this server's queue, and those of its neighbours.
//!
//! Needs, on `<prefix>-*`: `sqs:CreateQueue`, `DeleteQueue`, `DeleteMessage`, `GetQueueUrl`,
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

/// The tag with which a server stamps its queue, in seconds since 1970.
pub const ALIVE_AT: &str = "alive-at";

/// How long a poll waits for a message.
const WAIT_SECONDS: i32 = 20;

/// How long a message waits to be taken. The table is read again after any longer silence.
pub const RETENTION: Duration = Duration::from_secs(300);

/// How long a taken message stays hidden. Taking it a second time would do no harm.
const HIDDEN_SECONDS: &str = "30";

/// All queues of the servers of one stage.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    topic: TopicArn,
    prefix: String,
    stem: String,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Where it is reached.
    pub url: String,
    /// Its name in policies and subscriptions.
    pub arn: String,
}

/// A message taken from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The change as JSON.
    pub body: String,
    /// The receipt by which it is deleted.
    pub handle: String,
}

/// Why a poll gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// There is no such queue any more.
    #[error("the queue is gone")]
    Gone,
    /// Anything else, which may pass.
    #[error("the queue does not answer")]
    Failed(#[source] anyhow::Error),
}

impl Queues {
    /// Returns the queues, with timeouts that leave room for a long poll.
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
            stem: config.queue_stem(),
        }
    }

    /// Creates a queue of this server that only the topic may send to, stamped `now`.
    ///
    /// Its name ends in `run`: SQS refuses a name again for a minute after its queue was deleted.
    ///
    /// # Errors
    /// Returns why it could not be created.
    pub async fn create(&self, run: &str, now: u64) -> Result<Queue> {
        let name = format!("{}{run}", self.stem);
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

    /// Deletes a queue; one that is gone already is fine.
    ///
    /// # Errors
    /// Returns why it could not be deleted.
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

    /// Stamps a queue: its server was alive at `now`.
    ///
    /// # Errors
    /// Returns why it could not be stamped.
    pub async fn stamp(&self, url: &str, now: u64) -> Result<()> {
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
    /// Returns why there are none. Nothing is tried a second time here.
    pub async fn poll(&self, queue: &Queue) -> Result<Vec<Received>, PollError> {
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
            Some(ReceiveMessageError::QueueDoesNotExist(_)) => PollError::Gone,
            _ => PollError::Failed(error.into()),
        })?;
        let messages = messages.messages.unwrap_or_default().into_iter();
        let received = messages.filter_map(|message| {
            Some(Received {
                body: message.body?,
                handle: message.receipt_handle?,
            })
        });
        Ok(received.collect())
    }

    /// Deletes taken messages. What stays comes again, and tells nothing new then.
    pub async fn delete_messages(&self, queue: &Queue, handles: Vec<String>) {
        if handles.is_empty() {
            return;
        }
        let entries = handles.into_iter().enumerate().map(|(place, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder();
            entry.id(place.to_string()).receipt_handle(handle).build()
        });
        let entries: Vec<_> = entries.filter_map(Result::ok).collect();
        let request = self.client.delete_message_batch().queue_url(&queue.url);
        if let Err(error) = request.set_entries(Some(entries)).send().await {
            let error = anyhow::Error::new(error);
            tracing::warn!(error = format!("{error:#}"), "failed to delete messages");
        }
    }

    /// Returns the URLs of all servers' queues.
    ///
    /// # Errors
    /// Returns why they could not be listed.
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

    /// Returns when the server of a queue was last alive, or `None` if the queue has no stamp, or is gone: queues
    /// are listed for up to a minute after they were deleted.
    ///
    /// # Errors
    /// Returns why its tags could not be read.
    pub async fn alive_at(&self, url: &str) -> Result<Option<u64>> {
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

    /// Says whether there is a queue of this name.
    ///
    /// # Errors
    /// Returns why that is not known.
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

    /// Says whether a name is that of a queue of any of the servers.
    pub fn is_servers(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }

    /// Says whether a name is that of a queue of an earlier run of this very server.
    pub fn is_own(&self, name: &str) -> bool {
        let run = name.strip_prefix(&self.stem).unwrap_or_default();
        run.len() == 8 && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Returns a queue's name: the last part of its URL or ARN.
pub fn name_of(queue: &str) -> &str {
    queue.rsplit(['/', ':']).next().unwrap_or(queue)
}

/// Lets the topic send to the queue, and nobody else.
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
