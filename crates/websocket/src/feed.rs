//! Where changes come from: a queue of this server's own on the topic, and the table.
//!
//! The order on boot is what makes that nothing is missed: first the queue is subscribed, then it is
//! made sure that the topic knows it, then the table is read strongly consistently, then messages
//! are applied by revision. A change is in the table, or in the queue, or in both.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::Change;
use domain::tree::Effect;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::clock;
use crate::hub::Hub;
use crate::janitor;
use crate::metrics::{Metrics, count};
use crate::queues::{PollError, Queue, Queues, Received};
use crate::random;
use crate::readiness::Readiness;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;
use crate::upkeep;

/// The longest time that the topic may take to name a new subscription.
const CONFIRMATION: Duration = Duration::from_secs(30);

/// The pause between two looks at the topic.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The longest wait before the queue is tried again.
const POLL_LIMIT: Duration = Duration::from_secs(5);

/// The longest wait before a new queue is tried again.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// After how long a silence messages may have been dropped, so that the table is read again.
const LONG_SILENCE: Duration = Duration::from_secs(60);

/// Keeps the hub fed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The queues.
    pub queues: Queues,
    /// The topic.
    pub topic: Topic,
    /// Loads the table into the hub.
    pub loader: TreeLoader,
    /// The hub that receives the changes.
    pub hub: Arc<Hub>,
    /// The readiness that depends on the feed.
    pub readiness: Arc<Readiness>,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

impl Feed {
    /// Feeds the hub until the sender of `stopped` is dropped, then deletes the queue.
    pub async fn run(self, mut stopped: watch::Receiver<()>) {
        let mut queue = None;
        tokio::select! {
            never = self.feed(&mut queue) => match never {},
            never = janitor::sweep_forever(&self.queues, &self.topic) => match never {},
            () = async { while stopped.changed().await.is_ok() {} } => {}
        }
        if let Some(queue) = queue {
            self.disconnect(&queue).await;
        }
    }

    async fn feed(&self, current: &mut Option<Queue>) -> Infallible {
        loop {
            let queue = self.connect(current).await;
            self.readiness.subscribed(clock::now());
            tracing::info!(
                queue = queue.arn,
                factories = self.hub.factories(),
                "subscribed"
            );
            let ended = tokio::select! {
                ended = self.poll(&queue) => ended,
                ended = upkeep::keep(&self.queues, &self.topic, &self.loader, &queue) => ended,
            };
            tracing::warn!(
                queue = queue.arn,
                reason = format!("{ended:#}"),
                "the queue is lost"
            );
            self.readiness.unsubscribed();
            self.disconnect(&queue).await;
            *current = None;
        }
    }

    /// Tries until there is a subscribed queue and a loaded tree.
    async fn connect(&self, current: &mut Option<Queue>) -> Queue {
        let mut backoff = Backoff::up_to(CONNECT_LIMIT);
        loop {
            match self.try_connect(current).await {
                Ok(queue) => return queue,
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "failed to subscribe");
                    if let Some(queue) = current.take() {
                        self.disconnect(&queue).await;
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    async fn try_connect(&self, current: &mut Option<Queue>) -> Result<Queue> {
        let queue = self
            .queues
            .create(&random::hex(), clock::seconds_since_1970())
            .await?;
        // Known from here on: whatever happens next, it is deleted at the end.
        *current = Some(queue.clone());
        self.topic.subscribe(&queue).await?;
        tokio::time::timeout(CONFIRMATION, self.confirm(&queue))
            .await
            .context("the topic does not name the subscription")??;
        self.loader.load().await?;
        if let Err(error) = janitor::delete_own_earlier(&self.queues, &self.topic, &queue).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "failed to delete earlier queues"
            );
        }
        Ok(queue)
    }

    async fn confirm(&self, queue: &Queue) -> Result<()> {
        while !self.topic.has(queue).await? {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Deletes subscription and queue. What cannot be deleted is left to the janitor.
    async fn disconnect(&self, queue: &Queue) {
        let subscription = self.topic.unsubscribe_queue(queue).await;
        let deletion = self.queues.delete(&queue.url).await;
        for error in [subscription, deletion].into_iter().filter_map(Result::err) {
            tracing::warn!(
                error = format!("{error:#}"),
                "failed to delete this server's queue"
            );
        }
    }

    /// Takes messages until the queue is gone.
    async fn poll(&self, queue: &Queue) -> anyhow::Error {
        let mut backoff = Backoff::up_to(POLL_LIMIT);
        let mut last_poll = clock::now();
        let mut taken = Vec::new();
        loop {
            let handles = std::mem::take(&mut taken);
            // What came is told at once, however long the deletion of what came before takes.
            let poll = async {
                let messages = self.queues.poll(queue).await?;
                let polled = clock::now();
                self.readiness.polled(polled);
                count(&self.metrics.polls);
                Ok((polled, self.apply(messages)))
            };
            let (polled, ()) = tokio::join!(poll, self.queues.delete_messages(queue, handles));
            match polled {
                Ok((polled, applied)) => {
                    let silence = polled - last_poll;
                    last_poll = polled;
                    backoff.reset();
                    taken = applied;
                    if silence > LONG_SILENCE
                        && let Err(error) = self.loader.load().await
                    {
                        return error.context("nothing is known of what was missed");
                    }
                }
                Err(PollError::Gone) => return anyhow::Error::new(PollError::Gone),
                Err(PollError::Failed(error)) => {
                    count(&self.metrics.poll_errors);
                    tracing::warn!(error = format!("{error:#}"), "failed to poll the queue");
                    backoff.wait().await;
                }
            }
        }
    }

    /// Gives changes to the hub, and returns the handles of all messages: none is worth a second look.
    fn apply(&self, messages: Vec<Received>) -> Vec<String> {
        let applied = messages.into_iter().map(|message| {
            self.apply_one(&message.body);
            message.handle
        });
        applied.collect()
    }

    fn apply_one(&self, body: &str) {
        count(&self.metrics.received);
        match serde_json::from_str::<Change>(body) {
            Ok(change) => match self.hub.apply(change) {
                Effect::Applied => {}
                Effect::Stale => count(&self.metrics.stale),
            },
            Err(error) => {
                count(&self.metrics.unreadable);
                tracing::error!(%error, "a message cannot be read");
            }
        }
    }
}

#[cfg(test)]
mod tests;
