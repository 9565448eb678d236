//! Deletes the queues of servers that crashed, and the subscriptions of queues that no longer exist.
//!
//! Every server writes the time into a tag of its queue every five minutes, and every server sweeps. The
//! janitor never deletes a queue without this tag, because its owner is unknown.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;

use crate::clock;
use crate::queues::{Queue, Queues, queue_name};
use crate::random;
use crate::topic::{Subscription, Topic};

/// The interval between two sweeps of one server; the first sweep is at a random time within it.
const PERIOD: Duration = Duration::from_secs(15 * 60);

/// The age of the tag after which a server counts as dead, in seconds: four missed updates.
const DEAD_SECONDS: u64 = 20 * 60;

/// Sweeps periodically until the server stops.
pub(crate) async fn sweep_forever(queues: &Queues, topic: &Topic) -> Infallible {
    tokio::time::sleep(random::duration_below(PERIOD)).await;
    loop {
        match sweep(queues, topic, clock::seconds_since_1970()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept"),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "failed to sweep"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Deletes the queues and subscriptions of dead servers, and returns how many it deleted.
///
/// # Errors
/// Returns the first request that failed; the next sweep tries again.
pub async fn sweep(queues: &Queues, topic: &Topic, now: u64) -> Result<usize> {
    let subscriptions = topic.list_subscriptions().await?;
    let mut deleted = 0;
    // Checked one by one, because a list of queues may not include the newest ones yet.
    for subscription in &subscriptions {
        let name = queue_name(&subscription.queue_arn);
        if queues.is_server_queue(name) && !queues.exists(name).await? {
            topic.unsubscribe(subscription).await?;
            deleted += 1;
        }
    }
    for url in queues.list().await? {
        if is_dead(queues.find_alive_at(&url).await?, now) {
            deleted += delete(queues, topic, &url, &subscriptions).await?;
        }
    }
    Ok(deleted)
}

/// Deletes the queues of earlier runs of this server, which are certainly dead, whatever their tags say.
///
/// # Errors
/// Returns the first request that failed.
pub async fn delete_own_earlier(queues: &Queues, topic: &Topic, current: &Queue) -> Result<()> {
    let mut earlier = queues.list().await?;
    earlier.retain(|url| {
        queues.is_own_queue(queue_name(url)) && queue_name(url) != queue_name(&current.arn)
    });
    if earlier.is_empty() {
        return Ok(());
    }
    let subscriptions = topic.list_subscriptions().await?;
    for url in earlier {
        delete(queues, topic, &url, &subscriptions).await?;
    }
    Ok(())
}

async fn delete(
    queues: &Queues,
    topic: &Topic,
    url: &str,
    subscriptions: &[Subscription],
) -> Result<usize> {
    queues.delete(url).await?;
    let mut deleted = 1;
    for subscription in subscriptions {
        if queue_name(&subscription.queue_arn) == queue_name(url) {
            topic.unsubscribe(subscription).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

fn is_dead(alive_at: Option<u64>, now: u64) -> bool {
    alive_at.is_some_and(|alive_at| now.saturating_sub(alive_at) > DEAD_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::fake::FakeAccount;

    #[tokio::test]
    async fn a_sweep_deletes_queues_and_subscriptions_of_dead_servers_and_nothing_else() {
        let account = FakeAccount::default();
        for (name, stamp) in [
            ("stage-dead-00000001", Some("1000")),
            ("stage-alive-00000002", Some("9000")),
            ("stage-somebodys", None),
            ("elsewhere-dead-00000003", Some("1000")),
        ] {
            let stamp = stamp.map(str::to_owned);
            account.lock().queues.insert(name.to_owned(), stamp);
        }
        for name in [
            "stage-dead-00000001",
            "stage-alive-00000002",
            "stage-gone-00000004",
            "other",
        ] {
            let arn = format!("arn:aws:sqs:eu-central-1:000000000000:{name}");
            account.lock().subscriptions.push(arn);
        }

        let deleted = sweep(&account.queues(), &account.topic(), 9_100)
            .await
            .unwrap();

        let account = account.lock();
        let queues: Vec<_> = account.queues.keys().collect();
        assert_eq!(
            queues,
            [
                "elsewhere-dead-00000003",
                "stage-alive-00000002",
                "stage-somebodys"
            ]
        );
        let subscribed: Vec<_> = account
            .subscriptions
            .iter()
            .map(|arn| queue_name(arn))
            .collect();
        assert_eq!(subscribed, ["stage-alive-00000002", "other"]);
        assert_eq!(
            deleted, 3,
            "a queue, its subscription, and one without a queue"
        );
    }

    #[test]
    fn a_server_is_dead_after_twenty_minutes_without_a_tag_update() {
        assert!(!is_dead(Some(1_000), 1_000 + DEAD_SECONDS));
        assert!(is_dead(Some(1_000), 1_001 + DEAD_SECONDS));
        assert!(
            !is_dead(Some(9_000), 1_000),
            "a server whose clock is ahead"
        );
        assert!(!is_dead(None, u64::MAX), "a queue without a tag");
    }
}
