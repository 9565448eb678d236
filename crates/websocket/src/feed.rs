//! The feed: receives changes from the server's own queue and from the table, and gives them to the hub.
//!
//! The order at start ensures that no change is missed: the feed subscribes the queue, waits until the
//! topic lists the subscription, reads the table strongly consistently, and then applies the messages of
//! the queue by revision. So every change is in the table, in the queue, or in both.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::select_all;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::clock;
use crate::fallback;
use crate::feed_timing::FeedTiming;
use crate::heartbeat::{Heartbeat, Rhythm};
use crate::hub::Hub;
use crate::inbox::Inbox;
use crate::janitor;
use crate::metrics::{Metrics, increment};
use crate::queues::{PollError, Queue, Queues, ReceivedMessage};
use crate::random;
use crate::readiness::Readiness;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;
use crate::upkeep;

/// The time limit for the topic to list a new subscription.
const CONFIRMATION_LIMIT: Duration = Duration::from_secs(30);

/// The wait between two requests for the topic's subscriptions.
const CONFIRMATION_INTERVAL: Duration = Duration::from_millis(250);

/// The longest wait before the feed tries again to create a queue.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// The time without a poll after which the queue may have dropped messages, so that the feed reads the table again.
pub const LONG_SILENCE: Duration = Duration::from_secs(60);

/// The time limit for the deletion of a queue that is replaced.
const DISCONNECTION_LIMIT: Duration = Duration::from_secs(10);

/// The polls at the same time. One of them takes some hundred messages a second, because each batch is one round trip.
const POLLERS: usize = 4;

/// Gives the hub every change from the queue and the table.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The name of this run of the server.
    pub server: String,
    /// The rhythm of heartbeats, checks and retries.
    pub timing: FeedTiming,
    /// The SQS client.
    pub queues: Queues,
    /// The SNS client.
    pub topic: Topic,
    /// Loads the table into the hub.
    pub loader: TreeLoader,
    /// The hub that receives the changes.
    pub hub: Arc<Hub>,
    /// The readiness, which the feed updates.
    pub readiness: Arc<Readiness>,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

impl Feed {
    /// Gives changes to the hub until the sender of `stopped` is dropped, then deletes the queue.
    pub async fn run(self, mut stopped: watch::Receiver<()>) {
        let mut queue = None;
        tokio::select! {
            never = self.feed(&mut queue) => match never {},
            never = janitor::sweep_forever(&self.queues, &self.topic) => match never {},
            never = fallback::keep(&self.loader, &self.readiness, self.timing) => match never {},
            () = async { while stopped.changed().await.is_ok() {} } => {}
        }
        if let Some(queue) = queue {
            self.disconnect(&queue).await;
        }
    }

    async fn feed(&self, current: &mut Option<Queue>) -> Infallible {
        let mut rhythm = Rhythm::new(self.timing);
        let heartbeat = self.heartbeat();
        loop {
            let queue = self.connect(current).await;
            self.readiness.set_subscribed(clock::now());
            tracing::info!(
                queue = queue.arn,
                factories = self.hub.factories(),
                "subscribed"
            );
            let ended = tokio::select! {
                ended = self.poll(&queue) => ended,
                ended = upkeep::keep(&self.queues, &self.topic, &self.loader, &queue, self.timing) => ended,
                ended = heartbeat.watch(&mut rhythm) => ended,
            };
            tracing::warn!(
                queue = queue.arn,
                reason = format!("{ended:#}"),
                "the queue is lost"
            );
            let disconnection = self.disconnect(&queue);
            let _ = tokio::time::timeout(DISCONNECTION_LIMIT, disconnection).await;
            *current = None;
        }
    }

    fn heartbeat(&self) -> Heartbeat<'_> {
        Heartbeat {
            table: &self.loader.table,
            readiness: &self.readiness,
            timing: self.timing,
            server: &self.server,
        }
    }

    /// Retries until a queue is subscribed and the tree is loaded.
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
        // Stored first, so that the queue is deleted at the end even if a later step fails.
        *current = Some(queue.clone());
        self.topic.subscribe(&queue).await?;
        tokio::time::timeout(CONFIRMATION_LIMIT, self.wait_for_confirmation(&queue))
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

    async fn wait_for_confirmation(&self, queue: &Queue) -> Result<()> {
        while !self.topic.has_subscription(queue).await? {
            tokio::time::sleep(CONFIRMATION_INTERVAL).await;
        }
        Ok(())
    }

    /// Deletes the subscription and the queue. If this fails, the janitor of another server deletes them.
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

    /// Receives messages until the queue no longer exists or no longer answers.
    async fn poll(&self, queue: &Queue) -> anyhow::Error {
        let last_poll = Mutex::new(clock::now());
        let pollers = (0..POLLERS).map(|_| Box::pin(self.poll_in_turn(queue, &last_poll)));
        select_all(pollers).await.0
    }

    /// Receives one batch after the other.
    async fn poll_in_turn(&self, queue: &Queue, last_poll: &Mutex<Instant>) -> anyhow::Error {
        let mut backoff = Backoff::up_to(self.timing.poll_limit);
        let mut taken = Vec::new();
        loop {
            let receipt_handles = std::mem::take(&mut taken);
            // New messages are applied at once, however long the deletion of the earlier ones takes.
            let poll = async {
                let messages = self.queues.poll(queue).await?;
                let polled = clock::now();
                increment(&self.metrics.polls);
                Ok((polled, self.apply(messages)))
            };
            let (polled, ()) =
                tokio::join!(poll, self.queues.delete_messages(queue, receipt_handles));
            match polled {
                Ok((polled, applied)) => {
                    let silence = end_silence(last_poll, polled);
                    taken = applied;
                    backoff.reset();
                    if silence > LONG_SILENCE
                        && let Err(error) = self.loader.load().await
                    {
                        return error.context("nothing is known of what was missed");
                    }
                }
                Err(PollError::QueueGone) => return anyhow::Error::new(PollError::QueueGone),
                Err(PollError::Failed(error)) => {
                    increment(&self.metrics.poll_errors);
                    tracing::warn!(error = format!("{error:#}"), "failed to poll the queue");
                    if silence(last_poll, clock::now()) >= self.timing.failing {
                        return error.context("the queue does not answer");
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    /// Gives the changes to the hub, and returns the receipt handles of all messages, unreadable ones included.
    fn apply(&self, messages: Vec<ReceivedMessage>) -> Vec<String> {
        let inbox = Inbox {
            hub: &self.hub,
            readiness: &self.readiness,
            metrics: &self.metrics,
        };
        let applied = messages.into_iter().map(|message| {
            inbox.take(&message.body, clock::now());
            message.receipt_handle
        });
        applied.collect()
    }
}

/// Returns the time since the last poll that succeeded.
fn silence(last_poll: &Mutex<Instant>, now: Instant) -> Duration {
    let last = last_poll.lock().unwrap_or_else(PoisonError::into_inner);
    now.saturating_duration_since(*last)
}

/// Notes a poll that succeeded, and returns the time since the one before.
fn end_silence(last_poll: &Mutex<Instant>, now: Instant) -> Duration {
    let mut last = last_poll.lock().unwrap_or_else(PoisonError::into_inner);
    let silence = now.saturating_duration_since(*last);
    *last = now.max(*last);
    silence
}

#[cfg(test)]
mod tests;
