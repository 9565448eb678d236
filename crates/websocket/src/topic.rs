//! The SNS client: the subscriptions of the topic.
//!
//! It needs these permissions: on the topic `sns:Subscribe` and `sns:ListSubscriptionsByTopic`, and on `*`
//! `sns:Unsubscribe`, because that action supports no resource. It publishes nothing.

use anyhow::{Context, Result};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;

use crate::config::TopicArn;
use crate::queues::Queue;

/// The topic that publishes the changes.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: TopicArn,
}

/// The subscription of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The ARN for deleting the subscription.
    pub arn: String,
    /// The ARN of the queue.
    pub queue_arn: String,
}

impl Topic {
    /// Returns the topic, reached through `client`.
    pub fn new(client: Client, arn: TopicArn) -> Self {
        Self { client, arn }
    }

    /// Subscribes a queue with raw delivery: it receives the messages without an envelope.
    ///
    /// # Errors
    /// Returns why the queue could not be subscribed.
    pub async fn subscribe(&self, queue: &Queue) -> Result<()> {
        let response = self
            .client
            .subscribe()
            .topic_arn(self.arn.as_str())
            .protocol("sqs")
            .endpoint(&queue.arn)
            .attributes("RawMessageDelivery", "true")
            .return_subscription_arn(true)
            .send()
            .await;
        response
            .map(drop)
            .with_context(|| format!("failed to subscribe queue `{}`", queue.arn))
    }

    /// Returns whether the topic lists a confirmed subscription of a queue.
    ///
    /// # Errors
    /// Returns why the subscriptions could not be listed.
    pub async fn has_subscription(&self, queue: &Queue) -> Result<bool> {
        let subscriptions = self.list_subscriptions().await?;
        Ok(subscriptions
            .iter()
            .any(|known| known.queue_arn == queue.arn))
    }

    /// Returns all confirmed subscriptions of queues.
    ///
    /// # Errors
    /// Returns why the subscriptions could not be listed.
    pub async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        let request = self
            .client
            .list_subscriptions_by_topic()
            .topic_arn(self.arn.as_str());
        let mut pages = request.into_paginator().send();
        let mut subscriptions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.context("failed to list the topic's subscriptions")?;
            let queues =
                page.subscriptions
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|subscription| {
                        subscription.protocol() == Some("sqs")
                    // A subscription that is not confirmed has the text "PendingConfirmation" here.
                    && subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"))
                    });
            subscriptions.extend(queues.filter_map(|subscription| {
                Some(Subscription {
                    arn: subscription.subscription_arn?,
                    queue_arn: subscription.endpoint?,
                })
            }));
        }
        Ok(subscriptions)
    }

    /// Deletes a subscription, and succeeds if it does not exist.
    ///
    /// # Errors
    /// Returns why the subscription could not be deleted.
    pub async fn unsubscribe(&self, subscription: &Subscription) -> Result<()> {
        let request = self
            .client
            .unsubscribe()
            .subscription_arn(&subscription.arn);
        match request.send().await {
            Err(error) if error.code() == Some("NotFound") => Ok(()),
            other => other.map(drop).with_context(|| {
                format!("failed to unsubscribe queue `{}`", subscription.queue_arn)
            }),
        }
    }

    /// Deletes all subscriptions of a queue.
    ///
    /// # Errors
    /// Returns why a subscription could not be deleted.
    pub async fn unsubscribe_queue(&self, queue: &Queue) -> Result<()> {
        for subscription in self.list_subscriptions().await? {
            if subscription.queue_arn == queue.arn {
                self.unsubscribe(&subscription).await?;
            }
        }
        Ok(())
    }
}
