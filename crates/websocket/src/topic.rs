//! The one door to SNS: who is subscribed to the topic.
//!
//! Needs, on the topic: `sns:Subscribe`, `sns:ListSubscriptionsByTopic`; and `sns:Unsubscribe` on `*`,
//! as that action knows no resource.

use anyhow::{Context, Result};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;

use crate::config::TopicArn;
use crate::queues::Queue;

/// The topic that changes come from.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: TopicArn,
}

/// A queue's subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The ARN by which it is deleted.
    pub arn: String,
    /// The ARN of the queue.
    pub queue: String,
}

impl Topic {
    /// Returns the topic, reached through `client`.
    pub fn new(client: Client, arn: TopicArn) -> Self {
        Self { client, arn }
    }

    /// Subscribes a queue: it gets the messages as they were published, without an envelope.
    ///
    /// # Errors
    /// Returns why it could not be subscribed.
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

    /// Says whether the topic itself names a confirmed subscription of a queue.
    ///
    /// # Errors
    /// Returns why that is not known.
    pub async fn has(&self, queue: &Queue) -> Result<bool> {
        let subscriptions = self.subscriptions().await?;
        Ok(subscriptions.iter().any(|known| known.queue == queue.arn))
    }

    /// Returns all confirmed subscriptions of queues.
    ///
    /// # Errors
    /// Returns why they could not be listed.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>> {
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
                    // One that is not confirmed has the words "PendingConfirmation" here.
                    && subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"))
                    });
            subscriptions.extend(queues.filter_map(|subscription| {
                Some(Subscription {
                    arn: subscription.subscription_arn?,
                    queue: subscription.endpoint?,
                })
            }));
        }
        Ok(subscriptions)
    }

    /// Ends a subscription; one that has ended already is fine.
    ///
    /// # Errors
    /// Returns why it could not be ended.
    pub async fn unsubscribe(&self, subscription: &Subscription) -> Result<()> {
        let request = self
            .client
            .unsubscribe()
            .subscription_arn(&subscription.arn);
        match request.send().await {
            Err(error) if error.code() == Some("NotFound") => Ok(()),
            other => other
                .map(drop)
                .with_context(|| format!("failed to unsubscribe queue `{}`", subscription.queue)),
        }
    }

    /// Ends all subscriptions of a queue.
    ///
    /// # Errors
    /// Returns why they could not be ended.
    pub async fn unsubscribe_queue(&self, queue: &Queue) -> Result<()> {
        for subscription in self.subscriptions().await? {
            if subscription.queue == queue.arn {
                self.unsubscribe(&subscription).await?;
            }
        }
        Ok(())
    }
}
