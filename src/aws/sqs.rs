//! SQS: the queues, and the number of messages in them.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use super::denied::failure;

/// The client to SQS.
#[derive(Clone, Debug)]
pub struct Sqs {
    pub(super) client: Client,
}

/// The approximate number of messages in a queue: SQS counts within about a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    /// Messages that nobody has taken yet.
    pub waiting: u64,
    /// Messages taken and not yet deleted.
    pub in_flight: u64,
}

impl Sqs {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists the URLs of the queues whose name begins with `prefix`.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:ListQueues`).
    pub async fn list_queues(&self, prefix: &str) -> Result<Vec<String>> {
        let request = self.client.list_queues().queue_name_prefix(prefix);
        // SQS gives pages only to those who say how long they are.
        let pages = request.max_results(1000).into_paginator().items().send();
        let urls = pages.collect::<Result<Vec<_>, _>>().await;
        urls.map_err(|error| failure(error, "sqs:ListQueues"))
            .with_context(|| format!("failed to list the queues `{prefix}…`"))
    }

    /// Returns the number of messages in a queue, or `None` if there is no such queue.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:GetQueueAttributes`).
    pub async fn find_depth(&self, url: &str) -> Result<Option<Depth>> {
        let request = self.client.get_queue_attributes().queue_url(url);
        let request = request
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        match request.send().await {
            Ok(output) => Ok(Some(depth(&output.attributes.unwrap_or_default()))),
            // A server's queue goes with its server.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_queue_does_not_exist()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure(error, "sqs:GetQueueAttributes"))
                .with_context(|| format!("failed to look into queue `{url}`")),
        }
    }

    /// Deletes a queue. One that is not there is deleted.
    ///
    /// # Errors
    /// SQS is not reached or refuses (`sqs:DeleteQueue`).
    pub async fn delete_queue(&self, url: &str) -> Result<()> {
        match self.client.delete_queue().queue_url(url).send().await {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(|error| error.is_queue_does_not_exist()) =>
            {
                Err(failure(error, "sqs:DeleteQueue"))
                    .with_context(|| format!("failed to delete queue `{url}`"))
            }
            _ => Ok(()),
        }
    }
}

fn depth(attributes: &HashMap<QueueAttributeName, String>) -> Depth {
    let number = |name| attributes.get(&name).and_then(|text| text.parse().ok());
    Depth {
        waiting: number(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or_default(),
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::operation::get_queue_attributes::{
        GetQueueAttributesError, GetQueueAttributesOutput,
    };
    use aws_sdk_sqs::operation::list_queues::{ListQueuesError, ListQueuesOutput};
    use aws_sdk_sqs::types::error::QueueDoesNotExist;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    #[tokio::test]
    async fn a_queue_has_a_depth_and_one_that_has_gone_has_none() {
        let there = mock!(Client::get_queue_attributes)
            .match_requests(|request| request.queue_url() == Some("there"))
            .then_output(|| {
                GetQueueAttributesOutput::builder()
                    .attributes(QueueAttributeName::ApproximateNumberOfMessages, "3")
                    .attributes(
                        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                        "1",
                    )
                    .build()
            });
        let gone = mock!(Client::get_queue_attributes)
            .match_requests(|request| request.queue_url() == Some("gone"))
            .then_error(|| {
                GetQueueAttributesError::QueueDoesNotExist(QueueDoesNotExist::builder().build())
            });
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&there, &gone]));
        let depth = Depth {
            waiting: 3,
            in_flight: 1,
        };
        assert_eq!(client.find_depth("there").await.unwrap(), Some(depth));
        assert_eq!(client.find_depth("gone").await.unwrap(), None);
    }

    #[tokio::test]
    async fn queues_are_listed_over_all_pages() {
        let first = mock!(Client::list_queues)
            .match_requests(|request| request.next_token().is_none())
            .then_output(|| {
                ListQueuesOutput::builder()
                    .queue_urls("a")
                    .next_token("2")
                    .build()
            });
        let second = mock!(Client::list_queues)
            .match_requests(|request| request.next_token() == Some("2"))
            .then_output(|| ListQueuesOutput::builder().queue_urls("b").build());
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&first, &second]));
        assert_eq!(client.list_queues("stage-").await.unwrap(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_refusal_names_the_missing_permission() {
        let depth = mock!(Client::get_queue_attributes)
            .then_error(|| access_denied!(GetQueueAttributesError));
        let list = mock!(Client::list_queues).then_error(|| access_denied!(ListQueuesError));
        let client = Sqs::new(fake_client!(aws_sdk_sqs, [&depth, &list]));
        let error = client.find_depth("a").await.unwrap_err();
        assert_eq!(missing_permission(&error), Some("sqs:GetQueueAttributes"));
        let error = client.list_queues("a").await.unwrap_err();
        assert_eq!(missing_permission(&error), Some("sqs:ListQueues"));
    }
}
