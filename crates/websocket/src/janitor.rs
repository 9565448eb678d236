//! Deletes the queues of servers that died without a word, and subscriptions of queues that are gone.
//!
//! Every server stamps its queue every five minutes, and every server sweeps. A queue without a stamp
//! is nobody's that we know, and is left alone.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;

use crate::clock;
use crate::queues::{Queue, Queues, name_of};
use crate::random;
use crate::topic::{Subscription, Topic};

/// The interval at which each server sweeps; the moment in it is random.
const PERIOD: Duration = Duration::from_secs(15 * 60);

/// The age of a stamp at which its server counts as dead, in seconds: four missed stamps.
const DEAD_SECONDS: u64 = 20 * 60;

/// Sweeps now and then, as long as the server lives.
pub(crate) async fn sweep_forever(queues: &Queues, topic: &Topic) -> Infallible {
    tokio::time::sleep(random::below(PERIOD)).await;
    loop {
        match sweep(queues, topic, clock::seconds_since_1970()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept"),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "failed to sweep"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Deletes what dead servers have left, and returns how many queues and subscriptions that were.
///
/// # Errors
/// Returns the first thing that could not be asked or deleted; the next sweep tries again.
pub async fn sweep(queues: &Queues, topic: &Topic, now: u64) -> Result<usize> {
    let subscriptions = topic.subscriptions().await?;
    let mut deleted = 0;
    // Asked one by one: a list of queues may not show the youngest ones yet.
    for subscription in &subscriptions {
        let name = name_of(&subscription.queue);
        if queues.is_servers(name) && !queues.exists(name).await? {
            topic.unsubscribe(subscription).await?;
            deleted += 1;
        }
    }
    for url in queues.list().await? {
        if is_dead(queues.alive_at(&url).await?, now) {
            deleted += delete(queues, topic, &url, &subscriptions).await?;
        }
    }
    Ok(deleted)
}

/// Deletes queues of earlier runs of this very server: that they are dead needs no stamp.
///
/// # Errors
/// Returns the first thing that could not be asked or deleted.
pub async fn delete_own_earlier(queues: &Queues, topic: &Topic, current: &Queue) -> Result<()> {
    let mut earlier = queues.list().await?;
    earlier.retain(|url| queues.is_own(name_of(url)) && name_of(url) != name_of(&current.arn));
    if earlier.is_empty() {
        return Ok(());
    }
    let subscriptions = topic.subscriptions().await?;
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
        if name_of(&subscription.queue) == name_of(url) {
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

    use crate::fake::Fake;

    #[tokio::test]
    async fn a_sweep_deletes_what_the_dead_left_and_nothing_else() {
        let cloud = Fake::default();
        for (name, stamp) in [
            ("stage-dead-00000001", Some("1000")),
            ("stage-alive-00000002", Some("9000")),
            ("stage-somebodys", None),
            ("elsewhere-dead-00000003", Some("1000")),
        ] {
            let stamp = stamp.map(str::to_owned);
            cloud.lock().queues.insert(name.to_owned(), stamp);
        }
        for name in [
            "stage-dead-00000001",
            "stage-alive-00000002",
            "stage-gone-00000004",
            "other",
        ] {
            let arn = format!("arn:aws:sqs:eu-central-1:000000000000:{name}");
            cloud.lock().subscriptions.push(arn);
        }

        let deleted = sweep(&cloud.queues(), &cloud.topic(), 9_100).await.unwrap();

        let cloud = cloud.lock();
        let queues: Vec<_> = cloud.queues.keys().collect();
        assert_eq!(
            queues,
            [
                "elsewhere-dead-00000003",
                "stage-alive-00000002",
                "stage-somebodys"
            ]
        );
        let subscribed: Vec<_> = cloud.subscriptions.iter().map(|arn| name_of(arn)).collect();
        assert_eq!(subscribed, ["stage-alive-00000002", "other"]);
        assert_eq!(
            deleted, 3,
            "a queue, its subscription, and one without a queue"
        );
    }

    #[test]
    fn a_server_is_dead_after_twenty_minutes_without_a_stamp() {
        assert!(!is_dead(Some(1_000), 1_000 + DEAD_SECONDS));
        assert!(is_dead(Some(1_000), 1_001 + DEAD_SECONDS));
        assert!(!is_dead(Some(9_000), 1_000), "a clock that runs ahead");
        assert!(!is_dead(None, u64::MAX), "nobody's that we know");
    }
}
